-- one row per answer to an invitation, and day and programme, that counts otherwise than the last build left it: new, other, or no more
{{ config(post_hook="{{ analyze() }}") }}
{%- set columns = [
    'response_id', 'invitation_id', 'customer_id', 'programme', 'metric', 'population', 'band', 'responded_at', 'responded_on',
] %}

with

responses as (
    select * from {{ ref('fct_survey_responses') }}
),

{% if adds_to_kept_marts() -%}
before_this_build as (
    select
        {{ columns | join(',\n        ') }}
    from {{ ref('int_survey_responses__before') }}
    where
        excluded_reason is null
        and band is not null
),

touched as (
    select response_id from {{ ref('int_survey_responses__before') }}
    union
    select response_id from {{ ref('int_survey_responses__latest') }}
),
{%- endif %}

counted as (
    select
        responses.{{ columns | join(',\n        responses.') }}
    from responses
    {% if adds_to_kept_marts() -%}
    inner join touched
        on responses.response_id = touched.response_id
    {% endif -%}
    where
        responses.excluded_reason is null
        and responses.band is not null
){% if adds_to_kept_marts() -%},

-- rows that are in one of the two alone
changed as (
    (select * from counted except select * from before_this_build)
    union all
    (select * from before_this_build except select * from counted)
)
{%- endif %}

select distinct
    response_id,
    invitation_id,
    programme,
    responded_on
from {{ 'changed' if adds_to_kept_marts() else 'counted' }}
