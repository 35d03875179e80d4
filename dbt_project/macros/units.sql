{# Dimensions of nps_by_segment whose values are compared with each other as units of the organisation. #}
{% macro compared_units() %}{{ return(['team', 'branch', 'org_region']) }}{% endmacro %}

{# The 99.8 % limits of a funnel are so many standard errors from its centre. #}
{% macro z_998() %}3.090232306167813{% endmacro %}

{# One limit of a chart or a funnel, -1 to 1: `sigmas` standard errors of `n` answers from the centre. Answers are worth -1, 0 or 1 (or 0 and
   1, for a share); `centre` is their mean and `mean_of_squares` that of their squares. `sign` is '-' or '+'. #}
{% macro limit_of_mean(centre, mean_of_squares, n, sigmas, sign) -%}
    ({{ centre }} {{ sign }} {{ sigmas }} * sqrt(greatest(0, {{ mean_of_squares }} - {{ centre }} * {{ centre }}) / {{ n }}))
{%- endmacro %}

{# A score of -1 to 1 in points; what lies beyond is cut off. #}
{% macro in_points(score) -%}
    cast(round(100 * greatest(-1, least(1, {{ score }})), 4) as numeric(9, 4))
{%- endmacro %}

{# Columns of a period and of the one before it. #}
{% macro both_sides(columns) -%}
    {%- set found = columns | list -%}
    {%- for column in columns -%}
        {%- do found.append('earlier_' ~ column) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{# Conditions of a join between two relations of cells: the same programme, metric and period; and the same value of a dimension too. #}
{% macro is_same_period(one, other) -%}
    {{ one }}.programme = {{ other }}.programme
            and {{ one }}.metric = {{ other }}.metric
            and {{ one }}.period_grain = {{ other }}.period_grain
            and {{ one }}.period_starts_on = {{ other }}.period_starts_on
{%- endmacro %}

{% macro is_same_cell(one, other) -%}
    {{ is_same_period(one, other) }}
            and {{ one }}.dimension = {{ other }}.dimension
            and {{ one }}.dimension_value = {{ other }}.dimension_value
{%- endmacro %}
