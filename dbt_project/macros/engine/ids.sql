{# The deterministic id of a thing, from a namespace and the columns of its natural key: the twin of warehouse/ids.py. #}
{% macro stable_id(namespace, columns) %}{{ return(adapter.dispatch('stable_id')(namespace, columns)) }}{% endmacro %}

{% macro postgres__stable_id(namespace, columns) -%}
    cast(md5('{{ namespace }}' || chr(31) || concat_ws(chr(31), {{ columns | join(', ') }})) as uuid)
{%- endmacro %}
