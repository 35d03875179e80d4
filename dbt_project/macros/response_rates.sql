{# Response rates after AAPOR, Standard Definitions (10th edition, 2023). docs/response-rates-and-representativeness.md says what they mean. #}

{# What an invitation counts as in its cohort. Only a complete, scored answer in time is a complete: one that came later had not been
   begun in time, one to what may never have been sent leaves that unknown, and one that a code speaks of and nobody has seen is a
   partial. What a provider never reports the end of was not started. Needs the columns of fct_survey_invitations. #}
{% macro response_class(invitations) -%}
    case
        when {{ invitations }}.is_completed_in_time then 'completed'
        when {{ invitations }}.completed_at is not null then case when {{ invitations }}.invited_on is null then 'unknown' else 'not_started' end
        when {{ invitations }}.aapor_class in ('I', 'P') then 'partial'
        when {{ invitations }}.aapor_class = 'R' then 'refused'
        when {{ invitations }}.aapor_class = 'O' then 'other'
        when {{ invitations }}.aapor_class = 'UO' then 'unknown'
        when {{ invitations }}.disposition = 'not_sent' then 'not_sent'
        when {{ invitations }}.aapor_class = 'NE' then 'not_eligible'
        else 'not_started'
    end
{%- endmacro %}

{# Those classes, each a column of counts: what became of the invitations of a cohort. Every invitation is in one of them. #}
{% macro response_classes() %}
{{ return(['completed', 'partial', 'refused', 'not_started', 'other', 'unknown', 'not_eligible', 'not_sent']) }}
{% endmacro %}

{# What is summed per cohort cell. `completed` is cohort_responses: one number, one column. #}
{% macro cohort_count_columns() %}
{{ return(['cohort_invitations', 'cohort_responses'] + (response_classes() | reject('equalto', 'completed') | list)) }}
{% endmacro %}

{# A share of counts, 0 to 1; empty where nobody is counted. #}
{% macro share_of(part, whole) -%}
    cast(round(cast({{ part }} as numeric(38, 18)) / nullif({{ whole }}, 0), 4) as numeric(9, 4))
{%- endmacro %}

{# Share of those of unknown eligibility that are taken as eligible: that of the eligible among those of whom it is known. Without any
   who turned out not to be eligible it is 1. #}
{% macro taken_as_eligible() -%}
    (
        cast(completed + partial + refused + not_started + other as numeric(38, 18))
        / nullif(completed + partial + refused + not_started + other + not_eligible, 0)
    )
{%- endmacro %}

{# Response rate 1 to 6: the odd ones count completes, the even ones partials too. 1 and 2 take every unknown as eligible, 3 and 4 a share of
   them, 5 and 6 none. #}
{% macro response_rate(number) -%}
    {%- set answered = 'completed' if number % 2 else '(completed + partial)' -%}
    {%- set known = 'completed + partial + refused + not_started + other' -%}
    {%- set unknown = ['unknown', 'coalesce(' ~ taken_as_eligible() ~ ', 1) * unknown', '0'][(number - 1) // 2] -%}
    {{ share_of(answered, '(' ~ known ~ ' + ' ~ unknown ~ ')') }}
{%- endmacro %}

{# Candidates of a frame that the programme does not mean at all. Everybody else belongs to the eligible base. #}
{% macro not_of_the_population() %}'merged', 'not_eligible', 'staff'{% endmacro %}

{# Turned away by a draw of lots among several: they had their chance, which the design weight makes up for. #}
{% macro lost_a_draw() %}'shared_address', 'another_interaction'{% endmacro %}

{# Dimensions of nps_by_segment that a frame can tell of a candidate; what a customer is worth is worked out for those asked alone. #}
{% macro frame_dimensions() %}
    {%- set told = {} -%}
    {%- for name, column in survey_dimensions().items() if name not in ('value_band', 'share_of_wallet_band') -%}
        {%- do told.update({name: column}) -%}
    {%- endfor -%}
    {{ return(told) }}
{% endmacro %}
