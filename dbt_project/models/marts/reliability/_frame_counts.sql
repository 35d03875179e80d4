-- one row per wave, dimension and value: how many of the population the frame held, and how many of them the wave could have asked.
-- Kept between builds: waves whose frames are counted anew are forgotten and written again. Not for reading: response_rates carries it.
{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        pre_hook="{{ forget('wave_id', ref('int_frames__touched')) }}",
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['wave_id']}],
    )
}}

with

candidates as (
    select * from {{ ref('int_frames__candidates') }}
),

by_dimension as (
    {{ unpivot('candidates', ['wave_id', 'programme', 'wave', 'framed_on', 'is_covered'], frame_dimensions()) }}
)

select
    {{ stable_id('frame_cell', ['cast(wave_id as text)', 'dimension', 'dimension_value']) }} as cell_id,
    wave_id,
    programme,
    wave,
    dimension,
    dimension_value,
    cast(count(*) as bigint) as eligible,
    cast(sum(case when is_covered then 1 else 0 end) as bigint) as covered,
    framed_on
from by_dimension
group by
    wave_id,
    programme,
    wave,
    dimension,
    dimension_value,
    framed_on
