-- one row per answer of an employee about working here, of a survey that is over: its latest version, with the unit it counts for.
-- Answers are shown when nobody can answer any more, so that no two publications differ by one person. Nobody's id is in it.
{{ config(pre_hook="{{ join_by_hash() }}", post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

scales as (
    select * from {{ source('ops', 'scales') }}
),

programmes as (
    select * from {{ source('ops', 'employee_programmes') }}
),

invitations as (
    select * from {{ ref('stg_ledger_invitations') }}
    where employee_id is not null
),

waves as (
    select * from {{ ref('stg_ledger_waves') }}
),

employees as (
    select * from {{ ref('int_employees__history') }}
),

units as (
    select * from {{ ref('int_org_units__paths') }}
),

-- few programmes are employees', so few answers are looked at
asking as (
    select programme from programmes
    union
    select programme from invitations
),

versions as (
    select
        responses.*,
        invitations.wave_id,
        invitations.employee_id,
        coalesce(invitations.programme, responses.programme) as survey
    from {{ ref('stg_survey_responses') }} as responses
    inner join asking
        on responses.programme = asking.programme
    left join invitations
        on {{ as_uuid('responses.invitation_id') }} = invitations.invitation_id
    left join programmes
        on responses.programme = programmes.programme
    where
        invitations.invitation_id is not null
        or programmes.programme is not null
),

latest as (
    {{ latest_version('versions', ['response_id']) }}
),

words as (
    {{ versions_in_build('survey_responses', schema='pii') }}
),

latest_words as (
    select
        words._key,
        words._batch_id,
        row_number() over (
            partition by words._key
            order by words.updated_at desc nulls last, words._loaded_at desc, words._batch_id desc
        ) as recency
    from words
    inner join latest
        on words._key = latest._key
),

redacted as (
    select
        latest_words._key,
        redacted_verbatims.verbatim
    from latest_words
    inner join {{ ref('stg_redacted_verbatims') }} as redacted_verbatims
        on
            latest_words._key = redacted_verbatims._key
            and latest_words._batch_id = redacted_verbatims._batch_id
    where latest_words.recency = 1
),

wave_ends as (
    select
        wave_id,
        max(expires_at) as over_at
    from invitations
    group by wave_id
),

-- every answer is in one period alone: its wave, else the period that it declares, else its quarter
dated as (
    select
        latest.*,
        wave_ends.over_at,
        case
            when latest.wave_id is not null then {{ company_date('waves.as_of', 'current_build.company_timezone') }}
            when latest.responded_at is null then latest.period_from
            else {{ period_start(company_date('latest.responded_at', 'current_build.company_timezone'), 'quarter') }}
        end as period_starts_on,
        case
            when latest.wave_id is not null
                then {{ last_company_date_before('wave_ends.over_at', 'current_build.company_timezone') }}
            when latest.responded_at is null then coalesce(latest.period_to, latest.period_from)
            else {{ add_days(
                add_periods(
                    period_start(company_date('latest.responded_at', 'current_build.company_timezone'), 'quarter'), 1, 'quarter'
                ), -1
            ) }}
        end as period_ends_on
    from latest
    cross join current_build
    left join waves
        on latest.wave_id = waves.wave_id
    left join wave_ends
        on latest.wave_id = wave_ends.wave_id
),

-- who answered an invitation twice, on paper and on the page, is one person
finished as (
    select
        dated.*,
        row_number() over (
            partition by coalesce(dated.invitation_id, cast(dated.response_id as text))
            order by dated.responded_at desc nulls last, dated.response_id asc
        ) as place
    from dated
    cross join current_build
    where
        dated.is_complete
        and dated.score is not null
        and dated.period_ends_on < current_build.as_of_on
        and coalesce(dated.over_at <= current_build.as_of, true)
        and coalesce(dated.responded_at < dated.over_at, true)
)

select
    finished.response_id,
    finished.survey as programme,
    scales.metric,
    cast(finished.period_starts_on as text) || ' to ' || cast(finished.period_ends_on as text) as period,
    -- all answers of a period stand in the hierarchy of its first day; where that does not know the unit, they count for everybody alone
    coalesce(units.org_unit_id, '') as org_unit_id,
    {{ nps_band('finished.score') }} as band,
    redacted.verbatim,
    finished.period_starts_on,
    finished.period_ends_on
from finished
inner join scales
    on
        finished.scale = scales.scale
        and finished.score between scales.score_from and scales.score_to
left join employees
    on
        finished.employee_id = employees.employee_id
        and finished.period_starts_on >= employees.valid_from
        and finished.period_starts_on < employees.valid_to
left join units
    on
        coalesce(employees.org_unit_id, {{ json_text('finished.answers', 'org_unit') }}) = units.org_unit_id
        and finished.period_starts_on >= units.valid_from
        and finished.period_starts_on < units.valid_to
left join redacted
    on finished._key = redacted._key
where finished.place = 1
