-- one row per programme × weighting wave × cell of its margins: how many could have been asked, and how many were.
-- Kept between builds: waves that are weighed anew are forgotten and counted again. Not for reading: survey_weightings carries it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('weighting_id', ref('int_weighting__waves_touched')) }}",
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['weighting_id', 'margin_cell'], 'unique': true}],
    )
}}

with

members as (
    select members.*
    from {{ ref('_frame_members') }} as members
    inner join {{ ref('int_weighting__waves_touched') }} as touched
        on members.weighting_id = touched.weighting_id
    where members.margin_cell is not null
),

variables as (
    select * from {{ ref('int_weighting__variables') }}
),

-- what the margins do not name is left empty for all
placed as (
    select
        members.weighting_id,
        members.programme,
        members.weighting_wave,
        members.margin_cell,
        {% for column in margin_columns('members', 'variables') -%}
        {{ column }} as {{ weighting_variables()[loop.index0] }},
        {% endfor -%}
        members.is_invited,
        members.asked_on
    from members
    inner join variables
        on members.programme = variables.programme
)

select
    weighting_id,
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
    weighting_id,
    programme,
    weighting_wave,
    margin_cell,
    {{ weighting_variables() | join(',\n    ') }}
