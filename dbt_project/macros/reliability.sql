{# The limits by which a score is judged: all of them, and nowhere else. What a company sets is in company.yml (hidden_below,
   indicative_below, indicative_half_width, maturity_days, the sensitivity band, goals). docs/response-rates-and-representativeness.md
   explains them.
   - low_response: most of those invited are silent, and the raw interval does not speak of them. It is not held against a score
     that is weighted, whose margins converged and whose R-indicator is acceptable;
   - r_indicator: from which R on those who answer are like enough to those who could have been asked;
   - all_answered: nobody answers so well, so those who stayed silent seem to be missing from the invitations;
   - coverage: less than this share of the eligible base had a chance of being asked, and no weight speaks for the rest;
   - excluded, rejected: what is missing could move the score;
   - early_late_p, early_late_gap: answers after the reminder differ surely, and by much (points): those who never answered may more;
   - stale_days: the current score speaks of the past;
   - share_of_wave: a wave that brought less than this share of a score's answers is not asked about them. #}
{% macro reliability_limits() %}
{{ return({
    'low_response': '0.50',
    'r_indicator': '0.80',
    'all_answered': '0.95',
    'coverage': '0.50',
    'excluded': '0.10',
    'rejected': '0.05',
    'early_late_p': '0.01',
    'early_late_gap': '10',
    'stale_days': '30',
    'share_of_wave': '0.10',
}) }}
{% endmacro %}

{# The rules, the gravest first. Each is (name, verdict, condition over `facts` and `current_build`, reason as SQL text); a score that
   no rule hits is sound. Warnings of a gate are counted beside the verdict and do not change it. #}
{% macro reliability_rules() %}
    {%- set care = 'usable with care' -%}
    {%- set stop = 'not to be published' -%}
    {%- set limits = reliability_limits() -%}
    {{ return([
        ('too_few_answers', stop, 'facts.responses < current_build.hidden_below',
            "'fewer than ' || cast(current_build.hidden_below as text) || ' answers'"),
        ('few_answers', care, 'facts.responses >= current_build.hidden_below and facts.responses < current_build.indicative_below',
            "'only ' || cast(facts.responses as text) || ' answers'"),
        ('wide_interval', care, 'facts.margin_of_error > current_build.indicative_half_width',
            "'wide interval: ± ' || cast(round(facts.margin_of_error, 1) as text) || ' points'"),
        ('no_frame', care, 'not facts.has_frame',
            "'no frame, response unknown'"),
        ('sign_flips', care, 'facts.sign_flips',
            "'the sign of the score changes inside the sensitivity band'"),
        ('goal_flips', care, 'facts.goal_flips',
            "'whether the goal is met changes inside the sensitivity band'"),
        ('phone_contradicts', care, 'facts.phone_contradicts',
            "'calls to those who did not answer put everybody invited at ' || cast(round(facts.phone_nps, 1) as text) || ' points ('"
            ~ " || cast(round(facts.phone_nps_low, 1) as text) || ' to ' || cast(round(facts.phone_nps_high, 1) as text) || ')'"),
        ('gaming', care, 'facts.gaming_reviews > 0',
            "cast(facts.gaming_reviews as text) || ' signals of gaming to be reviewed'"),
        ('low_response', care, 'facts.response_rate < ' ~ limits['low_response'] ~ ' and not facts.is_adjusted',
            "'low response: ' || " ~ percent('facts.response_rate') ~ " || case"
            ~ " when not facts.is_weighted then ', not adjusted for those who did not answer'"
            ~ " when not facts.is_converged then ', and the weights did not converge'"
            ~ " when facts.r_indicator is null then ', and whom the answers represent is not known'"
            ~ " else ', from respondents unlike the others' end"),
        ('unlike_the_frame', care, 'facts.r_indicator < ' ~ limits['r_indicator'],
            "'respondents unlike those who could have been asked: R ' || cast(round(facts.r_indicator, 2) as text)"),
        ('not_converged', care, 'facts.is_weighted and not facts.is_converged',
            "'weights do not meet their margins'"),
        ('crossings_differ', care, 'facts.crossings_differ',
            "'weighted answers still differ from the frame where margins cross'"),
        ('low_coverage', care, 'facts.coverage < ' ~ limits['coverage'],
            "'our waves could ask only ' || " ~ percent('facts.coverage') ~ " || ' of those eligible: the others were in quarantine or out of reach'"),
        ('early_late', care,
            'facts.early_late_p < ' ~ limits['early_late_p'] ~ ' and abs(facts.early_late_gap) >= ' ~ limits['early_late_gap'],
            "'answers after the reminder are ' || cast(round(abs(facts.early_late_gap), 1) as text) || ' points '"
            ~ " || case when facts.early_late_gap > 0 then 'higher' else 'lower' end"),
        ('quarantine_broken', care, 'facts.quarantine_breaches > 0',
            "cast(facts.quarantine_breaches as text) || ' of ' || cast(facts.quarantined_sends as text) || ' invitations broke the quarantine'"),
        ('all_answered', care,
            'facts.response_rate > ' ~ limits['all_answered'] ~ ' and facts.cohort_invitations >= current_build.indicative_below',
            "'response unknown: ' || " ~ percent('facts.response_rate') ~ " || ' answered, so invitations without an answer seem to be missing'"),
        ('running', care, "facts.is_running and facts.period_grain != 'rolling_90_days'",
            "'period not over'"),
        ('not_matured', care, "facts.has_frame and facts.is_maturing and facts.period_grain != 'rolling_90_days'",
            "'not matured: invitations are answered until ' || cast(" ~ add_days('facts.period_ends_on', 'current_build.maturity_days') ~ " as text)"),
        ('gate_waived', care, 'facts.waived_batches > 0',
            "cast(facts.waived_batches as text) || ' of ' || cast(facts.batches as text) || ' batches used in spite of a failed critical gate'"),
        ('many_excluded', care, 'facts.excluded_with_score_share > ' ~ limits['excluded'],
            percent('facts.excluded_with_score_share') ~ " || ' of the scored answers excluded'"),
        ('many_rejected', care, 'facts.rejected_share > ' ~ limits['rejected'],
            percent('facts.rejected_share') ~ " || ' of the rows rejected'"),
        ('stale', care, 'facts.is_current and facts.days_since_newest_answer > ' ~ limits['stale_days'],
            "'no answer for ' || cast(facts.days_since_newest_answer as text) || ' days'"),
    ]) }}
{% endmacro %}

{# A share in words, such as 12.5 %. #}
{% macro percent(share) -%}
    cast(round(100 * {{ share }}, 1) as text) || ' %'
{%- endmacro %}
