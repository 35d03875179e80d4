-- one row per weighting wave that this build weighs anew: somebody in its frame, or one of its answers, is not what the last build left
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['weighting_id'], 'unique': true}]) }}

with

members as (
    select * from {{ ref('_frame_members') }}
),

members_changed as (
    select * from {{ ref('int_weighting__members_changed') }}
),

answers_changed as (
    select * from {{ ref('int_weighting__answers_changed') }}
),

touched as (
    select
        weighting_id,
        programme,
        weighting_wave
    from members_changed
    union
    select
        members.weighting_id,
        members.programme,
        members.weighting_wave
    from members
    inner join answers_changed
        on members.invitation_id = answers_changed.invitation_id
)

select * from touched
