-- one row per cell of nps_by_segment to be written anew: scored anew in this build, or with another weighted or shrunk score than before.
-- What is not scored anew is as the last build left it.
{{ config(post_hook="{{ analyze() }}") }}
-- weighted scores of whole programmes are estimated from these: depends_on: {{ ref('_weighted_period_counts') }}
{%- set shrunk_columns = ['nps_shrunk', 'nps_shrunk_low', 'nps_shrunk_high', 'probability_top_quartile'] %}

with

touched_scores as (
    select * from {{ ref('int_nps__touched_scores') }}
),

weighted_sums as (
    select * from {{ ref('_nps_weighted_sums') }}
),

weighted_scores as (
    {{ analysed_in_build('weighted_scores') }}
),

weighted_periods as (
    select
        *,
        {{ add_days(shifted_period_start('period_starts_on', 1), -1) }} as period_ends_on
    from weighted_scores
    where period_grain <> 'rolling_90_days'
),

replicated as (
    select
        {{ stable_id('nps_cell', cell_columns()) }} as cell_id,
        nps_weighted_low,
        nps_weighted_high
    from weighted_periods
),

shrunk_scores as (
    {{ analysed_in_build('shrunk_scores') }}
),

shrunk as (
    select
        {{ stable_id('nps_cell', cell_columns()) }} as cell_id,
        {{ shrunk_columns | join(',\n        ') }}
    from shrunk_scores
    where period_grain <> 'rolling_90_days'
),

{% if adds_to_kept_marts() -%}
touched_cells as (
    select * from {{ ref('int_nps__touched_cells') }}
),

kept as (
    select * from {{ as_left_by_last_build('nps_by_segment') }}
),

shrunk_before as (
    select
        cell_id,
        {{ shrunk_columns | join(',\n        ') }}
    from kept
    where nps_shrunk is not null
),

replicated_before as (
    select
        cell_id,
        nps_weighted_low,
        nps_weighted_high
    from kept
    where
        dimension = 'all'
        and period_grain in ('month', 'quarter', 'year')
        and nps_weighted is not null
),

-- rows that are in one of the two alone
replicated_otherwise as (
    (select * from replicated except select * from replicated_before)
    union all
    (select * from replicated_before except select * from replicated)
),

shrunk_otherwise as (
    (select * from shrunk except select * from shrunk_before)
    union all
    (select * from shrunk_before except select * from shrunk)
),

changed as (
    select cell_id from {{ ref('int_nps__weighted_deltas') }}
    union
    select cell_id from replicated_otherwise
    union
    select cell_id from shrunk_otherwise
),

unchanged_scores as (
    select
        kept.cell_id,
        kept.{{ score_columns() | join(',\n        kept.') }}
    from kept
    inner join changed
        on kept.cell_id = changed.cell_id
    left join touched_cells
        on kept.cell_id = touched_cells.cell_id
    where touched_cells.cell_id is null
),
{%- endif %}

scores as (
    select
        cell_id,
        {{ score_columns() | join(',\n        ') }}
    from touched_scores
    {% if adds_to_kept_marts() -%}
    union all
    select * from unchanged_scores
    {%- endif %}
),

sums as (
    select weighted_sums.*
    from weighted_sums
    inner join scores
        on weighted_sums.cell_id = scores.cell_id
),

{{ ctes_from_weighted_sums_to_scores() }},

-- where there are replicates they know more: what the margins explain of the score
with_replicates as (
    select
        weighted.cell_id,
        weighted.answers,
        weighted.score,
        least(coalesce(replicated.nps_weighted_low, weighted.score_low), weighted.score) as score_low,
        greatest(coalesce(replicated.nps_weighted_high, weighted.score_high), weighted.score) as score_high,
        weighted.n_effective,
        weighted.design_effect
    from weighted
    left join replicated
        on weighted.cell_id = replicated.cell_id
)

select
    scores.cell_id,
    scores.{{ score_columns() | join(',\n    scores.') }},
    {{ weighted_columns('scores', 'with_replicates', {
        'weighted_responses': 'answers',
        'nps_weighted': 'score',
        'nps_weighted_low': 'score_low',
        'nps_weighted_high': 'score_high',
        'n_effective_weighted': 'n_effective',
        'design_effect': 'design_effect',
    }) }},
    shrunk.{{ shrunk_columns | join(',\n    shrunk.') }}
from scores
left join with_replicates
    on scores.cell_id = with_replicates.cell_id
left join shrunk
    on scores.cell_id = shrunk.cell_id
