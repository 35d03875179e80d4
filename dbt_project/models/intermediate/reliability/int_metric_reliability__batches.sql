-- one row per score to judge and batch that brought a version of one of its answers: how the gate judged the batch
with

cells as (
    select * from {{ ref('int_metric_reliability__cells') }}
),

batches as (
    select * from {{ source('ops', 'batches') }}
),

gate_failures as (
    select
        batch_id,
        sum(case when severity = 'critical' then 1 else 0 end) as critical_gate_failures,
        sum(case when severity = 'warning' then 1 else 0 end) as warning_gate_failures
    from {{ source('quality', 'gate_results') }}
    where
        subject = 'batch'
        and not succeeded
    group by batch_id
),

brought as (
    select distinct
        responses.programme,
        responses.metric,
        responses.responded_on,
        responses.period_starts_on,
        responses.period_ends_on,
        versions._batch_id as batch_id
    from {{ ref('fct_survey_responses') }} as responses
    inner join {{ ref('stg_survey_responses') }} as versions
        on responses.response_id = versions.response_id
),

behind as (
    select distinct
        cells.cell_id,
        brought.batch_id
    from cells
    inner join brought
        on
            cells.programme = brought.programme
            and cells.metric = coalesce(brought.metric, cells.metric)
            and (
                brought.responded_on between cells.period_starts_on and cells.period_ends_on
                or (
                    cells.period_starts_on = brought.period_starts_on
                    and cells.period_ends_on = brought.period_ends_on
                )
            )
    where (cells.period_grain = 'declared') = (brought.responded_on is null)
)

select
    behind.cell_id,
    behind.batch_id,
    batches.rows_in,
    batches.rejected,
    batches.status = 'waived' as is_waived,
    coalesce(gate_failures.critical_gate_failures, 0) as critical_gate_failures,
    coalesce(gate_failures.warning_gate_failures, 0) as warning_gate_failures
from behind
inner join batches
    on behind.batch_id = batches.batch_id
left join gate_failures
    on behind.batch_id = gate_failures.batch_id
