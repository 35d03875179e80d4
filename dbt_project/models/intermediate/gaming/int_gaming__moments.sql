-- one row per customer and day of which the case mix is asked: whether the customer had complained in the 365 days before, and how the
-- worst call of those days went
{{ config(post_hook="{{ analyze() }}") }}

with

moments as (
    select
        customer_id,
        settled_on as moment_on
    from {{ ref('int_gaming__interactions') }}
    union
    select
        customer_id,
        invited_on as moment_on
    from {{ ref('int_gaming__invitations') }}
    union
    select
        customer_id,
        reference_on as moment_on
    from {{ ref('int_gaming__answers') }}
),

call_versions as (
    select * from {{ ref('stg_calls') }}
),

latest_calls as (
    {{ latest_version('call_versions') }}
),

calls as (
    select
        interactions.customer_id,
        interactions.occurred_on,
        coalesce(latest_calls.failed_interaction_score, 0) as failed
    from latest_calls
    inner join {{ ref('int_interactions__latest') }} as interactions
        on latest_calls.interaction_id = interactions.interaction_id
),

complained as (
    select distinct
        moments.customer_id,
        moments.moment_on
    from moments
    inner join {{ ref('int_gaming__complaints') }} as complaints
        on
            moments.customer_id = complaints.customer_id
            and complaints.opened_on between {{ add_days('moments.moment_on', -365) }} and {{ add_days('moments.moment_on', -1) }}
),

called as (
    select
        moments.customer_id,
        moments.moment_on,
        max(calls.failed) as worst_call
    from moments
    inner join calls
        on
            moments.customer_id = calls.customer_id
            and calls.occurred_on between {{ add_days('moments.moment_on', -365) }} and moments.moment_on
    group by
        moments.customer_id,
        moments.moment_on
)

select
    moments.customer_id,
    complained.customer_id is not null as recent_complaint,
    case
        when called.worst_call is null then 'no call'
        when called.worst_call < 0.3 then 'low'
        when called.worst_call < 0.6 then 'middle'
        else 'high'
    end as failed_interaction_band,
    moments.moment_on
from moments
left join complained
    on
        moments.customer_id = complained.customer_id
        and moments.moment_on = complained.moment_on
left join called
    on
        moments.customer_id = called.customer_id
        and moments.moment_on = called.moment_on
