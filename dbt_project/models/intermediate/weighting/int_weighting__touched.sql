-- one row per member of a frame that this build describes again: it refers to something that is known differently now, or it is an
-- invitation of others that came or changed. Members of waves that were drawn since are not listed: their frames are new as a whole.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['member_id'], 'unique': true}, {'columns': ['invitation_id']}]) }}
{%- set kept = as_left_by_last_build('_frame_members') %}

with

{% if adds_to_kept_marts() -%}
new_batches as (
    select * from {{ ref('int_batches__new') }}
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

last_build as (
    select * from {{ source('marts_next', '_applied_state') }}
),

references_touched as (
    select * from {{ ref('int_references__touched') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

touched_interactions as (
    select id as interaction_id
    from references_touched
    where kind = 'interaction'
    union
    select interactions.interaction_id
    from {{ ref('stg_interactions') }} as interactions
    cross join current_build
    cross join last_build
    where
        interactions.occurred_at >= last_build.as_of
        and interactions.occurred_at < current_build.as_of
),

-- whose complaint or call is new, or another, or hangs on an interaction that is: every version counts, it may have left one customer
-- for another
{% for entity in ('complaints', 'calls') -%}
touched_{{ entity }} as (
    select versions._key
    from {{ ref('stg_' ~ entity) }} as versions
    inner join new_batches
        on versions._batch_id = new_batches.batch_id
    union
    select versions._key
    from {{ ref('stg_' ~ entity) }} as versions
    inner join touched_interactions
        on versions.interaction_id = touched_interactions.interaction_id
),

{% endfor -%}
talked_about as (
    select
        versions.customer_id,
        versions.interaction_id
    from {{ ref('stg_complaints') }} as versions
    inner join touched_complaints
        on versions._key = touched_complaints._key
    union
    select
        null as customer_id,
        versions.interaction_id
    from {{ ref('stg_calls') }} as versions
    inner join touched_calls
        on versions._key = touched_calls._key
),

heard_of as (
    select customer_id from talked_about
    union
    select interactions.customer_id
    from talked_about
    inner join {{ ref('stg_interactions') }} as interactions
        on talked_about.interaction_id = interactions.interaction_id
),

touched_customers as (
    select id as customer_id
    from references_touched
    where kind = 'customer'
    union
    select {{ survivor_of('heard_of.customer_id') }} as customer_id
    from heard_of
    left join survivors
        on heard_of.customer_id = survivors.customer_id
),

touched_invitations as (
    select invitation_id from {{ ref('int_survey_invitations__touched') }}
    union
    select id as invitation_id
    from references_touched
    where kind = 'invitation'
),

-- the first batch ever of customers or of revenue changes what the lack of a customer or of revenue means
begun as (
    select arrived.entity
    from new_batches as arrived
    where
        arrived.entity in ('customers', 'revenue')
        and not exists (
            select 1
            from {{ source('marts_next', '_applied') }} as applied
            inner join {{ source('ops', 'batches') }} as batches
                on applied.batch_id = batches.batch_id
            where batches.entity = arrived.entity
        )
),

known_differently as (
    {% for relation, column in [
        ('touched_customers', 'customer_id'), ('touched_interactions', 'interaction_id'), ('touched_invitations', 'invitation_id'),
    ] -%}
    select
        kept.member_id,
        kept.invitation_id
    from {{ kept }} as kept
    inner join {{ relation }} as touched
        on kept.{{ column }} = touched.{{ column }}
    union
    {% endfor -%}
    select
        kept.member_id,
        kept.invitation_id
    from {{ kept }} as kept
    inner join references_touched
        on kept.product_id = references_touched.id
    where references_touched.kind = 'product'
    union
    select
        kept.member_id,
        kept.invitation_id
    from {{ kept }} as kept
    inner join references_touched
        on
            kept.customer_id = references_touched.id
            and kept.asked_on > references_touched.after_on
            and kept.asked_on <= references_touched.until_on
    where references_touched.kind = 'value'
    union
    select
        kept.member_id,
        kept.invitation_id
    from {{ kept }} as kept
    where exists (select 1 from begun)
),

by_others as (
    select
        {{ stable_id('frame_member', ['invitations.invitation_id']) }} as member_id,
        invitations.invitation_id
    from {{ ref('fct_survey_invitations') }} as invitations
    inner join touched_invitations
        on invitations.invitation_id = touched_invitations.invitation_id
    where invitations.wave is null
),
{%- endif %}

touched as (
    {% if adds_to_kept_marts() -%}
    select * from known_differently
    union
    select * from by_others
    {%- else -%}
    select
        cast(null as uuid) as member_id,
        cast(null as text) as invitation_id
    where false
    {%- endif %}
)

select * from touched
