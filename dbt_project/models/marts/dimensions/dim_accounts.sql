-- one row per account, as known now, with how many of its contacts have answered and what they said last
with

versions as (
    select * from {{ ref('stg_accounts') }}
),

latest as (
    {{ latest_version('versions', ['account_id']) }}
),

customers as (
    select * from {{ ref('dim_customers') }}
),

contacts as (
    select
        account_id,
        cast(count(*) as bigint) as contacts,
        cast(sum(case when latest_band is null then 1 else 0 end) as bigint) as silent_contacts,
        cast(sum(case when latest_band = 'promoter' then 1 else 0 end) as bigint) as promoters,
        cast(sum(case when latest_band = 'passive' then 1 else 0 end) as bigint) as passives,
        cast(sum(case when latest_band = 'detractor' then 1 else 0 end) as bigint) as detractors
    from customers
    where account_id is not null
    group by account_id
),

answers as (
    select
        customers.account_id,
        cast(count(*) as bigint) as answers
    from {{ ref('fct_survey_responses') }} as responses
    inner join customers
        on responses.customer_id = customers.customer_id
    where
        responses.excluded_reason is null
        and responses.metric = 'nps'
    group by customers.account_id
)

select
    latest.account_id,
    latest.name,
    latest.industry,
    coalesce(contacts.contacts, 0) as contacts,
    coalesce(contacts.silent_contacts, 0) as silent_contacts,
    coalesce(contacts.promoters, 0) as promoters,
    coalesce(contacts.passives, 0) as passives,
    coalesce(contacts.detractors, 0) as detractors,
    coalesce(answers.answers, 0) as answers
from latest
left join contacts
    on latest.account_id = contacts.account_id
left join answers
    on latest.account_id = answers.account_id
