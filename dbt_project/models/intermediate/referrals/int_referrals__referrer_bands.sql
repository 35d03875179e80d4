-- one row per referral whose referrer had answered the recommendation question before: the band of the latest answer
with

referrals as (
    select * from {{ ref('int_referrals__judged') }}
    where referred_on is not null
),

answers as (
    select * from {{ ref('fct_survey_responses') }}
    where
        metric = 'nps'
        and excluded_reason is null
        and band is not null
),

ranked as (
    select
        referrals.referral_key,
        answers.response_id,
        answers.band,
        row_number() over (
            partition by referrals.referral_key
            order by answers.responded_at desc, answers.response_id desc
        ) as recency
    from referrals
    inner join answers
        on
            referrals.referrer_customer_id = answers.customer_id
            and referrals.referred_on > answers.responded_on
)

select
    referral_key,
    response_id,
    band
from ranked
where recency = 1
