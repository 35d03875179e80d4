-- one row per score to judge: everything that the rules look at
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

cells as (
    select * from {{ ref('int_metric_reliability__cells') }}
),

answers as (
    select
        cell_id,
        sum(answers) as answers_received,
        sum(case when excluded_reason is not null then answers else 0 end) as excluded_answers,
        -- a break-off or an empty answer is not what is meant: there was no score to count
        sum(case when excluded_reason not in ('partial', 'no_score') then answers else 0 end) as excluded_with_score,
        {{ dbt.listagg(
            "excluded_reason || ' ' || cast(answers as text)", "'; '", "order by answers desc, excluded_reason"
        ) }} as excluded_by_reason
    from {{ ref('int_metric_reliability__answers') }}
    group by cell_id
),

batches as (
    select
        cell_id,
        count(*) as batches,
        sum(case when is_waived then 1 else 0 end) as waived_batches,
        sum(critical_gate_failures) as critical_gate_failures,
        sum(warning_gate_failures) as warning_gate_failures,
        sum(rejected) as rows_rejected,
        sum(rows_in) as rows_in
    from {{ ref('int_metric_reliability__batches') }}
    group by cell_id
),

first_invitations as (
    select
        programme,
        min(invited_on) as invited_on
    from {{ ref('fct_survey_invitations') }}
    group by programme
),

newest_answers as (
    select
        programme,
        metric,
        max(responded_on) as responded_on
    from {{ ref('fct_survey_responses') }}
    where excluded_reason is null
    group by
        programme,
        metric
)

select
    cells.*,
    (cells.nps_high - cells.nps_low) / 2 as margin_of_error,
    coalesce(first_invitations.invited_on <= cells.period_ends_on, false) as has_frame,
    coalesce(answers.answers_received, 0) as answers_received,
    coalesce(answers.excluded_answers, 0) as excluded_answers,
    cast(coalesce(answers.excluded_answers, 0) as numeric(18, 4)) / nullif(answers.answers_received, 0) as excluded_share,
    cast(answers.excluded_with_score as numeric(18, 4))
    / nullif(answers.excluded_with_score + answers.answers_received - answers.excluded_answers, 0) as excluded_with_score_share,
    answers.excluded_by_reason,
    coalesce(batches.batches, 0) as batches,
    coalesce(batches.waived_batches, 0) as waived_batches,
    coalesce(batches.critical_gate_failures, 0) as critical_gate_failures,
    coalesce(batches.warning_gate_failures, 0) as warning_gate_failures,
    cast(batches.rows_rejected as numeric(18, 4)) / nullif(batches.rows_in, 0) as rejected_share,
    newest_answers.responded_on as newest_answer_on,
    {{ days_between('newest_answers.responded_on', 'current_build.as_of_on') }} as days_since_newest_answer
from cells
cross join current_build
left join answers
    on cells.cell_id = answers.cell_id
left join batches
    on cells.cell_id = batches.cell_id
left join first_invitations
    on cells.programme = first_invitations.programme
left join newest_answers
    on
        cells.programme = newest_answers.programme
        and cells.metric = newest_answers.metric
