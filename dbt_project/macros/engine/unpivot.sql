{# Turns columns into rows: joins each row of `relation` with one row (dimension, dimension_value) per named column that has a value. #}
{% macro unpivot(relation, columns) %}{{ return(adapter.dispatch('unpivot')(relation, columns)) }}{% endmacro %}

{% macro postgres__unpivot(relation, columns) -%}
    select
        {{ relation }}.*,
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
