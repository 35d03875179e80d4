-- one row per comment of an employee that is shown, under the lowest unit above its writer of which comments may be shown: each once
{{ config(post_hook="{{ analyze() }}") }}

with recursive

answers as (
    select * from {{ ref('int_employee_answers__latest') }}
    where verbatim is not null
),

cells as (
    select * from {{ ref('int_employee_answers__cells') }}
),

shown as (
    {{ analysed_in_build('employee_cells') }}
    where analysed.shows_comments
),

placed as (
    select
        cells.programme,
        cells.metric,
        cells.period,
        cells.org_unit_id,
        cells.parent_id,
        shown.org_unit_id is not null as is_shown
    from cells
    left join shown
        on
            cells.programme = shown.programme
            and cells.metric = shown.metric
            and cells.period = shown.period
            and cells.org_unit_id = shown.org_unit_id
),

-- up from the writer's unit until comments may be shown
climbed (response_id, programme, metric, period, org_unit_id, parent_id, is_shown) as (
    select
        answers.response_id,
        placed.programme,
        placed.metric,
        placed.period,
        placed.org_unit_id,
        placed.parent_id,
        placed.is_shown
    from answers
    inner join placed
        on
            answers.programme = placed.programme
            and answers.metric = placed.metric
            and answers.period = placed.period
            and answers.org_unit_id = placed.org_unit_id
    union all
    select
        climbed.response_id,
        placed.programme,
        placed.metric,
        placed.period,
        placed.org_unit_id,
        placed.parent_id,
        placed.is_shown
    from climbed
    inner join placed
        on
            climbed.programme = placed.programme
            and climbed.metric = placed.metric
            and climbed.period = placed.period
            and climbed.parent_id = placed.org_unit_id
    where not climbed.is_shown
)

select
    answers.response_id,
    answers.programme,
    answers.metric,
    answers.period,
    climbed.org_unit_id,
    answers.verbatim,
    answers.period_starts_on,
    answers.period_ends_on
from climbed
inner join answers
    on climbed.response_id = answers.response_id
where climbed.is_shown
