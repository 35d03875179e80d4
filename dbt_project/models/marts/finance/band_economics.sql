-- one row per metric, band (and, below it, each score), dimension and value: what customers of that band are worth.
-- `score` is empty on the rows of a whole band. Association, not the effect of moving a customer.
{% set means = measures_per_customer() %}
{% set rates = measures_per_customer_year() %}
{% set counts = measures_that_count() -%}
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

sums as (
    select * from {{ ref('int_band_economics__sums') }}
),

-- what a whole band is expected to bring, as its customers were drawn again and again
totals as (
    {{ analysed_in_build('band_lifetime_values') }}
),

ratios as (
    select
        *,
        {% for measure in means + rates -%}
        {{ measure }}_amount / nullif({{ measure }}_exposure, 0) as {{ measure }},
        {% endfor -%}
        retention_amount / nullif(retention_n, 0) as retention
    from sums
),

intervals as (
    select
        *,
        {% for measure in means + rates -%}
        {{ ratio_half_width(measure) }} as {{ measure }}_half_width,
        {% endfor -%}
        {{ wilson('retention_amount', 'retention_n', '-') }} as retention_low,
        {{ wilson('retention_amount', 'retention_n', '+') }} as retention_high
    from ratios
),

estimated as (
    select
        *,
        {% for measure in means + rates -%}
        {% if measure in counts -%}
        case
            when {{ measure }}_half_width > {{ measure }} then 0
            else {{ measure }} - {{ measure }}_half_width
        end as {{ measure }}_low,
        case
            when {{ measure }}_amount = 0 then {{ no_event_high(measure) }}
            else {{ measure }} + {{ measure }}_half_width
        end as {{ measure }}_high,
        {% else -%}
        {{ measure }} - {{ measure }}_half_width as {{ measure }}_low,
        {{ measure }} + {{ measure }}_half_width as {{ measure }}_high,
        {% endif -%}
        {% endfor -%}
        {{ stable_id('band_economics', [
            'metric', 'band', "coalesce(cast(score as text), '')", 'dimension', 'dimension_value'
        ]) }} as cell_id
    from intervals
),

-- a value of fewer customers than the company's smallest publishable cell is hidden; its n stays
published as (
    select
        estimated.cell_id,
        estimated.metric,
        estimated.band,
        estimated.dimension,
        estimated.dimension_value,
        {% for measure in means + rates + ['retention'] -%}
        estimated.{{ measure }}_n,
        {% for part in [measure, measure ~ '_low', measure ~ '_high'] -%}
        case
            when estimated.{{ measure }}_n >= current_build.hidden_below then cast(estimated.{{ part }} as numeric(18, 4))
        end as {{ part }},
        {% endfor -%}
        {% endfor -%}
        {% for end in ['', '_low', '_high'] -%}
        case
            when estimated.lifetime_value_expected_n >= current_build.hidden_below
                then cast(totals.expected{{ end }} as numeric(18, 4))
        end as lifetime_value_expected_total{{ end }},
        {% endfor -%}
        estimated.score,
        estimated.customers
    from estimated
    cross join current_build
    left join totals
        on
            estimated.metric = totals.metric
            and estimated.band = totals.band
            and estimated.dimension = 'all'
            and estimated.score is null
)

select * from published
