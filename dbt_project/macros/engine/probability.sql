{# p of a two-sided z-test, to six decimals. #}
{% macro two_sided_p(z) %}{{ return(adapter.dispatch('two_sided_p')(z)) }}{% endmacro %}

{% macro postgres__two_sided_p(z) -%}
    cast(round(cast(erfc(cast(abs({{ z }}) as double precision) / sqrt(cast(2 as double precision))) as numeric), 6) as numeric(9, 6))
{%- endmacro %}
