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
        facts.cohort_invitations,
        facts.cohort_responses,
        facts.response_rate,
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
        facts.is_current,
        facts.period_starts_on,
        facts.period_ends_on,
        facts.newest_answer_on
    from facts
    left join verdicts
        on facts.cell_id = verdicts.cell_id
)

select * from judged
