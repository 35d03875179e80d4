-- one row per answer to a survey: its latest version, with customer, unit, product and value as of what it is about.
-- Kept between builds: touched answers, and the other answers of their customers, are forgotten and written anew.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('response_id', ref('int_survey_responses__before')) }}",
        post_hook="{{ analyze() }}",
        indexes=[
            {'columns': ['response_id'], 'unique': true},
            {'columns': ['customer_id']},
            {'columns': ['invitation_id']},
            {'columns': ['interaction_id']},
            {'columns': ['responded_on', 'programme']},
        ],
    )
}}
{%- set columns = [
    'response_id', 'invitation_id', 'customer_id', 'account_id', 'interaction_id', 'product_id', 'org_unit_id', 'team_id', 'branch_id',
    'org_region_id', 'company_id', 'provider', 'programme', 'population', 'scale', 'metric', 'band', 'segment', 'region', 'country',
    'acquisition_channel', 'channel', 'interaction_type', 'interaction_subtype', 'outcome', 'product_category', 'attributes',
    'tenure_band', 'value_band', 'share_of_wallet_band', 'resolution_band', 'survey_method', 'locale', 'quality_flags', 'verbatim', 'score', 'hours_to_resolution',
    'is_complete', 'may_call_back', 'reference_on', 'invited_on', 'responded_on', 'period_starts_on', 'period_ends_on', 'invited_at', 'started_at', 'responded_at',
] %}

with

latest as (
    select * from {{ ref('int_survey_responses__latest') }}
),

{% if adds_to_kept_marts() -%}
neighbours as (
    select before_this_build.*
    from {{ ref('int_survey_responses__before') }} as before_this_build
    left join {{ ref('int_survey_responses__touched') }} as touched
        on before_this_build.response_id = touched.response_id
    where touched.response_id is null
),
{%- endif %}

-- whether an answer is a duplicate is judged again, among all answers of the customer
together as (
    select
        {{ columns | join(',\n        ') }},
        excluded_reason
    from latest
    {% if adds_to_kept_marts() -%}
    union all
    select
        {{ columns | join(',\n        ') }},
        nullif(excluded_reason, 'duplicate') as excluded_reason
    from neighbours
    {%- endif %}
),

-- of several answers of one customer to one invitation the last one counts
ranked as (
    select
        *,
        row_number() over (
            partition by
                invitation_id, customer_id,
                case when excluded_reason is null then 1 else 0 end
            order by responded_at desc nulls last, response_id desc
        ) as place_in_invitation
    from together
),

judged as (
    select
        {{ columns | join(',\n        ') }},
        case
            when excluded_reason is not null then excluded_reason
            when invitation_id is not null and place_in_invitation > 1 then 'duplicate'
        end as excluded_reason
    from ranked
),

-- partitioned so that only answers of known customers that count and have a date see each other
compared as (
    select
        *,
        lag(score) over (
            partition by
                customer_id, programme, metric,
                case when excluded_reason is null and customer_id is not null and responded_at is not null then 1 else 0 end
            order by responded_at, response_id
        ) as score_before,
        excluded_reason is null and customer_id is not null and responded_at is not null as is_comparable
    from judged
)

select
    response_id,
    invitation_id,
    customer_id,
    account_id,
    interaction_id,
    product_id,
    org_unit_id,
    team_id,
    branch_id,
    org_region_id,
    company_id,
    provider,
    programme,
    population,
    scale,
    metric,
    band,
    segment,
    region,
    country,
    acquisition_channel,
    channel,
    interaction_type,
    interaction_subtype,
    outcome,
    product_category,
    attributes,
    tenure_band,
    value_band,
    share_of_wallet_band,
    resolution_band,
    survey_method,
    locale,
    excluded_reason,
    quality_flags,
    verbatim,
    score,
    case when is_comparable then score_before end as previous_score,
    case when is_comparable then score - score_before end as score_change,
    cast(hours_to_resolution as numeric(18, 2)) as hours_to_resolution,
    is_complete,
    may_call_back,
    reference_on,
    invited_on,
    responded_on,
    period_starts_on,
    period_ends_on,
    invited_at,
    started_at,
    responded_at
from compared
