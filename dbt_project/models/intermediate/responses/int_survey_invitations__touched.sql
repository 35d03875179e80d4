-- one row per invitation that this build works out anew: all of them, or those that came, changed, came into the view of as_of,
-- have new events in the ledger, refer to something that is known differently now, or are answered by an answer that is worked out anew
{{ config(post_hook="{{ analyze() }}") }}
-- read when all is made anew: depends_on: {{ ref('stg_ledger_events') }}

with

versions as (
    select * from {{ ref('stg_survey_invitations') }}
),

{% if adds_to_kept_marts() -%}
current_build as (
    select * from {{ source('ops', 'current_build') }}
),

last_build as (
    select * from {{ source('marts_next', '_applied_state') }}
),

touched_responses as (
    select * from {{ ref('int_survey_responses__touched') }}
),

arrived as (
    select versions.invitation_id
    from versions
    inner join {{ ref('int_batches__new') }} as new_batches
        on versions._batch_id = new_batches.batch_id
),

come_into_view as (
    select versions.invitation_id
    from versions
    cross join current_build
    cross join last_build
    where
        versions.sent_at >= last_build.as_of
        and versions.sent_at < current_build.as_of
),

new_in_ledger as (
    select cast(invitation_id as text) as invitation_id
    from {{ ref('int_ledger__changed') }}
),

known_differently as (
    {{ touched_by_references('fct_survey_invitations', 'invitation_id') }}
),

-- every version of the answer counts: it may have moved from one invitation to another
answered as (
    select responses.invitation_id
    from {{ ref('stg_survey_responses') }} as responses
    inner join touched_responses
        on responses.response_id = touched_responses.response_id
    where responses.invitation_id is not null
),
{%- endif %}

touched as (
    {% if adds_to_kept_marts() -%}
    select invitation_id from arrived
    union
    select invitation_id from come_into_view
    union
    select invitation_id from new_in_ledger
    union
    select invitation_id from known_differently
    union
    select invitation_id from answered
    {%- else -%}
    select invitation_id from versions
    union
    select cast(invitation_id as text) as invitation_id
    from {{ ref('stg_ledger_events') }}
    {%- endif %}
)

select * from touched
