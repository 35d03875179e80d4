{# Turns columns into rows: `kept` columns of `relation`, once per entry of `columns` (name → column, or a quoted text) that has a
   value, with the name as dimension and the value as dimension_value. #}
{% macro unpivot(relation, kept, columns) %}{{ return(adapter.dispatch('unpivot')(relation, kept, columns)) }}{% endmacro %}

{% macro postgres__unpivot(relation, kept, columns) -%}
    select
        {{ relation }}.{{ kept | join(',\n        ' ~ relation ~ '.') }},
        unpivoted.dimension,
        unpivoted.dimension_value
    from {{ relation }}
    cross join lateral (
        values
        {%- for name, column in columns.items() %}
        ('{{ name }}', {{ column if column[0] == "'" else relation ~ '.' ~ column }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as unpivoted (dimension, dimension_value)
    where unpivoted.dimension_value is not null
{%- endmacro %}
