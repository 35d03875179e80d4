{# The rules by which a score is judged: all of them, and nowhere else. A score that no rule hits is sound.
   Each is (name, verdict, condition over `facts` and `current_build`, reason as SQL text). What a company sets is in company.yml
   (hidden_below, indicative_below, indicative_half_width, maturity_days); the other limits stand here:
   - a response rate under 50 %: most of those invited are silent, the score is not adjusted for them, and its interval does not
     speak of them;
   - a response rate over 95 %: nobody answers so well, so those who stayed silent seem to be missing from the invitations;
   - more than 10 % of the scored answers excluded, or more than 5 % of the rows rejected: what is missing could move the score;
   - no answer for more than 30 days: the current score speaks of the past.
   Warnings of a gate are counted beside the verdict and do not change it. #}
{% macro reliability_rules() %}
    {%- set care = 'usable with care' -%}
    {%- set stop = 'not to be published' -%}
    {{ return([
        ('too_few_answers', stop, 'facts.responses < current_build.hidden_below',
            "'fewer than ' || cast(current_build.hidden_below as text) || ' answers'"),
        ('few_answers', care, 'facts.responses >= current_build.hidden_below and facts.responses < current_build.indicative_below',
            "'only ' || cast(facts.responses as text) || ' answers'"),
        ('wide_interval', care, 'facts.margin_of_error > current_build.indicative_half_width',
            "'wide interval: ± ' || cast(round(facts.margin_of_error, 1) as text) || ' points'"),
        ('no_frame', care, 'not facts.has_frame',
            "'no frame, response unknown'"),
        ('low_response', care, 'facts.response_rate < 0.50',
            "'low response: ' || cast(round(100 * facts.response_rate, 1) as text) || ' %, not adjusted for those who did not answer'"),
        ('all_answered', care, 'facts.response_rate > 0.95 and facts.cohort_invitations >= current_build.indicative_below',
            "'response unknown: ' || cast(round(100 * facts.response_rate, 1) as text) || ' % answered, so invitations without an answer seem to be missing'"),
        ('running', care, 'facts.is_running',
            "'period not over'"),
        ('not_matured', care, "facts.has_frame and facts.is_maturing and facts.period_grain != 'rolling_90_days'",
            "'not matured: invitations are answered until ' || cast(" ~ add_days('facts.period_ends_on', 'current_build.maturity_days') ~ " as text)"),
        ('gate_waived', care, 'facts.waived_batches > 0',
            "cast(facts.waived_batches as text) || ' of ' || cast(facts.batches as text) || ' batches used in spite of a failed critical gate'"),
        ('many_excluded', care, 'facts.excluded_with_score_share > 0.10',
            "cast(round(100 * facts.excluded_with_score_share, 1) as text) || ' % of the scored answers excluded'"),
        ('many_rejected', care, 'facts.rejected_share > 0.05',
            "cast(round(100 * facts.rejected_share, 1) as text) || ' % of the rows rejected'"),
        ('stale', care, 'facts.is_current and facts.days_since_newest_answer > 30',
            "'no answer for ' || cast(facts.days_since_newest_answer as text) || ' days'"),
    ]) }}
{% endmacro %}
