-- one row per goal × period in which its cell had answers: the goal's own period as far as it has come (`is_own`), and each month of the
-- three years before as_of, by which what is still to come is judged. Not for reading: small cells are not hidden here.
{{ config(post_hook="{{ analyze() }}") }}
{%- set cell = ['goal_id', 'period_starts_on'] %}
{%- set dimensions = survey_dimensions().items() | rejectattr('0', 'equalto', 'all') | list %}
{%- set columns = dimensions | map(attribute=1) | list %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

goals as (
    select * from {{ source('ops', 'goals') }}
),

all_counts as (
    select * from {{ ref('_nps_counts') }}
),

pair_counts as (
    select * from {{ ref('nps_pair_counts') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where excluded_reason is null
),

of_one_dimension as (
    select
        goals.goal_id,
        all_counts.period_starts_on,
        {% for column in count_columns() -%}
        all_counts.{{ column }},
        {% endfor -%}
        all_counts.period_grain = goals.period_grain and all_counts.period_starts_on = goals.period_starts_on as is_of_goal,
        all_counts.period_grain = 'month' as is_of_month
    from goals
    cross join current_build
    inner join all_counts
        on
            goals.programme = all_counts.programme
            and goals.metric = all_counts.metric
            and goals.dimension = all_counts.dimension
            and goals.dimension_value = all_counts.dimension_value
    where
        goals.second_dimension is null
        and (
            (all_counts.period_grain = goals.period_grain and all_counts.period_starts_on = goals.period_starts_on)
            or (
                all_counts.period_grain = 'month'
                and all_counts.period_starts_on >= {{ add_periods('current_build.as_of_on', -36, 'month') }}
            )
        )
),

pairs as (
    select
        goals.*,
        case goals.dimension
            {%- for name, column in dimensions %}
            when '{{ name }}' then '{{ column }}'
            {%- endfor %}
        end as first_column,
        case goals.second_dimension
            {%- for name, column in dimensions %}
            when '{{ name }}' then '{{ column }}'
            {%- endfor %}
        end as second_column
    from goals
    where goals.second_dimension is not null
),

-- pairs are counted in one order of their two columns
sides as (
    select
        goal_id,
        programme,
        metric,
        first_column as one_column,
        dimension_value as one_value,
        second_column as other_column,
        second_value as other_value
    from pairs
    union all
    select
        goal_id,
        programme,
        metric,
        second_column as one_column,
        second_value as one_value,
        first_column as other_column,
        dimension_value as other_value
    from pairs
),

months_of_pairs as (
    select
        sides.goal_id,
        pair_counts.month_starts_on as period_starts_on,
        pair_counts.responses as answers,
        pair_counts.promoters,
        pair_counts.detractors
    from sides
    cross join current_build
    inner join pair_counts
        on
            sides.programme = pair_counts.programme
            and sides.metric = pair_counts.metric
            and sides.one_column = pair_counts.dimension
            and sides.one_value = pair_counts.dimension_value
            and sides.other_column = pair_counts.other_dimension
            and sides.other_value = pair_counts.other_value
    where pair_counts.month_starts_on >= {{ add_periods('current_build.as_of_on', -36, 'month') }}
),

periods_of_pairs as (
    select distinct
        programme,
        metric,
        period_grain,
        period_starts_on,
        period_ends_on
    from pairs
),

-- which answer of a customer counts is decided over all answers of the period, then it is looked at whose it is
placed as (
    select
        1 as sign,
        responses.response_id,
        responses.customer_id,
        responses.programme,
        responses.metric,
        responses.population,
        responses.band,
        responses.responded_at,
        responses.{{ columns | join(',\n        responses.') }},
        periods_of_pairs.period_grain,
        periods_of_pairs.period_starts_on,
        periods_of_pairs.period_ends_on
    from periods_of_pairs
    inner join responses
        on
            periods_of_pairs.programme = responses.programme
            and periods_of_pairs.metric = responses.metric
            and responses.responded_on between periods_of_pairs.period_starts_on and periods_of_pairs.period_ends_on
),

{{ ctes_from_placed_answers_to_counted_answers() }},

in_cells as (
    select
        told_apart.sign,
        pairs.goal_id,
        told_apart.period_starts_on,
        told_apart.repeating_respondent,
        told_apart.net
    from told_apart
    inner join pairs
        on
            told_apart.programme = pairs.programme
            and told_apart.metric = pairs.metric
            and told_apart.period_grain = pairs.period_grain
            and told_apart.period_starts_on = pairs.period_starts_on
    where
        case pairs.first_column
            {%- for column in columns %}
            when '{{ column }}' then told_apart.{{ column }}
            {%- endfor %}
        end = pairs.dimension_value
        and case pairs.second_column
            {%- for column in columns %}
            when '{{ column }}' then told_apart.{{ column }}
            {%- endfor %}
        end = pairs.second_value
),

{{ ctes_from_cells_to_counts('in_cells', cell, 'own_of_pairs') }},

together as (
    {% for condition, is_own in [('is_of_goal', 'true'), ('is_of_month', 'false')] -%}
    select
        {{ cell | join(',\n        ') }},
        {{ count_columns() | join(',\n        ') }},
        {{ is_own }} as is_own
    from of_one_dimension
    where {{ condition }}
    union all
    {% endfor -%}
    select
        {{ cell | join(',\n        ') }},
        {{ count_columns() | join(',\n        ') }},
        true as is_own
    from own_of_pairs
    union all
    select
        {{ cell | join(',\n        ') }},
        answers,
        promoters,
        detractors,
        answers as respondents,
        answers as sum_m_squared,
        promoters + detractors as sum_s_squared,
        promoters - detractors as sum_s_m,
        false as is_own
    from months_of_pairs
),

weighed as (
    select
        together.*,
        {{ design_effect(
            'answers', 'promoters', 'detractors', 'respondents', 'sum_m_squared', 'sum_s_squared', 'sum_s_m'
        ) }} as deff
    from together
)

select * from weighed
