-- one row per programme × metric × month × two columns by which answers can be cut × a value of each: how many there were, and their bands.
-- Kept between builds: months of which answers came, changed or went are forgotten and counted anew.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('month_starts_on', ref('int_nps__changed_days')) }}",
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['dimension', 'other_dimension', 'month_starts_on']}],
    )
}}
{%- set families = drill_families() %}
{%- set counts = ['responses', 'promoters', 'passives', 'detractors'] %}
{%- set sums = [] %}
{%- for count in counts %}{% do sums.append('sum(' ~ count ~ ') as ' ~ count) %}{% endfor %}
{%- set together = [] %}
{%- set pairs = [] %}
{%- for one in families %}
{%- for other in (families | list)[loop.index0:] %}
{%- do together.append((one, other)) %}
{%- for first in families[one] %}
{%- for second in families[other] if one != other or first < second %}
{%- do pairs.append(('of_' ~ one ~ '_and_' ~ other, [first, second] | sort)) %}
{%- endfor %}
{%- endfor %}
{%- endfor %}
{%- endfor %}

with

daily_counts as (
    select
        *,
        {{ period_start('counted_on', 'month') }} as month_starts_on
    from {{ ref('nps_daily_counts') }}
),

{% if is_incremental() -%}
months as (
    select distinct month_starts_on from {{ ref('int_nps__changed_days') }}
),

{% endif -%}
in_view as (
    select daily_counts.*
    from daily_counts
    {% if is_incremental() -%}
    inner join months
        on daily_counts.month_starts_on = months.month_starts_on
    {%- endif %}
),

{% for one, other in together -%}
{%- set columns = families[one] if one == other else families[one] + families[other] -%}
of_{{ one }}_and_{{ other }} as (
    select
        programme,
        metric,
        month_starts_on,
        {{ columns | join(',\n        ') }},
        {{ sums | join(',\n        ') }}
    from in_view
    group by
        programme,
        metric,
        month_starts_on,
        {{ columns | join(',\n        ') }}
),

{% endfor -%}
paired as (
    {% for relation, pair in pairs -%}
    select
        programme,
        metric,
        '{{ pair[0] }}' as dimension,
        {{ pair[0] }} as dimension_value,
        '{{ pair[1] }}' as other_dimension,
        {{ pair[1] }} as other_value,
        {% for count in counts -%}
        cast(sum({{ count }}) as bigint) as {{ count }},
        {% endfor -%}
        month_starts_on
    from {{ relation }}
    where
        {{ pair[0] }} is not null
        and {{ pair[1] }} is not null
    group by
        programme,
        metric,
        month_starts_on,
        {{ pair[0] }},
        {{ pair[1] }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
)

select * from paired
