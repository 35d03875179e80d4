{# The customer that an id stands for: that of the record that survives, where the record was merged into another. Needs a left join of
   int_customers__survivors on the id. Every model that is the first to read a customer's id from staging resolves it; what comes after
   knows no merged records. #}
{% macro survivor_of(customer_id, survivors='survivors') -%}
coalesce({{ survivors }}.survivor_customer_id, {{ customer_id }})
{%- endmacro %}
