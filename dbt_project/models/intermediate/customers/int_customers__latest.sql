-- one row per customer who had joined before the as-of day and was not deleted, as known at that moment
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

history as (
    select * from {{ ref('int_customers__history') }}
)

select
    history.customer_id,
    history.account_id,
    history.contact_role,
    history.segment,
    history.region,
    history.country,
    history.acquisition_channel,
    history.heard_from,
    history.status,
    history.do_not_contact,
    history.locale,
    history.timezone,
    history.has_email,
    history.opted_out,
    history.is_staff,
    history.joined_on
from history
cross join current_build
where
    history.valid_from < current_build.as_of
    and history.valid_to >= current_build.as_of
    and history.joined_on < current_build.as_of_on
    and not history.is_deleted
