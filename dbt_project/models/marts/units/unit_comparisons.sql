-- one row per programme × metric × period grain (rolling_90_days: the current window; quarter: the last one that is over) × dimension
-- (team, branch, org_region) × unit that somebody answered about: its score, and how it stands beside those of all units
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['comparison_id'], 'unique': true}]) }}
{%- set kind = 'partition by programme, metric, period_grain, period_starts_on, dimension' %}
{%- set scores = cell_columns() + ['reporting', 'responses', 'nps', 'nps_low', 'nps_high'] %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

counts as (
    select * from {{ ref('int_units__counts') }}
),

nps_current as (
    select * from {{ ref('nps_current') }}
),

nps_by_segment as (
    select * from {{ ref('nps_by_segment') }}
),

shrunk as (
    {{ analysed_in_build('shrunk_scores') }}
),

org_units as (
    select * from {{ ref('dim_org_units') }}
),

scored as (
    select {{ scores | join(',\n        ') }}
    from nps_current
    where period_grain = 'rolling_90_days'
    union all
    select nps_by_segment.{{ scores | join(',\n        nps_by_segment.') }}
    from nps_by_segment
    cross join current_build
    where
        nps_by_segment.period_grain = 'quarter'
        and nps_by_segment.period_ends_on = {{ add_days(period_start('current_build.as_of_on', 'quarter'), -1) }}
),

-- of all units of a kind, those with few answers too
pooled as (
    select
        *,
        count(*) over ({{ kind }}) as units_compared,
        cast(sum(promoters - detractors) over ({{ kind }}) as numeric(38, 18)) / sum(answers) over ({{ kind }}) as centre,
        cast(sum(promoters + detractors) over ({{ kind }}) as numeric(38, 18)) / sum(answers) over ({{ kind }}) as mean_of_squares
    from counts
),

-- under its last name, where a unit has had several
named as (
    select
        org_unit_id,
        name,
        row_number() over (
            partition by org_unit_id
            order by valid_from desc
        ) as recency
    from org_units
),

compared as (
    select
        scored.*,
        named.name as unit_name,
        pooled.units_compared,
        pooled.centre,
        scored.reporting <> 'hidden' as is_shown,
        {% for limit, sigmas, sign in [
            ('low_95', z_95(), '-'), ('high_95', z_95(), '+'), ('low_998', z_998(), '-'), ('high_998', z_998(), '+')
        ] -%}
        {{ in_points(
            limit_of_mean('pooled.centre', 'pooled.mean_of_squares', 'pooled.n_effective', sigmas, sign)
        ) }} as funnel_{{ limit }},
        {% endfor -%}
        shrunk.nps_shrunk,
        shrunk.nps_shrunk_low,
        shrunk.nps_shrunk_high,
        shrunk.probability_top_quartile,
        shrunk.prior_strength
    from scored
    inner join pooled
        on {{ is_same_cell('scored', 'pooled') }}
    left join shrunk
        on {{ is_same_cell('scored', 'shrunk') }}
    left join named
        on
            scored.dimension_value = named.org_unit_id
            and named.recency = 1
)

select
    {{ stable_id('unit_comparison', cell_columns()) }} as comparison_id,
    programme,
    metric,
    period_grain,
    dimension,
    dimension_value,
    unit_name,
    reporting,
    case
        when nps > funnel_high_998 then 'above 99.8 %'
        when nps > funnel_high_95 then 'above 95 %'
        when nps < funnel_low_998 then 'below 99.8 %'
        when nps < funnel_low_95 then 'below 95 %'
    end as outside,
    responses as n,
    units_compared,
    nps,
    nps_low,
    nps_high,
    cast(case when is_shown then round(100 * centre, 4) end as numeric(9, 4)) as nps_of_all_units,
    {% for limit in ['low_95', 'high_95', 'low_998', 'high_998'] -%}
    case when is_shown then funnel_{{ limit }} end as funnel_{{ limit }},
    {% endfor -%}
    nps_shrunk,
    nps_shrunk_low,
    nps_shrunk_high,
    probability_top_quartile,
    prior_strength,
    period_starts_on,
    period_ends_on
from compared
