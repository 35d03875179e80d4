-- one row per programme × weighting wave × cell of its margins: how many could have been asked, and how many were
{{ config(post_hook="{{ analyze() }}") }}

with

frames as (
    select * from {{ ref('int_weighting__frames') }}
    where margin_cell is not null
),

variables as (
    select * from {{ ref('int_weighting__variables') }}
),

-- what the margins do not name is left empty for all
placed as (
    select
        frames.programme,
        frames.weighting_wave,
        frames.margin_cell,
        {% for column in margin_columns('frames', 'variables') -%}
        {{ column }} as {{ weighting_variables()[loop.index0] }},
        {% endfor -%}
        frames.is_invited,
        frames.asked_on
    from frames
    inner join variables
        on frames.programme = variables.programme
)

select
    programme,
    weighting_wave,
    margin_cell,
    {{ weighting_variables() | join(',\n    ') }},
    count(*) as frame,
    sum(case when is_invited then 1 else 0 end) as invited,
    min(asked_on) as invited_from,
    max(asked_on) as invited_to
from placed
group by
    programme,
    weighting_wave,
    margin_cell,
    {{ weighting_variables() | join(',\n    ') }}
