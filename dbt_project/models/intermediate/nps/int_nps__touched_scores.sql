-- one row per cell of nps_by_segment that this build scores anew from its counts, without what analyses add: touched cells, and no
-- others. All cells are in the mart alone, their counts in _nps_counts.
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

touched_cells as (
    select * from {{ ref('int_nps__touched_cells') }}
),

all_counts as (
    select * from {{ ref('_nps_counts') }}
),

cohorts as (
    select * from {{ ref('_cohort_counts') }}
),

methods as (
    select * from {{ ref('int_nps__methods') }}
),

touched_counts as (
    select
        all_counts.*,
        {{ shifted_period_start('all_counts.period_starts_on', -1) }} as earlier_starts_on,
        {{ add_days('all_counts.period_starts_on', -1) }} as earlier_ends_on
    from all_counts
    inner join touched_cells
        on all_counts.cell_id = touched_cells.cell_id
),

counts as (
    select
        touched_counts.*,
        {{ stable_id('nps_cell', [
            'programme', 'metric', 'period_grain', 'earlier_starts_on', 'earlier_ends_on', 'dimension', 'dimension_value'
        ]) }} as earlier_cell_id,
        {{ stable_id('cohort_cell', cohort_columns()) }} as cohort_cell_id
    from touched_counts
),

paired as (
    select
        {{ paired_columns('counts', 'earlier_counts', 'cohorts') }}
    from counts
    left join all_counts as earlier_counts
        on counts.earlier_cell_id = earlier_counts.cell_id
    left join cohorts
        on counts.cohort_cell_id = cohorts.cell_id
    left join methods
        on {{ is_period_of('methods', 'counts') }}
),

{{ ctes_from_counts_to_scores() }}

select
    {{ stable_id('nps_cell', cell_columns()) }} as cell_id,
    *
from scored
