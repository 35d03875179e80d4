{# The band of a score on its scale (`scales` is the alias of a row of ops.scales): empty without a score. #}
{% macro nps_band(score, scales='scales') -%}
    case
        when {{ score }} is null or {{ scales }}.passive_from is null then null
        when {{ score }} < {{ scales }}.passive_from then 'detractor'
        when {{ score }} < {{ scales }}.promoter_from then 'passive'
        else 'promoter'
    end
{%- endmacro %}

{# Condition of a join to ops.bands: the one band of a kind (tenure in days, value per year, resolution in hours) that holds a measure. #}
{% macro is_band_of(bands, kind, measure) -%}
    {{ bands }}.kind = '{{ kind }}'
    and {{ measure }} is not null
    and ({{ bands }}.lower_bound is null or {{ measure }} >= {{ bands }}.lower_bound)
    and ({{ bands }}.upper_bound is null or {{ measure }} < {{ bands }}.upper_bound)
{%- endmacro %}
