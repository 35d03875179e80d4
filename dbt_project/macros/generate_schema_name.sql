{# A folder's schema as it is written in dbt_project.yml, without the target's name before it; marts go to the target's own. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
