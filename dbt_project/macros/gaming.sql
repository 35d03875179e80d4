{# What the review for gaming looks at: the days before as_of, and for a branch's standing a longer time. Twins of DAYS and STANDING_DAYS in
   include/shopkeeper/analysis/gaming/signals.py. #}
{% macro gaming_days() %}{{ return(540) }}{% endmacro %}

{% macro gaming_standing_days() %}{{ return(1095) }}{% endmacro %}

{# The signals of the review for gaming: what each counts, among what, in words. What each can see, and what it cannot:
   docs/gaming-review.md; how: include/shopkeeper/analysis/gaming/signals.py. #}
{% macro gaming_signals() %}
    {{ return({
        'not_asked': ['customers who could have been asked about an interaction, and were not', 'interactions'],
        'bounced_after_edit': ['invitations that bounced after the address had been changed', 'invitations'],
        'asked_early': ['invitations sent within an hour of the end of the interaction, or before it', 'invitations'],
        'more_promoters': ['scores of promoters', 'answers'],
        'shared_address': ['answers from a device used for several customers, or from a staff address', 'answers'],
        'answered_fast': ['answers given faster than the questions can be read', 'answers'],
        'answered_in_bursts': ['answers less than five minutes apart', 'pairs of answers of one day'],
        'promoters_complain': ['promoters who complained within 90 days', 'promoters'],
    }) }}
{% endmacro %}

{# What is found, in words. Never more than a reason to look. #}
{% macro gaming_words(signals) -%}
    case {{ signals }}.signal
        {%- for signal, (counted, among) in gaming_signals().items() %}
        when '{{ signal }}' then
            'review: ' || {{ signals }}.observed || ' {{ counted }}, of ' || {{ signals }}.n || ' {{ among }}; about '
            || cast({{ signals }}.expected as numeric(18, 0)) || ' were to be expected'
        {%- endfor %}
    end
{%- endmacro %}

{# The columns that both marts have, after those of their units. #}
{% macro gaming_columns(signals) -%}
    case when {{ signals }}.needs_review then {{ gaming_words(signals) }} end as words,
    {{ signals }}.evidence_kind,
    {{ signals }}.evidence,
    {{ signals }}.n,
    {{ signals }}.observed,
    {{ signals }}.expected,
    cast(({{ signals }}.observed - {{ signals }}.expected) / nullif({{ signals }}.deviation, 0) as numeric(18, 4)) as z,
    {{ signals }}.p,
    {{ signals }}.q_value,
    {{ signals }}.needs_review,
    {{ add_days('current_build.as_of_on', -gaming_days()) }} as period_starts_on,
    {{ last_company_date_before('current_build.as_of', 'current_build.company_timezone') }} as period_ends_on
{%- endmacro %}
