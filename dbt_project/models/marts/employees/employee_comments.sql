-- one row per comment of an employee in a finished survey, redacted, under a group of at least eight who answered. Each is shown once, with
-- nothing that says who wrote it or when: no score, no day, no order but that of the words themselves.
{{
    config(
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['employee_comment_id'], 'unique': true}],
    )
}}

with

comments as (
    select * from {{ ref('int_employee_answers__comments') }}
),

numbered as (
    select
        comments.*,
        row_number() over (
            partition by comments.programme, comments.metric, comments.period, comments.org_unit_id
            order by md5(comments.verbatim) asc, comments.verbatim asc
        ) as place
    from comments
)

select
    {{ stable_id('employee_comment', ['programme', 'metric', 'period', 'org_unit_id', 'place']) }} as employee_comment_id,
    programme,
    metric,
    period,
    nullif(org_unit_id, '') as org_unit_id,
    verbatim,
    period_starts_on,
    period_ends_on
from numbered
order by employee_comment_id
