{# The deterministic id of a thing, from a namespace and the columns of its natural key: the twin of warehouse/ids.py. #}
{% macro stable_id(namespace, columns) %}{{ return(adapter.dispatch('stable_id')(namespace, columns)) }}{% endmacro %}

{% macro postgres__stable_id(namespace, columns) -%}
    cast(md5('{{ namespace }}' || chr(31) || concat_ws(chr(31), {{ columns | join(', ') }})) as uuid)
{%- endmacro %}

{# A number from 0 to `groups` - 1 that follows from a text alone: the same wherever and whenever it is asked for. #}
{% macro group_of(text, groups) %}{{ return(adapter.dispatch('group_of')(text, groups)) }}{% endmacro %}

{% macro postgres__group_of(text, groups) -%}
    cast(('x' || substr(md5({{ text }}), 1, 8))::bit(32)::bigint % {{ groups }} as integer)
{%- endmacro %}
