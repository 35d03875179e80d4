-- one row per programme, metric and period: whether the score can be trusted, and why not
with

facts as (
    select * from {{ ref('int_metric_reliability__facts') }}
),

verdicts as (
    select
        cell_id,
        max(case when verdict = 'not to be published' then 1 else 0 end) = 1 as is_stopped,
        {{ dbt.listagg('reason', "'; '", 'order by place') }} as reasons
    from {{ ref('int_metric_reliability__rules_hit') }}
    group by cell_id
),

judged as (
    select
        facts.cell_id,
        facts.programme,
        facts.metric,
        facts.period_grain,
        case
            when verdicts.cell_id is null then 'sound'
            when verdicts.is_stopped then 'not to be published'
            else 'usable with care'
        end as verdict,
        verdicts.reasons,
        facts.excluded_by_reason,
        cast(facts.responses as bigint) as responses,
        facts.nps,
        facts.nps_low,
        facts.nps_high,
        cast(facts.margin_of_error as numeric(9, 4)) as margin_of_error,
        facts.n_effective,
        facts.weighted_responses,
        facts.nps_weighted,
        facts.nps_weighted_low,
        facts.nps_weighted_high,
        facts.n_effective_weighted,
        facts.design_effect,
        facts.r_indicator,
        facts.r_low,
        facts.r_high,
        facts.bias_bound,
        facts.early_late_gap,
        facts.early_late_p,
        facts.nps_low_end,
        facts.nps_high_end,
        facts.tipping_ratio,
        facts.phone_nps,
        facts.phone_nps_low,
        facts.phone_nps_high,
        facts.eligible,
        facts.coverage,
        facts.cohort_invitations,
        facts.cohort_responses,
        facts.response_rate,
        {% for number in range(1, 7) -%}
        facts.rr{{ number }},
        {% endfor -%}
        facts.quarantined_sends,
        facts.quarantine_breaches,
        facts.breaches_same_programme,
        facts.breaches_other_programme,
        facts.breaches_after_decline,
        cast(round(facts.quarantine_compliance, 4) as numeric(9, 4)) as quarantine_compliance,
        facts.gaming_reviews,
        cast(facts.answers_received as bigint) as answers_received,
        cast(facts.excluded_answers as bigint) as excluded_answers,
        cast(facts.excluded_share as numeric(9, 4)) as excluded_share,
        cast(facts.batches as bigint) as batches,
        cast(facts.waived_batches as bigint) as waived_batches,
        cast(facts.critical_gate_failures as bigint) as critical_gate_failures,
        cast(facts.warning_gate_failures as bigint) as warning_gate_failures,
        cast(facts.rejected_share as numeric(9, 4)) as rejected_share,
        facts.days_since_newest_answer,
        facts.has_frame,
        facts.is_weighted,
        facts.is_adjusted,
        facts.sign_flips,
        facts.goal_flips,
        facts.is_current,
        facts.period_starts_on,
        facts.period_ends_on,
        facts.newest_answer_on
    from facts
    left join verdicts
        on facts.cell_id = verdicts.cell_id
)

select * from judged
