-- one row per touched answer that was given before as_of: its latest version, with whom and what it is about
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

touched as (
    select * from {{ ref('int_survey_responses__touched') }}
),

invitations as (
    select * from {{ ref('int_survey_invitations__resolved') }}
),

interactions as (
    select * from {{ ref('int_interactions__referenced') }}
),

ledger_invitations as (
    select * from {{ ref('stg_ledger_invitations') }}
),

employee_programmes as (
    select * from {{ source('ops', 'employee_programmes') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

verbatims as (
    select * from {{ ref('int_survey_responses__verbatims') }}
),

flags as (
    select
        _key,
        _batch_id,
        {{ dbt.listagg('flag', "','", 'order by flag') }} as flags,
        max(case when excludes and flag = 'own_staff' then 1 else 0 end) = 1 as is_own_staff
    from {{ ref('stg_response_flags') }}
    group by
        _key,
        _batch_id
),

versions as (
    select responses.*
    from {{ ref('stg_survey_responses') }} as responses
    inner join touched
        on responses.response_id = touched.response_id
),

latest as (
    {{ latest_version('versions', ['response_id']) }}
),

in_view as (
    select
        latest.*,
        current_build.company_timezone,
        coalesce(
            latest.responded_at,
            {{ start_of_day('latest.period_from', 'current_build.company_timezone') }}
        ) as answered_at
    from latest
    cross join current_build
    left join ledger_invitations
        on {{ as_uuid('latest.invitation_id') }} = ledger_invitations.invitation_id
    left join employee_programmes
        on latest.programme = employee_programmes.programme
    where
        (
            latest.responded_at < current_build.as_of
            or (latest.responded_at is null and latest.period_from < current_build.as_of_on)
            -- without any date it is kept, to be excluded with a reason
            or (latest.responded_at is null and latest.period_from is null)
        )
        -- what employees say about working here is no customer's score
        and ledger_invitations.employee_id is null
        and employee_programmes.programme is null
),

-- the invitation knows best whom it went to; then the answer itself, then the interaction
resolved as (
    select
        in_view.response_id,
        in_view.invitation_id,
        coalesce(invitations.customer_id, {{ survivor_of('in_view.customer_id') }}, interactions.customer_id) as customer_id,
        coalesce(in_view.interaction_id, invitations.interaction_id) as interaction_id,
        in_view.provider,
        coalesce(in_view.programme, invitations.programme, 'survey') as programme,
        in_view.scale,
        invitations.survey_method,
        in_view.locale,
        in_view._flags as loader_flags,
        flags.flags as answer_flags,
        verbatims.verbatim,
        coalesce(flags.is_own_staff, false) as is_own_staff,
        in_view.score,
        coalesce(in_view.is_complete, true) as is_complete,
        in_view.may_call_back,
        in_view.company_timezone,
        case when in_view.responded_at is null then in_view.period_from end as period_starts_on,
        case when in_view.responded_at is null then coalesce(in_view.period_to, in_view.period_from) end as period_ends_on,
        {{ company_date('invitations.sent_at', 'in_view.company_timezone') }} as invited_on,
        {{ company_date('in_view.responded_at', 'in_view.company_timezone') }} as responded_on,
        invitations.sent_at as invited_at,
        in_view.started_at,
        in_view.responded_at,
        in_view.answered_at
    from in_view
    left join invitations
        on in_view.invitation_id = invitations.invitation_id
    left join interactions
        on in_view.interaction_id = interactions.interaction_id
    left join flags
        on
            in_view._key = flags._key
            and in_view._batch_id = flags._batch_id
    left join verbatims
        on in_view._key = verbatims._key
    left join survivors
        on in_view.customer_id = survivors.customer_id
)

select
    resolved.*,
    -- the moment whose segment, unit and value the answer carries; never after the answer itself
    least(coalesce(interactions.occurred_at, resolved.invited_at, resolved.answered_at), resolved.answered_at) as reference_at,
    {{ company_date(
        'least(coalesce(interactions.occurred_at, resolved.invited_at, resolved.answered_at), resolved.answered_at)',
        'resolved.company_timezone'
    ) }} as reference_on
from resolved
left join interactions
    on resolved.interaction_id = interactions.interaction_id
