-- one row per programme × weighting wave × day × segment × tenure × spend: how many could have been asked on that day, were asked, and
-- answered in time. Spend is what the customer brought in the year before.
-- Kept between builds: waves in which anything changed are forgotten and counted again. Not for reading: representativeness carries it.
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

members as (
    select
        members.weighting_id,
        members.programme,
        members.weighting_wave,
        members.asked_on,
        coalesce(members.segment, 'unknown') as segment,
        coalesce(members.tenure_band, 'unknown') as tenure_band,
        coalesce(members.value_band, 'unknown') as value_band,
        members.is_invited,
        -- without a chance that anybody knows, everyone asked counts alike
        coalesce(members.design_weight, 1) as design_weight,
        case when members.is_completed_in_time then 1 else 0 end as is_answered
    from {{ ref('_frame_members') }} as members
    {% if is_incremental() -%}
    inner join {{ ref('int_weighting__waves_touched') }} as touched
        on members.weighting_id = touched.weighting_id
    {% endif -%}
    -- of somebody unknown nothing tells whom he or she is like
    where members.customer_id is not null
)

select
    weighting_id,
    programme,
    weighting_wave,
    segment,
    tenure_band,
    value_band,
    cast(count(*) as bigint) as frame,
    cast(sum(case when is_invited then 1 else 0 end) as bigint) as invited,
    cast(sum(is_answered) as bigint) as answered,
    cast(sum(case when is_invited then design_weight else 0 end) as numeric(38, 12)) as weight,
    cast(sum(is_answered * design_weight) as numeric(38, 12)) as weight_answered,
    cast(sum(case when is_invited then design_weight * design_weight else 0 end) as numeric(38, 12)) as weight_squared,
    asked_on
from members
group by
    weighting_id,
    programme,
    weighting_wave,
    asked_on,
    segment,
    tenure_band,
    value_band
