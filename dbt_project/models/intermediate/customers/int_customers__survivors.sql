-- one row per customer record that is said to be the same person as another, as known at as_of: the record that stands for both.
-- Chains are followed to their end. A record that was merged into one that nobody knows, or in a ring, stands for itself; the column
-- why_not_followed says so. A deletion does not undo a merge: many systems delete what they have merged away.
{{ config(post_hook="{{ analyze() }}") }}

with recursive

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

spans as (
    select * from {{ ref('int_customers__spans') }}
),

records as (
    select
        spans.customer_id,
        spans.merged_into,
        spans.joined_on
    from spans
    cross join current_build
    where
        spans.valid_from < current_build.as_of
        and spans.valid_to >= current_build.as_of
),

merged_records as (
    select
        records.customer_id,
        records.merged_into,
        records.joined_on,
        targets.customer_id is not null as is_known
    from records
    left join records as targets
        on records.merged_into = targets.customer_id
    where records.merged_into is not null
),

known as (
    select * from merged_records
    where is_known
),

-- `union` keeps each pair once: the pairs are finite, so this ends whatever the data
reached (customer_id, reached_id) as (
    select
        customer_id,
        merged_into
    from known
    union
    select
        reached.customer_id,
        known.merged_into
    from reached
    inner join known
        on reached.reached_id = known.customer_id
),

in_a_ring as (
    select customer_id
    from reached
    where customer_id = reached_id
),

followed as (
    select known.*
    from known
    left join in_a_ring
        on known.customer_id = in_a_ring.customer_id
    where in_a_ring.customer_id is null
),

-- no ring is left, so this ends
walked (customer_id, at_customer_id) as (
    select
        customer_id,
        merged_into
    from followed
    union all
    select
        walked.customer_id,
        followed.merged_into
    from walked
    inner join followed
        on walked.at_customer_id = followed.customer_id
),

ends as (
    select
        walked.customer_id,
        walked.at_customer_id as survivor_customer_id
    from walked
    left join followed
        on walked.at_customer_id = followed.customer_id
    where followed.customer_id is null
)

select
    merged_records.customer_id,
    merged_records.merged_into,
    coalesce(ends.survivor_customer_id, merged_records.customer_id) as survivor_customer_id,
    case
        when not merged_records.is_known then 'unknown customer'
        when ends.customer_id is null then 'ring'
    end as why_not_followed,
    merged_records.joined_on
from merged_records
left join ends
    on merged_records.customer_id = ends.customer_id
