-- one row per weighting wave × cell of its margins × metric × design weight × jackknife group × band: how many answered. Those whose
-- chance of being asked nobody knows have no design weight, and are counted apart.
{{ config(post_hook="{{ analyze() }}") }}

with

answers as (
    select * from {{ ref('int_weighting__answers') }}
    where margin_cell is not null
)

select
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
    programme,
    weighting_wave,
    margin_cell,
    metric,
    band,
    design_weight,
    replicate_group
