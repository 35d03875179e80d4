-- one row per weighting wave × cell of its margins × metric × design weight × jackknife group × band: how many answered. Those whose
-- chance of being asked nobody knows have no design weight, and are counted apart.
-- Kept between builds: waves that are weighed anew are forgotten and counted again. Not for reading: survey_weightings carries it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('weighting_id', ref('int_weighting__waves_touched')) }}",
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['weighting_id']}],
    )
}}

with

answers as (
    select * from {{ ref('int_weighting__answers') }}
    where margin_cell is not null
)

select
    weighting_id,
    programme,
    weighting_wave,
    margin_cell,
    metric,
    band,
    design_weight,
    replicate_group,
    count(*) as answers
from answers
group by
    weighting_id,
    programme,
    weighting_wave,
    margin_cell,
    metric,
    band,
    design_weight,
    replicate_group
