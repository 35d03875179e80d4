{# Dimensions that themes are counted by: name → column of the survey facts. Twin of DIMENSIONS in
   include/shopkeeper/analysis/themes/publication.py. #}
{% macro theme_dimensions() %}
{{ return({
    'all': "'all'",
    'segment': 'segment',
    'region': 'region',
    'product': 'product_id',
    'product_category': 'product_category',
    'channel': 'channel',
    'interaction_type': 'interaction_type',
    'outcome': 'outcome',
    'branch': 'branch_id',
    'resolution_band': 'resolution_band',
}) }}
{% endmacro %}

{# Months and quarters are counted of so many days before as_of. #}
{% macro theme_days() %}{{ return(730) }}{% endmacro %}

{# Days of the window in which a theme may be emerging. Twin of WINDOW_DAYS in include/shopkeeper/analysis/themes/emerging.py. #}
{% macro emerging_days() %}{{ return(28) }}{% endmacro %}

{# The windows that end with as_of: the 90 days and those before them, and the 28 in which themes may be emerging. #}
{% macro theme_windows() -%}
    {{ rolling_windows() }}
    union all
    {%- set last_day = last_company_date_before('as_of', 'company_timezone') %}
    select
        'rolling_28_days' as period_grain,
        {{ add_days(last_day, 1 - emerging_days()) }} as period_starts_on,
        {{ last_day }} as period_ends_on
    from {{ source('ops', 'current_build') }}
{%- endmacro %}

{# Condition of a join between two relations of theme cells: the same theme, period and value of a dimension. #}
{% macro is_same_theme_cell(one, other) -%}
    {{ is_same_cell(one, other) }}
            and {{ one }}.theme = {{ other }}.theme
{%- endmacro %}

{# A share of 0 to 1; empty of nothing. #}
{% macro share_between(part, whole) -%}
    cast({{ part }} as numeric(38, 18)) / nullif({{ whole }}, 0)
{%- endmacro %}

{# A share of texts that agree, in percent, with one end of its Wilson interval where `sign` is given. #}
{% macro share_in_percent(part, whole, sign=none) -%}
    {%- if sign -%}
    case
        when {{ whole }} > 0
            then cast(round(100 * greatest(0, least(1, {{ wilson('cast(' ~ part ~ ' as numeric(38, 18))', whole, sign) }})), 4) as numeric(9, 4))
    end
    {%- else -%}
    cast(round(100 * {{ share_between(part, whole) }}, 4) as numeric(9, 4))
    {%- endif -%}
{%- endmacro %}
