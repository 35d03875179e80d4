-- one row per score to judge and rule that it hits: the verdict that the rule calls for, and the reason in words.
-- The rules stand in the macro reliability_rules.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

facts as (
    select * from {{ ref('int_metric_reliability__facts') }}
),

{% for rule, verdict, condition, reason in reliability_rules() -%}
{{ rule }} as (
    select
        facts.cell_id,
        '{{ rule }}' as rule_name,
        '{{ verdict }}' as verdict,
        {{ reason }} as reason,
        {{ loop.index }} as place
    from facts
    cross join current_build
    where {{ condition }}
){{ ',' if not loop.last }}

{% endfor -%}
{% for rule, verdict, condition, reason in reliability_rules() -%}
select * from {{ rule }}
{{ 'union all' if not loop.last }}
{% endfor %}
