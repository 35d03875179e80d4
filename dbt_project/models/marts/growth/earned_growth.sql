-- one row per month, quarter and year that is over: how much of growth was earned by customers who stayed and who brought others
{% set parts = growth_parts() -%}
with

periods as (
    select * from {{ ref('int_earned_growth__periods') }}
),

revenue_parts as (
    select * from {{ ref('int_earned_growth__parts') }}
),

summed as (
    select
        periods.period_grain,
        periods.is_covered,
        {% for part in parts -%}
        coalesce(sum(case when revenue_parts.part = '{{ part }}' then revenue_parts.customers end), 0) as {{ part }}_customers,
        coalesce(sum(case when revenue_parts.part = '{{ part }}' then revenue_parts.amount end), 0) as {{ part }}_revenue,
        {% endfor -%}
        coalesce(sum(revenue_parts.customers), 0) as customers,
        coalesce(sum(revenue_parts.amount), 0) as revenue,
        periods.period_starts_on,
        periods.period_ends_on
    from periods
    left join revenue_parts
        on
            periods.period_grain = revenue_parts.period_grain
            and periods.period_starts_on = revenue_parts.period_starts_on
    group by
        periods.period_grain,
        periods.is_covered,
        periods.period_starts_on,
        periods.period_ends_on
),

-- periods follow each other without a gap
followed as (
    select
        *,
        is_covered
        and coalesce(
            lag(is_covered) over (
                partition by period_grain
                order by period_starts_on
            ),
            false
        ) as is_comparable,
        lag(customers) over (
            partition by period_grain
            order by period_starts_on
        ) as customers_of_period_before,
        lag(revenue) over (
            partition by period_grain
            order by period_starts_on
        ) as revenue_of_period_before
    from summed
),

compared as (
    select
        *,
        case when is_comparable then customers_of_period_before end as customers_before,
        case when is_comparable then revenue_of_period_before end as revenue_before,
        -- nothing is a share of no revenue, or of a period with more refunds than sales
        case when is_comparable and revenue_of_period_before > 0 then revenue_of_period_before end as base
    from followed
),

rated as (
    select
        *,
        revenue / base - 1 as growth_rate,
        retained_revenue / base as net_revenue_retention,
        earned_new_revenue / base as earned_new_rate,
        bought_new_revenue / base as bought_new_rate,
        -- what is known to be earned, and all that is not known to be bought
        (retained_revenue + earned_new_revenue) / base - 1 as earned_growth_rate_low,
        (revenue - bought_new_revenue) / base - 1 as earned_growth_rate_high
    from compared
)

select
    {{ stable_id('earned_growth', ['period_grain', 'cast(period_starts_on as text)']) }} as earned_growth_id,
    period_grain,
    cast(customers as bigint) as customers,
    cast(customers_before as bigint) as customers_before,
    {% for part in parts -%}
    cast({{ part }}_customers as bigint) as {{ part }}_customers,
    {% endfor -%}
    cast(revenue as numeric(18, 4)) as revenue,
    cast(revenue_before as numeric(18, 4)) as revenue_before,
    {% for part in parts -%}
    cast({{ part }}_revenue as numeric(18, 4)) as {{ part }}_revenue,
    {% endfor -%}
    {% for rate in [
        'growth_rate', 'net_revenue_retention', 'earned_new_rate', 'bought_new_rate', 'earned_growth_rate_low', 'earned_growth_rate_high',
    ] -%}
    cast({{ rate }} as numeric(18, 6)) as {{ rate }},
    {% endfor -%}
    {% for end in ['low', 'high'] -%}
    cast(case when growth_rate > 0 then earned_growth_rate_{{ end }} / growth_rate end as numeric(18, 6)) as earned_growth_ratio_{{ end }},
    {% endfor -%}
    is_comparable,
    period_starts_on,
    period_ends_on
from rated
