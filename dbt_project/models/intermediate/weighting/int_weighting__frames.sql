-- one row per customer (or interaction of a customer) that could have been asked in a weighting wave, with what was known then: all of
-- them, or those of waves that came into view and those that are known differently now.
-- Of waves of ours the frozen frame, drawn or not; whoever was turned away is uncovered population, which no weight speaks for.
-- Of invitations that others sent, those who were invited: nobody kept whom else they could have asked.
-- A weighting wave is a wave of a relationship programme of ours, else all that was asked in a month.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['member_id'], 'unique': true}]) }}
{%- set recent_days = 365 %}
{%- set kept = as_left_by_last_build('_frame_members') %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

bands as (
    select * from {{ source('ops', 'bands') }}
),

variables as (
    select * from {{ ref('int_weighting__variables') }}
),

-- a frame that was frozen stays as it is
ledger_waves as (
    select waves.*
    from {{ ref('stg_ledger_waves') }} as waves
    {% if adds_to_kept_marts() -%}
    where not exists (
        select 1
        from {{ kept }} as kept
        where kept.wave_id = waves.wave_id
    )
    {%- endif %}
),

waves as (
    select
        waves.wave_id,
        waves.programme,
        case
            when waves.programme_kind = 'relationship' then waves.wave
            else left(cast({{ company_date('waves.as_of', 'current_build.company_timezone') }} as text), 7)
        end as weighting_wave,
        waves.as_of
    from ledger_waves as waves
    cross join current_build
    where
        waves.drawn_at <= current_build.known_at
        and waves.as_of <= current_build.as_of
        and waves.programme_kind <> 'employee'
),

frames as (
    select * from {{ ref('stg_ledger_frames') }}
    where outcome in ('drawn', 'not_drawn')
),

ledger as (
    select * from {{ ref('stg_ledger_invitations') }}
),

{% if adds_to_kept_marts() -%}
touched as (
    select * from {{ ref('int_weighting__touched') }}
),

{% endif -%}
invitations as (
    select * from {{ ref('fct_survey_invitations') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

customers as (
    select * from {{ ref('int_customers__history') }}
),

interactions as (
    select * from {{ ref('int_interactions__latest') }}
),

product_versions as (
    select * from {{ ref('stg_products') }}
),

products as (
    {{ latest_version('product_versions', ['product_id']) }}
),

complaint_versions as (
    select * from {{ ref('stg_complaints') }}
),

latest_complaints as (
    {{ latest_version('complaint_versions') }}
),

call_versions as (
    select * from {{ ref('stg_calls') }}
),

latest_calls as (
    {{ latest_version('call_versions') }}
),

available as (
    select max(case when entity = 'revenue' then 1 else 0 end) = 1 as has_revenue
    from {{ ref('int_entities__available') }}
),

candidates as (
    select
        {{ stable_id('frame_member', ['waves.wave_id', 'frames.customer_id', 'frames.interaction_id']) }} as member_id,
        waves.wave_id,
        waves.programme,
        waves.weighting_wave,
        cast(ledger.invitation_id as text) as invitation_id,
        frames.customer_id as framed_customer_id,
        {{ survivor_of('frames.customer_id') }} as customer_id,
        frames.interaction_id,
        ledger.design_weight,
        waves.as_of as asked_at
    from frames
    inner join waves
        on frames.wave_id = waves.wave_id
    left join ledger
        on
            frames.outcome = 'drawn'
            and frames.wave_id = ledger.wave_id
            and frames.customer_id = ledger.customer_id
            and coalesce(frames.interaction_id, '') = coalesce(ledger.interaction_id, '')
    left join survivors
        on frames.customer_id = survivors.customer_id
    union all
    {% if adds_to_kept_marts() -%}
    select
        kept.member_id,
        kept.wave_id,
        kept.programme,
        kept.weighting_wave,
        kept.invitation_id,
        kept.framed_customer_id,
        {{ survivor_of('kept.framed_customer_id') }} as customer_id,
        kept.interaction_id,
        kept.design_weight,
        kept.asked_at
    from {{ kept }} as kept
    inner join touched
        on kept.member_id = touched.member_id
    left join survivors
        on kept.framed_customer_id = survivors.customer_id
    where kept.wave_id is not null
    union all
    {% endif -%}
    select
        {{ stable_id('frame_member', ['invitations.invitation_id']) }} as member_id,
        null as wave_id,
        invitations.programme,
        left(cast(invitations.invited_on as text), 7) as weighting_wave,
        invitations.invitation_id,
        invitations.customer_id as framed_customer_id,
        invitations.customer_id,
        invitations.interaction_id,
        coalesce(invitations.design_weight, 1) as design_weight,
        invitations.invited_at as asked_at
    from invitations
    {% if adds_to_kept_marts() -%}
    inner join touched
        on invitations.invitation_id = touched.invitation_id
    {% endif -%}
    where
        invitations.wave is null
        and invitations.invited_on is not null
),

asked as (
    select
        candidates.*,
        {{ company_date('candidates.asked_at', 'current_build.company_timezone') }} as asked_on
    from candidates
    cross join current_build
),

moments as (
    select distinct
        customer_id,
        asked_at,
        asked_on
    from asked
    where customer_id is not null
),

complaints as (
    select
        coalesce({{ survivor_of('latest_complaints.customer_id') }}, interactions.customer_id) as customer_id,
        latest_complaints.opened_at
    from latest_complaints
    left join interactions
        on latest_complaints.interaction_id = interactions.interaction_id
    left join survivors
        on latest_complaints.customer_id = survivors.customer_id
),

complained as (
    select distinct
        moments.customer_id,
        moments.asked_at
    from moments
    inner join complaints
        on
            moments.customer_id = complaints.customer_id
            and moments.asked_at >= complaints.opened_at
            and moments.asked_at < {{ add_days_to_moment('complaints.opened_at', recent_days) }}
),

-- the worst call counts
called as (
    select
        moments.customer_id,
        moments.asked_at,
        max(latest_calls.failed_interaction_score) as failed_interaction_score
    from moments
    inner join interactions
        on
            moments.customer_id = interactions.customer_id
            and moments.asked_at >= interactions.occurred_at
            and moments.asked_at < {{ add_days_to_moment('interactions.occurred_at', recent_days) }}
    inner join latest_calls
        on interactions.interaction_id = latest_calls.interaction_id
    group by
        moments.customer_id,
        moments.asked_at
),

days_asked as (
    select distinct
        customer_id,
        asked_on
    from moments
),

postings as (
    select * from {{ ref('int_customers__postings') }}
),

{{ ctes_from_moments_to_customer_values('days_asked', 'postings', 'asked_on', recent_days) }},

measured as (
    select
        asked.*,
        customers.segment,
        customers.region,
        customers.country,
        customers.acquisition_channel,
        interactions.channel,
        interactions.interaction_type,
        interactions.outcome,
        interactions.product_id,
        products.category as product_category,
        {{ days_between('customers.joined_on', 'asked.asked_on') }} as tenure_days,
        case when available.has_revenue then customer_values.customer_value end as customer_value,
        case when complained.customer_id is not null then 'yes' else 'no' end as recent_complaint,
        case
            when called.customer_id is null then 'no call'
            when coalesce(called.failed_interaction_score, 0) < 0.3 then 'low'
            when called.failed_interaction_score < 0.6 then 'middle'
            else 'high'
        end as failed_interaction_band
    from asked
    cross join available
    left join customers
        on
            asked.customer_id = customers.customer_id
            and asked.asked_at >= customers.valid_from
            and asked.asked_at < customers.valid_to
    left join interactions
        on asked.interaction_id = interactions.interaction_id
    left join products
        on interactions.product_id = products.product_id
    left join complained
        on
            asked.customer_id = complained.customer_id
            and asked.asked_at = complained.asked_at
    left join called
        on
            asked.customer_id = called.customer_id
            and asked.asked_at = called.asked_at
    left join customer_values
        on
            asked.customer_id = customer_values.customer_id
            and asked.asked_on = customer_values.asked_on
),

known as (
    select
        measured.*,
        tenure_bands.name as tenure_band,
        value_bands.name as value_band
    from measured
    left join bands as tenure_bands
        on {{ is_band_of('tenure_bands', 'tenure', 'measured.tenure_days') }}
    left join bands as value_bands
        on {{ is_band_of('value_bands', 'value', 'measured.customer_value') }}
)

select
    known.member_id,
    known.wave_id,
    {{ stable_id('survey_weighting', ['known.programme', 'known.weighting_wave']) }} as weighting_id,
    known.programme,
    known.weighting_wave,
    known.invitation_id,
    known.framed_customer_id,
    known.customer_id,
    known.interaction_id,
    known.product_id,
    -- the margins' variables crossed; nobody is left out for what is not known of him or her
    case
        when variables.programme is not null
            then {{ stable_id('margin_cell', ['known.programme'] + margin_columns('known', 'variables')) }}
    end as margin_cell,
    {% for variable in weighting_variables() -%}
    known.{{ variable }},
    {% endfor -%}
    cast(known.design_weight as numeric(18, 6)) as design_weight,
    {{ group_of("coalesce(known.customer_id, known.invitation_id, '')", replicate_groups()) }} as replicate_group,
    invitations.invited_on is not null as is_invited,
    coalesce(invitations.invited_on is not null and invitations.is_completed_in_time, false) as is_completed_in_time,
    known.asked_on,
    known.asked_at
from known
left join variables
    on known.programme = variables.programme
left join invitations
    on known.invitation_id = invitations.invitation_id
