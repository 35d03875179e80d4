{# A timestamp that knows its zone. #}
{% macro type_moment() %}{{ return(adapter.dispatch('type_moment')()) }}{% endmacro %}

{% macro postgres__type_moment() %}timestamptz{% endmacro %}
