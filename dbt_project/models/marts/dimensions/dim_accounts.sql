-- one row per account, as known now, with how many of its contacts have answered and what they said last
with

versions as (
    select * from {{ ref('stg_accounts') }}
),

latest as (
    {{ latest_version('versions', ['account_id']) }}
),

contacts as (
    select
        account_id,
        cast(count(*) as bigint) as contacts,
        cast(sum(case when is_asked then 1 else 0 end) as bigint) as asked_contacts,
        cast(sum(case when latest_band is null then 1 else 0 end) as bigint) as silent_contacts,
        cast(sum(case when latest_band = 'promoter' then 1 else 0 end) as bigint) as promoters,
        cast(sum(case when latest_band = 'passive' then 1 else 0 end) as bigint) as passives,
        cast(sum(case when latest_band = 'detractor' then 1 else 0 end) as bigint) as detractors,
        cast(sum(answers) as bigint) as answers,
        cast(count(distinct contact_role) as bigint) as known_roles,
        cast(
            count(distinct contact_role) - count(distinct case when latest_band is not null then contact_role end) as bigint
        ) as silent_roles,
        max(latest_responded_on) as latest_responded_on
    from {{ ref('int_accounts__contacts') }}
    group by account_id
)

select
    latest.account_id,
    latest.name,
    latest.industry,
    coalesce(contacts.contacts, 0) as contacts,
    coalesce(contacts.asked_contacts, 0) as asked_contacts,
    coalesce(contacts.silent_contacts, 0) as silent_contacts,
    coalesce(contacts.promoters, 0) as promoters,
    coalesce(contacts.passives, 0) as passives,
    coalesce(contacts.detractors, 0) as detractors,
    coalesce(contacts.answers, 0) as answers,
    coalesce(contacts.known_roles, 0) as known_roles,
    coalesce(contacts.silent_roles, 0) as silent_roles,
    contacts.latest_responded_on
from latest
left join contacts
    on latest.account_id = contacts.account_id
