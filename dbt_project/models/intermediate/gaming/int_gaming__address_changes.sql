-- one row per customer and day on which the e-mail address that we know became another one or went away.
-- Reads personal data (addresses) and lets nothing out but ids and days. Who changed it no record says.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

persons as (
    {{ versions_in_build('customers', 'pii') }}
),

records as (
    select distinct
        _key,
        customer_id
    from {{ ref('stg_customers') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

compared as (
    select
        _key,
        coalesce(updated_at, _loaded_at) as changed_at,
        lower(trim(email)) as address,
        lag(lower(trim(email))) over (
            partition by _key
            order by updated_at asc nulls first, _loaded_at asc, _batch_id asc
        ) as address_before
    from persons
)

select distinct
    {{ survivor_of('records.customer_id') }} as customer_id,
    {{ company_date('compared.changed_at', 'current_build.company_timezone') }} as changed_on
from compared
cross join current_build
inner join records
    on compared._key = records._key
left join survivors
    on records.customer_id = survivors.customer_id
where
    compared.address_before is not null
    and compared.address_before <> coalesce(compared.address, '')
    and compared.changed_at < current_build.as_of
