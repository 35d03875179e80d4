-- one row per employee programme × metric × period × unit of that period's first day (with all below it), and one for everybody: how many
-- answered what. Small cells are not hidden here; what may be shown is settled after it, and readers see that alone.
{{ config(post_hook="{{ analyze() }}") }}
{%- set survey = ['programme', 'metric', 'period', 'period_starts_on', 'period_ends_on'] %}

with recursive

answers as (
    select * from {{ ref('int_employee_answers__latest') }}
),

paths as (
    select * from {{ ref('int_org_units__paths') }}
),

surveys as (
    select distinct {{ survey | join(', ') }}
    from answers
),

-- everybody is above the units that stand at the top
units as (
    select
        surveys.{{ survey | join(',\n        surveys.') }},
        paths.org_unit_id,
        coalesce(paths.parent_id, '') as parent_id,
        paths.kind
    from surveys
    inner join paths
        on
            surveys.period_starts_on >= paths.valid_from
            and surveys.period_starts_on < paths.valid_to
    union all
    select
        {{ survey | join(',\n        ') }},
        '' as org_unit_id,
        cast(null as text) as parent_id,
        'everybody' as kind
    from surveys
),

climbed (programme, metric, period, org_unit_id, counts_for) as (
    select distinct
        programme,
        metric,
        period,
        org_unit_id,
        org_unit_id as counts_for
    from answers
    union all
    select
        climbed.programme,
        climbed.metric,
        climbed.period,
        climbed.org_unit_id,
        units.parent_id
    from climbed
    inner join units
        on
            climbed.programme = units.programme
            and climbed.metric = units.metric
            and climbed.period = units.period
            and climbed.counts_for = units.org_unit_id
    where units.parent_id is not null
),

counts as (
    select
        climbed.programme,
        climbed.metric,
        climbed.period,
        climbed.counts_for as org_unit_id,
        count(*) as answers,
        sum(case when answers.band = 'promoter' then 1 else 0 end) as promoters,
        sum(case when answers.band = 'passive' then 1 else 0 end) as passives,
        sum(case when answers.band = 'detractor' then 1 else 0 end) as detractors
    from climbed
    inner join answers
        on
            climbed.programme = answers.programme
            and climbed.metric = answers.metric
            and climbed.period = answers.period
            and climbed.org_unit_id = answers.org_unit_id
    group by
        climbed.programme,
        climbed.metric,
        climbed.period,
        climbed.counts_for
)

select
    units.{{ survey | join(',\n    units.') }},
    units.org_unit_id,
    units.parent_id,
    units.kind,
    cast(coalesce(counts.answers, 0) as bigint) as answers,
    cast(coalesce(counts.promoters, 0) as bigint) as promoters,
    cast(coalesce(counts.passives, 0) as bigint) as passives,
    cast(coalesce(counts.detractors, 0) as bigint) as detractors
from units
left join counts
    on
        units.programme = counts.programme
        and units.metric = counts.metric
        and units.period = counts.period
        and units.org_unit_id = counts.org_unit_id
