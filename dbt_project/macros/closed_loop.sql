{# Dimensions of closed_loop_performance: where in the organisation. #}
{% macro unit_dimensions() %}
{{ return({
    'all': "'all'",
    'team': 'team_id',
    'branch': 'branch_id',
    'org_region': 'org_region_id',
    'company': 'company_id',
}) }}
{% endmacro %}

{# The columns that make a cell of closed_loop_performance what it is. #}
{% macro loop_cell_columns() %}
{{ return(['dimension', 'dimension_value', 'period_grain', 'period_starts_on', 'period_ends_on']) }}
{% endmacro %}

{# Condition of a join: the same unit and period. #}
{% macro is_same_loop_cell(cells, others) -%}
    {{ cells }}.dimension = {{ others }}.dimension
            and {{ cells }}.dimension_value = {{ others }}.dimension_value
            and {{ cells }}.period_grain = {{ others }}.period_grain
            and {{ cells }}.period_starts_on = {{ others }}.period_starts_on
{%- endmacro %}

{# Why orders are closed. #}
{% macro close_reasons() %}{{ return(['resolved', 'not_reached', 'not_pursued', 'no_call_wanted', 'merged']) }}{% endmacro %}

{# From a relation with the date `dated_on`: its `kept` columns once per unit that it counts for and per week, month, quarter and year. #}
{% macro in_units_and_periods(relation, kept) -%}
    select
        {{ loop_cell_columns() | join(',\n        ') }},
        {{ kept | join(',\n        ') }}
    from (
        {{ in_calendar_periods('(' ~ unpivot(relation, kept + ['dated_on'], unit_dimensions()) ~ ') as in_units', ['dimension', 'dimension_value'] + kept) }}
    ) as in_periods
    where period_grain <> 'day'
{%- endmacro %}

{# An answer was talked about soon enough within so many days. #}
{% macro days_to_discuss() %}7{% endmacro %}

{# How many days after its opening an order's customer may answer again, for the comparison: half a year between two askings, and time
   to answer. #}
{% macro days_to_answer_again() %}240{% endmacro %}

{# Under so many effective answers in an arm no effect is published, and a stratum with fewer answers than `smallest_stratum` in an
   arm is weighted together with others. #}
{% macro smallest_effective_arm() %}100{% endmacro %}

{% macro smallest_stratum() %}5{% endmacro %}
