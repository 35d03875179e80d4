-- A cut that a BI user makes, and the score that everybody quotes, are of the same answers: were a day counted twice after a correction,
-- or a correction missed, the two would drift apart without a sign.
with

counts as (
    select
        programme,
        metric,
        counted_on,
        sum(responses) as answers,
        sum(promoters) as promoters,
        sum(detractors) as detractors
    from {{ ref('nps_daily_counts') }}
    group by
        programme,
        metric,
        counted_on
),

cells as (
    select
        programme,
        metric,
        period_starts_on as counted_on,
        sum(answers) as answers,
        sum(promoters) as promoters,
        sum(detractors) as detractors
    from {{ ref('_nps_counts') }}
    where
        dimension = 'all'
        and period_grain in ('day', 'declared')
    group by
        programme,
        metric,
        period_starts_on
)

select
    coalesce(counts.programme, cells.programme) as programme,
    coalesce(counts.metric, cells.metric) as metric,
    coalesce(counts.counted_on, cells.counted_on) as counted_on,
    counts.answers,
    cells.answers as answers_in_cells
from counts
full join cells
    on
        counts.programme = cells.programme
        and counts.metric = cells.metric
        and counts.counted_on = cells.counted_on
where
    coalesce(counts.answers, 0) <> coalesce(cells.answers, 0)
    or coalesce(counts.promoters, 0) <> coalesce(cells.promoters, 0)
    or coalesce(counts.detractors, 0) <> coalesce(cells.detractors, 0)
