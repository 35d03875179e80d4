-- one row per employee programme × metric × finished survey × unit of its first day (with all below it), and one for everybody: how likely
-- our people are to recommend working here. Hidden are small groups, and as many others as it takes that none can be found by subtraction.
{{
    config(
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['employee_nps_id'], 'unique': true}],
    )
}}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

cells as (
    select * from {{ ref('int_employee_answers__cells') }}
),

allowed as (
    {{ analysed_in_build('employee_cells') }}
    where analysed.shows_score
),

shown as (
    select
        cells.*,
        allowed.org_unit_id is not null as is_shown,
        {{ nps('cells.detractors', 'cells.passives', 'cells.promoters') }} as nps,
        {{ adjusted_wald_low('cells.detractors', 'cells.passives', 'cells.promoters') }} as nps_low,
        {{ adjusted_wald_high('cells.detractors', 'cells.passives', 'cells.promoters') }} as nps_high
    from cells
    left join allowed
        on
            cells.programme = allowed.programme
            and cells.metric = allowed.metric
            and cells.period = allowed.period
            and cells.org_unit_id = allowed.org_unit_id
)

select
    {{ stable_id('employee_nps', ['shown.programme', 'shown.metric', 'shown.period', 'shown.org_unit_id']) }} as employee_nps_id,
    shown.programme,
    shown.metric,
    shown.period,
    nullif(shown.org_unit_id, '') as org_unit_id,
    shown.kind as unit_kind,
    case
        when not shown.is_shown then 'hidden'
        when shown.answers < current_build.indicative_below then 'indicative'
        when (shown.nps_high - shown.nps_low) / 2 > current_build.indicative_half_width then 'indicative'
        else 'reportable'
    end as reporting,
    case when shown.is_shown then shown.answers end as responses,
    case when shown.is_shown then shown.promoters end as promoters,
    case when shown.is_shown then shown.passives end as passives,
    case when shown.is_shown then shown.detractors end as detractors,
    cast(case when shown.is_shown then shown.nps end as numeric(9, 4)) as nps,
    cast(case when shown.is_shown then shown.nps_low end as numeric(9, 4)) as nps_low,
    cast(case when shown.is_shown then shown.nps_high end as numeric(9, 4)) as nps_high,
    shown.period_starts_on,
    shown.period_ends_on
from shown
cross join current_build
