-- one row per day and band of the recommendation question: by how many customers the band grew (or shrank) on that day.
-- A customer counts from joining, as never_answered until the day after the first answer that counts, then in the band of the latest.
with

customers as (
    select * from {{ ref('int_customers__latest') }}
),

answers as (
    select * from {{ ref('fct_survey_responses') }}
    where
        metric = 'nps'
        and excluded_reason is null
        and band is not null
        and responded_on is not null
),

states as (
    select
        customers.customer_id,
        'never_answered' as band,
        customers.joined_on as since_on,
        cast(null as {{ type_moment() }}) as responded_at,
        0 as place
    from customers
    union all
    select
        customers.customer_id,
        answers.band,
        greatest({{ add_days('answers.responded_on', 1) }}, customers.joined_on) as since_on,
        answers.responded_at,
        1 as place
    from customers
    inner join answers
        on customers.customer_id = answers.customer_id
),

followed as (
    select
        band,
        since_on,
        lead(since_on) over (
            partition by customer_id
            order by place, responded_at, band
        ) as until_on
    from states
),

changes as (
    select
        band,
        since_on as changed_on,
        1 as customers_more
    from followed
    union all
    select
        band,
        until_on as changed_on,
        -1 as customers_more
    from followed
    where until_on is not null
)

select
    changed_on,
    band,
    cast(sum(customers_more) as bigint) as customers_more
from changes
group by
    changed_on,
    band
