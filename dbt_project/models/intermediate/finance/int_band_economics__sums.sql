-- one row per metric, band (and each score below it, the band's own row with an empty score), dimension and value:
-- the number of customers, and per measure the sums from which a ratio and its interval follow
{% set measures_of_ratios = measures_per_customer() + measures_per_customer_year() %}
{% set dimensions = customer_dimensions() -%}
with

customers as (
    select * from {{ ref('dim_customers') }}
),

measures as (
    select * from {{ ref('int_customers__measures') }}
),

answers as (
    select * from {{ ref('int_customers__latest_answers') }}
),

metrics as (
    select distinct metric from answers
),

customers_of_bands as (
    select
        metrics.metric,
        coalesce(answers.band, 'never_answered') as band,
        answers.score,
        {% for dimension in dimensions -%}
        coalesce(customers.{{ dimension }}, 'unknown') as {{ dimension }},
        {% endfor -%}
        measures.*
    from customers
    inner join measures
        on customers.customer_id = measures.customer_id
    cross join metrics
    left join answers
        on
            customers.customer_id = answers.customer_id
            and metrics.metric = answers.metric
),

summed as (
    select
        metric,
        band,
        score,
        grouping(score) = 1 as is_whole_band,
        case
            {% for dimension in dimensions -%}
            when grouping({{ dimension }}) = 0 then '{{ dimension }}'
            {% endfor -%}
            else 'all'
        end as dimension,
        coalesce({{ dimensions | join(', ') }}, 'all') as dimension_value,
        count(*) as customers,
        {% for measure in measures_of_ratios -%}
        count({{ measure }}_amount) as {{ measure }}_n,
        sum({{ measure }}_amount) as {{ measure }}_amount,
        sum({{ measure }}_exposure) as {{ measure }}_exposure,
        sum({{ measure }}_amount * {{ measure }}_amount) as {{ measure }}_amount_squared,
        sum({{ measure }}_amount * {{ measure }}_exposure) as {{ measure }}_product,
        sum({{ measure }}_exposure * {{ measure }}_exposure) as {{ measure }}_exposure_squared,
        {% endfor -%}
        count(retention_amount) as retention_n,
        sum(retention_amount) as retention_amount
    from customers_of_bands
    group by
        metric,
        band,
        grouping sets ((score), ()),
        grouping sets (
            ()
            {%- for dimension in dimensions %},
            ({{ dimension }})
            {%- endfor %}
        )
)

select * from summed
-- never_answered has no scores to break down by
where is_whole_band or score is not null
