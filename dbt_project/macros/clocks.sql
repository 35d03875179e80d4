{# A date before and one after everything that is recorded: validity that is open to the past or to the future. #}
{% macro beginning_of_time() %}cast('1900-01-01' as date){% endmacro %}

{% macro end_of_time() %}cast('9999-12-31' as date){% endmacro %}

{% macro beginning_of_time_at() %}cast('1900-01-01 00:00:00+00:00' as {{ type_moment() }}){% endmacro %}

{% macro end_of_time_at() %}cast('9999-12-31 00:00:00+00:00' as {{ type_moment() }}){% endmacro %}
