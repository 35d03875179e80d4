-- one row per account × what its contacts are to it: how many there are, were asked, have answered, and what they said last
with

contacts as (
    select
        *,
        coalesce(contact_role, 'not known') as role_known
    from {{ ref('int_accounts__contacts') }}
),

counted as (
    select
        account_id,
        role_known as contact_role,
        cast(count(*) as bigint) as contacts,
        cast(sum(case when is_asked then 1 else 0 end) as bigint) as asked_contacts,
        cast(sum(case when latest_band is null then 1 else 0 end) as bigint) as silent_contacts,
        cast(sum(case when latest_band = 'promoter' then 1 else 0 end) as bigint) as promoters,
        cast(sum(case when latest_band = 'passive' then 1 else 0 end) as bigint) as passives,
        cast(sum(case when latest_band = 'detractor' then 1 else 0 end) as bigint) as detractors,
        cast(sum(answers) as bigint) as answers,
        max(latest_responded_on) as latest_responded_on
    from contacts
    group by
        account_id,
        role_known
)

select * from counted
