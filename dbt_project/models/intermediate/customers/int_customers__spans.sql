-- one row per customer record and span of time in which nothing about it changed: [valid_from, valid_to).
-- The first span is open to the past: what was known first held before we knew it.
with

versions as (
    select * from {{ ref('stg_customers') }}
),

-- a version holds from its change at the source, else from its load; a deletion repeats the last change, so it holds from its load
started as (
    select
        *,
        case when _is_deleted then _loaded_at else coalesce(updated_at, _loaded_at) end as started_at,
        row_number() over (
            partition by customer_id
            order by updated_at asc nulls first, _loaded_at asc, _batch_id asc, _key desc
        ) as place
    from versions
),

-- the running maximum keeps spans in the order of versions where a source gives only some of them a time of change
spans as (
    select
        *,
        max(started_at) over (
            partition by customer_id
            order by place
        ) as span_from
    from started
),

bounded as (
    select
        *,
        lead(span_from) over (
            partition by customer_id
            order by place
        ) as span_to
    from spans
),

lasting as (
    select
        *,
        row_number() over (
            partition by customer_id
            order by place
        ) as place_kept
    from bounded
    where
        span_to is null
        or span_to > span_from
)

select
    customer_id,
    account_id,
    merged_into,
    contact_role,
    segment,
    region,
    country,
    acquisition_channel,
    heard_from,
    status,
    do_not_contact,
    locale,
    timezone,
    has_email,
    coalesce(opted_out, false) as opted_out,
    coalesce(is_staff, false) as is_staff,
    _is_deleted as is_deleted,
    joined_on,
    case when place_kept = 1 then {{ beginning_of_time_at() }} else span_from end as valid_from,
    coalesce(span_to, {{ end_of_time_at() }}) as valid_to
from lasting
