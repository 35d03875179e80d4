{# A timestamp that knows its zone. #}
{% macro type_moment() %}{{ return(adapter.dispatch('type_moment')()) }}{% endmacro %}

{% macro postgres__type_moment() %}timestamptz{% endmacro %}

{# A text as a UUID; empty where it is none. #}
{% macro as_uuid(text) %}{{ return(adapter.dispatch('as_uuid')(text)) }}{% endmacro %}

{% macro postgres__as_uuid(text) -%}
    case when pg_input_is_valid({{ text }}, 'uuid') then cast({{ text }} as uuid) end
{%- endmacro %}
