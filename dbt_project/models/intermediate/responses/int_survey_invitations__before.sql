-- one row per invitation whose place in a cohort may change, as the last build left it: the touched ones, and those whose days to be
-- answered in ran out since. Empty when all is made anew.
{{ config(post_hook="{{ analyze() }}") }}

{% if adds_to_kept_marts() -%}
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

last_build as (
    select * from {{ source('marts_next', '_applied_state') }}
),

touched as (
    select * from {{ ref('int_survey_invitations__touched') }}
),

kept as (
    select * from {{ as_left_by_last_build('fct_survey_invitations') }}
),

days as (
    select
        {{ add_days(company_date('last_build.as_of', 'current_build.company_timezone'), '-current_build.maturity_days') }} as mature_before,
        {{ add_days('current_build.as_of_on', '-current_build.maturity_days') }} as mature_now
    from current_build
    cross join last_build
),

to_place as (
    select invitation_id from touched
    union
    select kept.invitation_id
    from kept
    inner join days
        on
            (kept.invited_on >= days.mature_before and kept.invited_on < days.mature_now)
            -- what was not sent counts on the day of the draw
            or (kept.invited_on is null and kept.cohort_on >= days.mature_before and kept.cohort_on < days.mature_now)
)

select
    kept.*,
    kept.cohort_on < days.mature_before as is_mature
from kept
cross join days
inner join to_place
    on kept.invitation_id = to_place.invitation_id
{%- else -%}
select cast(null as text) as invitation_id
where false
{%- endif %}
