-- one row per programme × metric × period × dimension (team, branch, org_region) × unit in which somebody answered about the unit: months,
-- quarters, and the 90 days that end with as_of. Small cells are not hidden here: how alike units are is learnt from all of them.
{{ config(post_hook="{{ analyze() }}") }}
{%- set columns = cell_columns() + count_columns() %}

with

current_build as (
    select
        ops_build.*,
        {{ last_company_date_before('ops_build.as_of', 'ops_build.company_timezone') }} as last_day
    from {{ source('ops', 'current_build') }} as ops_build
),

kept_counts as (
    select * from {{ ref('_nps_counts') }}
),

rolling_counts as (
    select * from {{ ref('int_nps__rolling_counts') }}
),

counts as (
    select {{ columns | join(',\n        ') }}
    from kept_counts
    where period_grain in ('month', 'quarter')
    union all
    select rolling_counts.{{ columns | join(',\n        rolling_counts.') }}
    from rolling_counts
    inner join current_build
        on rolling_counts.period_ends_on = current_build.last_day
),

weighed as (
    select
        *,
        {{ design_effect(
            'answers', 'promoters', 'detractors', 'respondents', 'sum_m_squared', 'sum_s_squared', 'sum_s_m'
        ) }} as deff
    from counts
    where dimension in ({{ "'" ~ compared_units() | join("', '") ~ "'" }})
)

select
    {{ cell_columns() | join(',\n    ') }},
    answers,
    promoters,
    answers - promoters - detractors as passives,
    detractors,
    deff,
    cast(round(answers / deff, 4) as numeric(18, 4)) as n_effective
from weighed
