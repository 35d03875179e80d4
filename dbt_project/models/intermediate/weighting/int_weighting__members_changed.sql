-- one row per member of a frame and weighting wave in which this build knows it otherwise than the last one left it: new, other, or gone
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['invitation_id']}]) }}
{%- set columns = [
    'member_id', 'weighting_id', 'programme', 'weighting_wave', 'invitation_id', 'customer_id', 'margin_cell', 'segment', 'tenure_band',
    'value_band', 'design_weight', 'replicate_group', 'is_invited', 'is_completed_in_time', 'asked_on',
] %}

with

described as (
    select
        {{ columns | join(',\n        ') }}
    from {{ ref('int_weighting__frames') }}
){% if adds_to_kept_marts() -%},

before as (
    select
        kept.{{ columns | join(',\n        kept.') }}
    from {{ as_left_by_last_build('_frame_members') }} as kept
    inner join {{ ref('int_weighting__touched') }} as touched
        on kept.member_id = touched.member_id
),

-- rows that are in one of the two alone
changed as (
    (select * from described except select * from before)
    union all
    (select * from before except select * from described)
)
{%- endif %}

select distinct
    member_id,
    weighting_id,
    programme,
    weighting_wave,
    invitation_id
from {{ 'changed' if adds_to_kept_marts() else 'described' }}
