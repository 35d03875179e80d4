-- one row per day and combination of everything by which answers can be cut: how many there were, and their bands.
-- Kept between builds: days of which answers came, changed or went are forgotten and counted anew.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('counted_on', ref('int_nps__changed_days')) }}",
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['counted_on']}],
    )
}}

with

responses as (
    select
        responses.*,
        coalesce(responses.responded_on, responses.period_starts_on) as counted_on
    from {{ ref('fct_survey_responses') }} as responses
    where responses.excluded_reason is null
),

in_view as (
    select responses.*
    from responses
    {% if is_incremental() -%}
    inner join {{ ref('int_nps__changed_days') }} as days
        on responses.counted_on = days.counted_on
    {%- else -%}
    where responses.counted_on is not null
    {%- endif %}
),

-- about the relationship a customer speaks once a day: the latest answer
ranked as (
    select
        *,
        row_number() over (
            partition by programme, metric, customer_id, counted_on, responded_on, period_ends_on
            order by responded_at desc nulls last, response_id desc
        ) as recency
    from in_view
    where
        population = 'relationship'
        and customer_id is not null
),

counted as (
    select
        counted_on,
        band,
        {{ drill_columns() | join(',\n        ') }}
    from ranked
    where recency = 1
    union all
    select
        counted_on,
        band,
        {{ drill_columns() | join(',\n        ') }}
    from in_view
    where
        population = 'transactional'
        or customer_id is null
)

-- by day, so that days that are read together lie together
select
    counted_on,
    cast(count(*) as integer) as responses,
    cast(sum(case when band = 'promoter' then 1 else 0 end) as integer) as promoters,
    cast(sum(case when band = 'passive' then 1 else 0 end) as integer) as passives,
    cast(sum(case when band = 'detractor' then 1 else 0 end) as integer) as detractors,
    {{ drill_columns() | join(',\n    ') }}
from counted
group by
    counted_on,
    {{ drill_columns() | join(',\n    ') }}
order by counted_on
