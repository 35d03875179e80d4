-- one row per score to judge and reason for excluding an answer (empty: it counts): how many answers
with

cells as (
    select * from {{ ref('int_metric_reliability__cells') }}
),

answers as (
    select
        programme,
        metric,
        excluded_reason,
        responded_on,
        period_starts_on,
        period_ends_on,
        count(*) as answers
    from {{ ref('fct_survey_responses') }}
    group by
        programme,
        metric,
        excluded_reason,
        responded_on,
        period_starts_on,
        period_ends_on
)

select
    cells.cell_id,
    answers.excluded_reason,
    sum(answers.answers) as answers
from cells
inner join answers
    on
        cells.programme = answers.programme
        -- an answer on an unknown scale has no metric: it could have counted for any
        and cells.metric = coalesce(answers.metric, cells.metric)
        and (
            answers.responded_on between cells.period_starts_on and cells.period_ends_on
            or (
                cells.period_starts_on = answers.period_starts_on
                and cells.period_ends_on = answers.period_ends_on
            )
        )
where (cells.period_grain = 'declared') = (answers.responded_on is null)
group by
    cells.cell_id,
    answers.excluded_reason
