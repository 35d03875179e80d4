-- one row per programme × metric × dimension × value: the 90 days that end with as_of, against the 90 days before them.
-- A programme whose answers have no dates shows its latest declared period instead.
{{
    config(
        post_hook="{{ analyze() }}",
        indexes=[{'columns': ['cell_id'], 'unique': true}, {'columns': ['dimension', 'programme']}],
    )
}}
{%- set is_same_cell %}
            scores.programme = other.programme
            and scores.metric = other.metric
            and scores.dimension = other.dimension
            and scores.dimension_value = other.dimension_value
            and scores.period_grain = 'rolling_90_days'
{%- endset %}

with

scores as (
    select * from {{ ref('int_nps__current_scores') }}
),

weighted_scores as (
    {{ analysed_in_build('weighted_scores') }}
),

weighted as (
    select * from weighted_scores
    where period_grain = 'rolling_90_days'
),

shrunk_scores as (
    {{ analysed_in_build('shrunk_scores') }}
),

shrunk as (
    select * from shrunk_scores
    where period_grain = 'rolling_90_days'
),

published as (
    select
        scores.*,
        {{ weighted_columns('scores', 'weighted', {
            'weighted_responses': 'weighted_responses',
            'nps_weighted': 'nps_weighted',
            'nps_weighted_low': 'nps_weighted_low',
            'nps_weighted_high': 'nps_weighted_high',
            'n_effective_weighted': 'n_effective',
            'design_effect': 'design_effect',
        }) }},
        shrunk.nps_shrunk,
        shrunk.nps_shrunk_low,
        shrunk.nps_shrunk_high,
        shrunk.probability_top_quartile
    from scores
    left join weighted
        on {{ is_same_cell | replace('other', 'weighted') }}
    left join shrunk
        on {{ is_same_cell | replace('other', 'shrunk') }}
)

select
    cell_id,
    {{ published_score_columns() | join(',\n    ') }}
from published
