-- one row per programme × metric × period grain (month, quarter, rolling_90_days) × period × dimension × part (the total, each value of the
-- dimension, and the rest without a value): how the score changed from the period before, and how much of that is other scores (rate) and
-- how much is that others answered (mix).
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['change_id'], 'unique': true}]) }}
{%- set whole = 'partition by programme, metric, period_grain, period_starts_on, dimension' %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

parts as (
    select * from {{ ref('int_changes__parts') }}
),

methods as (
    select * from {{ ref('int_nps__methods') }}
),

compared as (
    select
        parts.*,
        coalesce(methods.is_method_break, false) as is_method_break
    from parts
    left join methods
        on {{ is_period_of('methods', 'parts') }}
),

measured as (
    select
        *,
        {% for side in ['', 'earlier_'] -%}
        {{ side ~ 'answers' }} - {{ side ~ 'promoters' }} - {{ side ~ 'detractors' }} as {{ side ~ 'passives' }},
        cast({{ side ~ 'promoters' }} - {{ side ~ 'detractors' }} as numeric(38, 18))
        / nullif({{ side ~ 'answers' }}, 0) as {{ side ~ 'score' }},
        cast({{ side ~ 'answers' }} as numeric(38, 18))
        / max(case when part = 'total' then {{ side ~ 'answers' }} end) over ({{ whole }}) as {{ side ~ 'share' }},
        {% endfor -%}
        count(*) over ({{ whole }}) - 1 as part_count
    from compared
),

-- a value that nobody answered for in one of the periods has the score that it has in the other: it came or went, and did not change
completed as (
    select
        *,
        coalesce(score, earlier_score) as known_score,
        coalesce(earlier_score, score) as earlier_known_score,
        max(case when part = 'total' then (score + earlier_score) / 2 end) over ({{ whole }}) as usual_score
    from measured
    where
        part_count >= 2
        or dimension = 'all'
),

taken_apart as (
    select
        *,
        (share + earlier_share) / 2 * (known_score - earlier_known_score) as own_rate_part,
        (share - earlier_share) * ((known_score + earlier_known_score) / 2 - usual_score) as own_mix_part
    from completed
),

added_up as (
    select
        *,
        {% for name in ['rate_part', 'mix_part'] -%}
        case
            when part = 'total' and dimension <> 'all' then sum(case when part <> 'total' then own_{{ name }} end) over ({{ whole }})
            else own_{{ name }}
        end as {{ name }},
        {% endfor -%}
        case when deff is not null and earlier_deff is not null then {{ adjusted_z(
            adjusted_wald_centre('detractors', 'passives', 'promoters', 'deff'),
            adjusted_wald_variance('detractors', 'passives', 'promoters', 'deff'),
            adjusted_wald_centre('earlier_detractors', 'earlier_passives', 'earlier_promoters', 'earlier_deff'),
            adjusted_wald_variance('earlier_detractors', 'earlier_passives', 'earlier_promoters', 'earlier_deff')
        ) }} end as z_value
    from taken_apart
),

-- who asks otherwise hears otherwise, without anything having changed
shown as (
    select
        added_up.*,
        added_up.answers >= current_build.hidden_below
        and added_up.earlier_answers >= current_build.hidden_below
        and not added_up.is_method_break as is_change_shown,
        (added_up.answers = 0 or added_up.answers >= current_build.hidden_below)
        and (added_up.earlier_answers = 0 or added_up.earlier_answers >= current_build.hidden_below)
        and not added_up.is_method_break as is_part_shown
    from added_up
    cross join current_build
)

select
    {{ stable_id('score_change', cell_columns() + ['part']) }} as change_id,
    programme,
    metric,
    period_grain,
    dimension,
    case when part <> 'total' then dimension_value end as dimension_value,
    part,
    answers as responses,
    earlier_answers as responses_before,
    cast(case when is_change_shown then round(100 * (score - earlier_score), 4) end as numeric(9, 4)) as change, -- noqa: RF04
    cast(case when is_change_shown then z_value end as numeric(12, 6)) as z,
    cast(case when is_change_shown then {{ two_sided_p('z_value') }} end as numeric(9, 6)) as p,
    cast(case when is_part_shown then round(100 * rate_part, 4) end as numeric(9, 4)) as rate_part,
    cast(case when is_part_shown then round(100 * mix_part, 4) end as numeric(9, 4)) as mix_part,
    cast(case when is_part_shown then round(100 * (rate_part + mix_part), 4) end as numeric(9, 4)) as contribution,
    case when is_change_shown then abs(z_value) > {{ z_95() }} end as is_significant,
    is_method_break,
    period_starts_on,
    period_ends_on
from shown
