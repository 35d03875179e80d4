-- one row per programme × weighting wave × segment × tenure × spend: how many could have been asked, were asked and answered, of those who
-- have had the days to answer in. Spend is what the customer brought in the year before.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

counted as (
    select * from {{ ref('_answering_counts') }}
)

select
    counted.programme,
    counted.weighting_wave,
    counted.segment,
    counted.tenure_band,
    counted.value_band,
    cast(sum(counted.frame) as bigint) as frame,
    cast(sum(counted.invited) as bigint) as invited,
    cast(sum(counted.answered) as bigint) as answered,
    sum(counted.weight) as weight,
    sum(counted.weight_answered) as weight_answered,
    sum(counted.weight_squared) as weight_squared
from counted
cross join current_build
where {{ add_days('counted.asked_on', 'current_build.maturity_days') }} < current_build.as_of_on
group by
    counted.programme,
    counted.weighting_wave,
    counted.segment,
    counted.tenure_band,
    counted.value_band
