{% macro pin_session() %}{{ return(adapter.dispatch('pin_session')()) }}{% endmacro %}

{% macro postgres__pin_session() -%}
    set time zone 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set extra_float_digits = 1
{%- endmacro %}

{# For a model whose steps build on each other: nothing is known of how many rows a step leaves, and "one" makes the planner compare
   every row with every other. Ends with the model's transaction. #}
{% macro join_by_hash() %}{{ return(adapter.dispatch('join_by_hash')()) }}{% endmacro %}

{% macro postgres__join_by_hash() -%}
    set local enable_nestloop = off
{%- endmacro %}
