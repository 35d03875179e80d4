-- Counts are kept between builds and changed by differences: one that went astray would stay wrong without a sign.
-- Every answer that counts and stands for itself is in exactly one cell of each calendar grain for `all`.
with

answers as (
    select
        programme,
        metric,
        count(*) as answers
    from {{ ref('fct_survey_responses') }}
    where
        excluded_reason is null
        and responded_on is not null
    group by
        programme,
        metric
),

repeats as (
    select
        programme,
        metric,
        count(*) as repeats
    from (
        select
            programme,
            metric,
            row_number() over (
                partition by programme, metric, customer_id, responded_on
                order by responded_at desc, response_id desc
            ) as recency
        from {{ ref('fct_survey_responses') }}
        where
            excluded_reason is null
            and responded_on is not null
            and population = 'relationship'
            and customer_id is not null
    ) as about_the_relationship
    where recency > 1
    group by
        programme,
        metric
),

cells as (
    select
        programme,
        metric,
        sum(answers) as answers
    from {{ ref('_nps_counts') }}
    where
        dimension = 'all'
        and period_grain = 'day'
    group by
        programme,
        metric
)

select
    answers.programme,
    answers.metric,
    answers.answers,
    cells.answers as answers_in_cells
from answers
left join repeats
    on
        answers.programme = repeats.programme
        and answers.metric = repeats.metric
full join cells
    on
        answers.programme = cells.programme
        and answers.metric = cells.metric
where coalesce(answers.answers, 0) - coalesce(repeats.repeats, 0) <> coalesce(cells.answers, 0)
