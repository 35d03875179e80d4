-- one row per programme × metric × customer who was asked in the 365 days before the as-of day, has had the days to answer in, and gave
-- that programme no answer in them: what the customer would probably have said. Modelled in Python between the two halves of a build.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['predicted_nps_id'], 'unique': true}, {'columns': ['customer_id']}]) }}

with

predicted as (
    {{ analysed_in_build('predicted_customers') }}
),

moments as (
    select * from {{ ref('int_predicted__moments') }}
)

select
    {{ stable_id('predicted_nps', ['predicted.programme', 'predicted.metric', 'predicted.customer_id']) }} as predicted_nps_id,
    predicted.programme,
    predicted.metric,
    predicted.customer_id,
    predicted.invitation_id,
    -- a keyword in some dialects, and the field's own word
    predicted.model, -- noqa: RF04
    moments.segment,
    moments.region,
    moments.tenure_band,
    moments.value_band,
    moments.interaction_type,
    predicted.detractor as detractor_probability,
    predicted.passive as passive_probability,
    predicted.promoter as promoter_probability,
    cast(100 * (predicted.promoter - predicted.detractor) as numeric(9, 4)) as predicted_nps,
    moments.invited_on
from predicted
inner join moments
    on predicted.invitation_id = moments.invitation_id
