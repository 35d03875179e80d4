{# Means, rates and shares of a group of customers, each with a 95 % interval. The customer is the unit: what one
   customer did enters as one pair (amount, exposure), so that several events of one customer are never taken for
   independent ones. #}

{% macro z_95() %}1.959963984540054{% endmacro %}

{# Half-width of the interval of the ratio sum(amount) / sum(exposure), by linearisation: z·√(n/(n−1)·Σe²)/Σexposure with
   e = amount − ratio·exposure. With an exposure of 1 per customer the ratio is a mean and this is z·sd/√n. Works on the
   columns <name>_n, _exposure, _amount_squared, _product, _exposure_squared and <name> (the ratio). Empty under two
   customers. Source: Cochran (1977), Sampling Techniques, 6.3. #}
{% macro ratio_half_width(name) %}
{{ z_95() }} * sqrt(
            greatest(
                0,
                {{ name }}_amount_squared
                - 2 * {{ name }} * {{ name }}_product
                + {{ name }} * {{ name }} * {{ name }}_exposure_squared
            ) * {{ name }}_n / nullif({{ name }}_n - 1, 0)
        ) / nullif({{ name }}_exposure, 0)
{%- endmacro %}

{# Upper limit of a rate of events of which none was seen: exact for a Poisson count, −ln(0.025) / exposure. #}
{% macro no_event_high(name) %}3.688879454113936 / nullif({{ name }}_exposure, 0){% endmacro %}

{# Wilson interval of a share: sign is '-' for the lower and '+' for the upper end. Empty when n is 0. #}
{% macro wilson(successes, n, sign) %}
(
            {{ successes }} + {{ z_95() }} * {{ z_95() }} / 2
            {{ sign }} {{ z_95() }} * sqrt(
                {{ successes }} * ({{ n }} - {{ successes }}) / cast(nullif({{ n }}, 0) as numeric(18, 4))
                + {{ z_95() }} * {{ z_95() }} / 4
            )
        ) / (nullif({{ n }}, 0) + {{ z_95() }} * {{ z_95() }})
{%- endmacro %}

{# The measures of band_economics: means per customer, and rates per year as a customer. Retention is a share. #}
{% macro measures_per_customer() %}
{{ return([
    'lifetime_value_to_date', 'lifetime_value_expected', 'cost_to_serve', 'acquisition_cost', 'share_of_wallet', 'referrals_made',
]) }}
{% endmacro %}

{% macro measures_per_customer_year() %}
{{ return(['annual_spend', 'complaints_per_customer_year', 'service_calls_per_customer_year']) }}
{% endmacro %}

{# Counts of events: their intervals stop at 0, and where none was seen end at `no_event_high`. #}
{% macro measures_that_count() %}
{{ return(['referrals_made', 'complaints_per_customer_year', 'service_calls_per_customer_year']) }}
{% endmacro %}
