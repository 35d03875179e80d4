{# What margins may be made of: columns of int_weighting__frames, as known when the customer was asked, or could have been. The same list
   as in company/weights.py. #}
{% macro weighting_variables() %}
{{ return([
    'segment', 'region', 'country', 'acquisition_channel', 'tenure_band', 'value_band', 'recent_complaint', 'failed_interaction_band',
    'channel', 'interaction_type', 'outcome', 'product_category',
]) }}
{% endmacro %}

{# Groups of the delete-a-group jackknife; GROUPS in analysis/weights/wave.py. #}
{% macro replicate_groups() %}40{% endmacro %}

{# Columns of an answer that a weighted score counts, and by which its weight is found. #}
{% macro scored_answer_columns() %}
{{ return(['response_id', 'invitation_id', 'customer_id', 'programme', 'metric', 'population', 'band', 'responded_at']) }}
{% endmacro %}

{# What the weight of an answer in a cell follows from, and all that its interval needs to know. #}
{% macro spoken_for_columns() %}
{{ return(['asked_programme', 'weighting_wave', 'margin_cell', 'band', 'design_weight', 'replicate_group']) }}
{% endmacro %}

{# CTEs from `placed` (one row per answer × period, with the sign 1) to `speaking`: of the answers that count, those with a design weight, and
   whom of the frame they speak for. #}
{% macro ctes_from_placed_answers_to_speaking() -%}
{{ ctes_from_placed_answers_to_counted_answers() }},

speaking as (
    select
        told_apart.response_id,
        told_apart.programme,
        told_apart.metric,
        told_apart.period_grain,
        told_apart.period_starts_on,
        members.programme as asked_programme,
        members.weighting_wave,
        members.margin_cell,
        told_apart.band,
        members.design_weight,
        members.replicate_group
    from told_apart
    inner join {{ ref('_frame_members') }} as members
        on told_apart.invitation_id = members.invitation_id
    where
        members.is_invited
        and members.margin_cell is not null
        and members.design_weight is not null
        and told_apart.band is not null
)
{%- endmacro %}

{# From which share of the counted answers with a weight on a cell has a weighted score. #}
{% macro least_weighted_share() %}0.9{% endmacro %}

{# What is summed per cell of nps_by_segment: answers with a weight w and -1, 0 or 1 as y; their customers; w of all, of promoters and of
   detractors; w²; and sums over customers of W², S² and S·W, where W is the sum of a customer's w and S that of w·y. Exact numbers:
   weights have six decimals. #}
{% macro weighted_sum_columns() %}
{{ return([
    'answers', 'respondents', 'weight', 'promoter_weight', 'detractor_weight', 'weight_squared', 'sum_w_squared', 'sum_s_squared', 'sum_s_w',
]) }}
{% endmacro %}

{# These columns, each of a `function` where one is given, in the types in which they are kept. #}
{% macro kept_weighted_sums(function='') %}
    {%- set columns = [] -%}
    {%- for column in weighted_sum_columns() -%}
        {%- set type = 'bigint' if column in ('answers', 'respondents') else 'numeric(38, 12)' -%}
        {%- do columns.append('cast(' ~ function ~ '(' ~ column ~ ') as ' ~ type ~ ') as ' ~ column) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{# Whether a programme's margins are made of each variable, over its rows of ops.weighting_variables. #}
{% macro has_variables() %}
    {%- set columns = [] -%}
    {%- for variable in weighting_variables() -%}
        {%- do columns.append("max(case when variable = '" ~ variable ~ "' then 1 else 0 end) = 1 as has_" ~ variable) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{# CTEs from `placed` (one row per sign × answer × period, with its weight) to `sums`: one row per cell, signed sums. All answers of
   a customer must have come together, with a weight or without. #}
{% macro ctes_from_placed_answers_to_weighted_sums() -%}
{{ ctes_from_placed_answers_to_counted_answers() }},

with_weight as (
    select * from told_apart
    where weight is not null
),

by_dimension as (
    {{ unpivot(
        'with_weight',
        [
            'sign', 'programme', 'metric', 'period_grain', 'period_starts_on', 'period_ends_on', 'repeating_respondent', 'net', 'weight'
        ],
        survey_dimensions()
    ) }}
),

by_respondent as (
    select
        sign,
        {{ cell_columns() | join(',\n        ') }},
        repeating_respondent,
        count(*) as answers,
        sum(weight) as weight,
        sum(case when net = 1 then weight else 0 end) as promoter_weight,
        sum(case when net = -1 then weight else 0 end) as detractor_weight,
        sum(weight * weight) as weight_squared,
        sum(weight * weight * net * net) as net_squared,
        sum(weight * weight * net) as net_weight,
        sum(weight * net) as net
    from by_dimension
    group by
        sign,
        {{ cell_columns() | join(',\n        ') }},
        repeating_respondent
),

sums as (
    select
        {{ cell_columns() | join(',\n        ') }},
        sum(sign * answers) as answers,
        sum(sign * case when repeating_respondent is null then answers else 1 end) as respondents,
        sum(sign * weight) as weight,
        sum(sign * promoter_weight) as promoter_weight,
        sum(sign * detractor_weight) as detractor_weight,
        sum(sign * weight_squared) as weight_squared,
        sum(sign * case when repeating_respondent is null then weight_squared else weight * weight end) as sum_w_squared,
        sum(sign * case when repeating_respondent is null then net_squared else net * net end) as sum_s_squared,
        sum(sign * case when repeating_respondent is null then net_weight else net * weight end) as sum_s_w
    from by_respondent
    group by
        {{ cell_columns() | join(',\n        ') }}
)
{%- endmacro %}

{# CTEs from `sums` (columns of weighted_sum_columns, above 0 answers) to `weighted`: the weighted score with its interval. The variance is the linearised one
   with customers as clusters, C/(C-1)·Σ(S - ȳ·W)²/(Σw)²; it says how many answers of a simple random sample would tell as much, at most as
   many as there are, and the interval is the adjusted Wald interval of so many. Where all answers are alike that number is (Σw)²/ΣW². #}
{% macro ctes_from_weighted_sums_to_scores() -%}
shares as (
    select
        sums.*,
        promoter_weight / weight as promoter_share,
        detractor_weight / weight as detractor_share,
        (promoter_weight - detractor_weight) / weight as mean
    from sums
),

spread as (
    select
        shares.*,
        promoter_share + detractor_share - mean * mean as variance,
        sum_s_squared - 2 * mean * sum_s_w + mean * mean * sum_w_squared as squares
    from shares
),

worth as (
    select
        spread.*,
        greatest(1, case
            when respondents = 1 then answers
            when variance < 0.000000001 then answers * sum_w_squared / (weight * weight)
            else (respondents * squares / ((respondents - 1) * weight * weight)) / (variance / greatest(answers - 1, 1))
        end) as deff
    from spread
),

counted_by_weight as (
    select
        worth.*,
        answers * promoter_share as promoters,
        answers * (1 - promoter_share - detractor_share) as passives,
        answers * detractor_share as detractors,
        cast(round(100 * mean, 4) as numeric(9, 4)) as score
    from worth
),

weighted as (
    select
        counted_by_weight.*,
        least({{ adjusted_wald_low('detractors', 'passives', 'promoters', 'deff') }}, score) as score_low,
        greatest({{ adjusted_wald_high('detractors', 'passives', 'promoters', 'deff') }}, score) as score_high,
        cast(round(weight * weight / weight_squared, 4) as numeric(18, 4)) as n_effective,
        cast(round(answers * weight_squared / (weight * weight), 6) as numeric(12, 6)) as design_effect
    from counted_by_weight
)
{%- endmacro %}

{# Columns that nps_by_segment and nps_current have of `weighted`, beside `scores`: empty in hidden cells, and where too many of the counted
   answers have no weight for the others to speak for them. #}
{% macro weighted_columns(scores, weighted, names) -%}
    {%- set is_shown = scores ~ ".reporting <> 'hidden' and " ~ weighted ~ '.' ~ names['weighted_responses'] ~ ' >= ' ~ least_weighted_share() ~ ' * ' ~ scores ~ '.responses' -%}
    coalesce({{ weighted }}.{{ names['weighted_responses'] }}, 0) as weighted_responses,
    {%- for name, type in [
        ('nps_weighted', 'numeric(9, 4)'), ('nps_weighted_low', 'numeric(9, 4)'), ('nps_weighted_high', 'numeric(9, 4)'),
        ('n_effective_weighted', 'numeric(18, 4)'), ('design_effect', 'numeric(12, 6)'),
    ] %}
    cast(case when {{ is_shown }} then {{ weighted }}.{{ names[name] }} end as {{ type }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Columns of `known` that the programme's margins are made of, the others empty; `variables` has a has_<variable> for each. #}
{% macro margin_columns(known, variables) %}
    {%- set columns = [] -%}
    {%- for variable in weighting_variables() -%}
        {%- do columns.append(
            'case when ' ~ variables ~ '.has_' ~ variable ~ ' then coalesce(' ~ known ~ '.' ~ variable ~ ", 'unknown') end"
        ) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}
