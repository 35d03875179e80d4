{% macro pin_session() %}{{ return(adapter.dispatch('pin_session')()) }}{% endmacro %}

{% macro postgres__pin_session() -%}
    set time zone 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set extra_float_digits = 1
{%- endmacro %}
