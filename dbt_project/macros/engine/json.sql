{# The text under a key of a JSON column. #}
{% macro json_text(column, key) %}{{ return(adapter.dispatch('json_text')(column, key)) }}{% endmacro %}

{% macro postgres__json_text(column, key) -%}
    {{ column }} ->> '{{ key }}'
{%- endmacro %}

{# From a relation with a JSON column of names and texts: its `kept` columns once per name, with name and text under new names. #}
{% macro json_pairs(relation, column, kept, name, text) %}
{{ return(adapter.dispatch('json_pairs')(relation, column, kept, name, text)) }}
{% endmacro %}

{% macro postgres__json_pairs(relation, column, kept, name, text) -%}
    select
        {{ relation }}.{{ kept | join(',\n        ' ~ relation ~ '.') }},
        pairs.{{ name }},
        pairs.{{ text }}
    from {{ relation }}
    cross join lateral jsonb_each_text({{ relation }}.{{ column }}) as pairs ({{ name }}, {{ text }})
{%- endmacro %}

{# From a relation with an array of texts: its `kept` columns once per text, with the text under a name. #}
{% macro array_items(relation, column, kept, name) %}
{{ return(adapter.dispatch('array_items')(relation, column, kept, name)) }}
{% endmacro %}

{% macro postgres__array_items(relation, column, kept, name) -%}
    select
        {{ relation }}.{{ kept | join(',\n        ' ~ relation ~ '.') }},
        items.{{ name }}
    from {{ relation }}
    cross join unnest({{ relation }}.{{ column }}) as items ({{ name }})
{%- endmacro %}

{# From waves with their config: one row per arm of each split test, with its place in the programme's file. #}
{% macro split_test_arms(waves) %}{{ return(adapter.dispatch('split_test_arms')(waves)) }}{% endmacro %}

{% macro postgres__split_test_arms(waves) -%}
    select
        {{ waves }}.wave_id,
        {{ waves }}.programme,
        {{ waves }}.as_of,
        tests.split_test,
        tests.declared ->> 'varies' as varies,
        arms.arm,
        arms.place
    from {{ waves }}
    cross join lateral json_each({{ waves }}.config -> 'split_tests') as tests (split_test, declared)
    cross join lateral json_each(tests.declared -> 'arms') with ordinality as arms (arm, declared, place)
{%- endmacro %}
