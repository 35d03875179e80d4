-- one row per invitation of the ledger of which this build knows an event that the last one did not. Empty when all is made anew.
{{ config(post_hook="{{ analyze() }}") }}

{% if adds_to_kept_marts() -%}
with

events as (
    select * from {{ ref('stg_ledger_events') }}
),

last_build as (
    select * from {{ source('marts_next', '_applied_state') }}
)

select distinct events.invitation_id
from events
cross join last_build
where
    events.event_id > last_build.last_event_id
    or events.recorded_at > last_build.known_at
    or events.occurred_at >= last_build.as_of
{%- else -%}
select cast(null as uuid) as invitation_id
where false
{%- endif %}
