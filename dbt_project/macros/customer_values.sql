{# What a customer brought in the 365 days before a day: CTEs that end with `customer_values` (customer_id, <day>, customer_value).
   `moments` has each customer and day once, `postings` at least those of these customers. The margin of 365 days is the running total at
   their end less that at their start: one sort, where a join on dates would pair every moment with every posting. A day of 365 days
   starts, and ends, before the postings booked on it. #}
{% macro ctes_from_moments_to_customer_values(moments, postings, day, days=365) %}
events as (
    select
        customer_id,
        booked_on as happened_on,
        1 as place,
        margin,
        0 as sign,
        cast(null as date) as {{ day }}
    from {{ postings }}
    union all
    select
        customer_id,
        {{ add_days(day, -days) }} as happened_on,
        0 as place,
        0 as margin,
        -1 as sign,
        {{ day }}
    from {{ moments }}
    union all
    select
        customer_id,
        {{ day }} as happened_on,
        0 as place,
        0 as margin,
        1 as sign,
        {{ day }}
    from {{ moments }}
),

running as (
    select
        customer_id,
        {{ day }},
        sign,
        sum(margin) over (
            partition by customer_id
            order by happened_on, place
        ) as margin_so_far
    from events
),

customer_values as (
    select
        customer_id,
        {{ day }},
        sum(sign * margin_so_far) as customer_value
    from running
    where sign <> 0
    group by
        customer_id,
        {{ day }}
)
{%- endmacro %}
