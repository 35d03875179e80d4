-- A customer in two bands, or in none, is counted twice or disappears when the bands are compared.
-- For each metric and dimension the bands must add up to all customers, and the scores of a band to the band.
with

economics as (
    select * from {{ ref('band_economics') }}
),

everyone as (
    select count(*) as customers from {{ ref('dim_customers') }}
),

by_dimension as (
    select
        economics.metric,
        economics.dimension,
        'all bands' as part,
        sum(economics.customers) as customers,
        everyone.customers as expected
    from economics
    cross join everyone
    where economics.score is null
    group by
        economics.metric,
        economics.dimension,
        everyone.customers
),

by_band as (
    select
        metric,
        dimension,
        band || ' in ' || dimension_value as part,
        sum(case when score is not null then customers else 0 end) as customers,
        sum(case when score is null then customers else 0 end) as expected
    from economics
    where band != 'never_answered'
    group by
        metric,
        dimension,
        band,
        dimension_value
),

checked as (
    select * from by_dimension
    union all
    select * from by_band
)

select * from checked
where customers != expected
