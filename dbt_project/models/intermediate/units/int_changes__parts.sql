-- one row per programme × metric × period (month, quarter, rolling_90_days) × dimension × part: counts of the period and of the one before.
-- Parts are the values that somebody answered for in either period, and the answers without a value (`rest`): they add up to the total.
{{ config(post_hook="{{ analyze() }}") }}
{%- set period = ['programme', 'metric', 'period_grain', 'period_starts_on', 'period_ends_on'] %}
{%- set sums = both_sides(['answers', 'promoters', 'detractors']) %}
{%- set all_sums = both_sides(count_columns()) %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

kept_counts as (
    select * from {{ ref('_nps_counts') }}
),

rolling_counts as (
    select * from {{ ref('int_nps__rolling_counts') }}
),

cells as (
    select
        kept_counts.{{ (cell_columns() + count_columns()) | join(',\n        kept_counts.') }},
        {{ add_days('kept_counts.period_ends_on', 1) }} as next_starts_on,
        {{ add_days(shifted_period_start(add_days('kept_counts.period_ends_on', 1), 1), -1) }} as next_ends_on
    from kept_counts
    cross join current_build
    where
        kept_counts.period_grain in ('month', 'quarter')
        and kept_counts.period_ends_on < current_build.as_of_on
    union all
    select
        {{ (cell_columns() + count_columns()) | join(',\n        ') }},
        {{ add_days('period_ends_on', 1) }} as next_starts_on,
        {{ add_days('period_ends_on', 90) }} as next_ends_on
    from rolling_counts
),

stacked as (
    select
        {{ cell_columns() | join(',\n        ') }},
        {{ count_columns() | join(',\n        ') }},
        0 as earlier_{{ count_columns() | join(',\n        0 as earlier_') }}
    from cells
    union all
    select
        programme,
        metric,
        period_grain,
        next_starts_on as period_starts_on,
        next_ends_on as period_ends_on,
        dimension,
        dimension_value,
        0 as {{ count_columns() | join(',\n        0 as ') }},
        {{ count_columns() | join(',\n        ') }}
    from cells
),

paired as (
    select
        {{ cell_columns() | join(',\n        ') }},
        {% for column in all_sums -%}
        cast(sum({{ column }}) as bigint) as {{ column }},
        {% endfor -%}
        case when dimension = 'all' then 'total' else 'value' end as part
    from stacked
    group by
        {{ cell_columns() | join(',\n        ') }}
),

-- a change is one from a period with answers to one with answers
totals as (
    select *
    from paired
    where
        part = 'total'
        and answers > 0
        and earlier_answers > 0
),

weighed as (
    select
        paired.{{ cell_columns() | join(',\n        paired.') }},
        paired.part,
        paired.{{ sums | join(',\n        paired.') }},
        case when paired.answers > 0 then {{ design_effect(
            'paired.answers', 'paired.promoters', 'paired.detractors', 'paired.respondents',
            'paired.sum_m_squared', 'paired.sum_s_squared', 'paired.sum_s_m'
        ) }} end as deff,
        case when paired.earlier_answers > 0 then {{ design_effect(
            'paired.earlier_answers', 'paired.earlier_promoters', 'paired.earlier_detractors', 'paired.earlier_respondents',
            'paired.earlier_sum_m_squared', 'paired.earlier_sum_s_squared', 'paired.earlier_sum_s_m'
        ) }} end as earlier_deff
    from paired
    inner join totals
        on {{ is_same_period('paired', 'totals') }}
),

with_a_value as (
    select
        {{ period | join(',\n        ') }},
        dimension,
        {% for column in sums -%}
        sum({{ column }}) as {{ column }},
        {% endfor -%}
        'rest' as part
    from weighed
    where part = 'value'
    group by
        {{ period | join(',\n        ') }},
        dimension
),

rests as (
    select
        with_a_value.{{ period | join(',\n        with_a_value.') }},
        with_a_value.dimension,
        'without a value' as dimension_value,
        with_a_value.part,
        {% for column in sums -%}
        cast(totals.{{ column }} - with_a_value.{{ column }} as bigint) as {{ column }},
        {% endfor -%}
        cast(null as numeric(38, 18)) as deff,
        cast(null as numeric(38, 18)) as earlier_deff
    from with_a_value
    inner join totals
        on {{ is_same_period('with_a_value', 'totals') }}
),

-- the total stands in every dimension that takes it apart
totals_by_dimension as (
    select
        totals.{{ period | join(',\n        totals.') }},
        with_a_value.dimension,
        'all' as dimension_value,
        totals.part,
        totals.{{ sums | join(',\n        totals.') }},
        totals.deff,
        totals.earlier_deff
    from with_a_value
    inner join weighed as totals
        on
            {{ is_same_period('with_a_value', 'totals') }}
            and totals.part = 'total'
),

parts as (
    select * from weighed
    union all
    select * from totals_by_dimension
    union all
    select * from rests
    where
        answers > 0
        or earlier_answers > 0
)

select * from parts
