{# CTEs from `placed` to `told_apart`: the answers that count in their period, with their customers where those speak more often than once. #}
{% macro ctes_from_placed_answers_to_counted_answers() -%}
-- about the relationship a customer speaks once per period: the latest answer
ranked_in_period as (
    select
        *,
        row_number() over (
            partition by sign, programme, metric, population, customer_id, period_grain, period_starts_on, period_ends_on
            order by responded_at desc nulls last, response_id desc
        ) as recency
    from placed
),

counted as (
    select
        *,
        coalesce(customer_id, cast(response_id as text)) as respondent,
        case band when 'promoter' then 1 when 'detractor' then -1 else 0 end as net
    from ranked_in_period
    where
        population = 'transactional'
        or customer_id is null
        or recency = 1
),

-- most customers speak once in a period; only those who speak more often have to be summed one by one
told_apart as (
    select
        *,
        case
            when count(*) over (
                partition by sign, programme, metric, respondent, period_grain, period_starts_on, period_ends_on
            ) > 1 then respondent
        end as repeating_respondent
    from counted
)
{%- endmacro %}

{# CTEs from `placed` (one row per sign × answer × period) to `counts`, named so or otherwise (one row per cell: signed sums of what the score and its
   interval are made of). An answer with sign -1 is taken out of its cells, one with +1 is put in, so that kept counts can be brought up
   to date with the answers of touched customers alone. All answers of a customer must have come together. The dimensions are those of
   nps_by_segment unless others are given. #}
{% macro ctes_from_placed_answers_to_counts(counts='counts', dimensions=none) -%}
{{ ctes_from_placed_answers_to_counted_answers() }},

by_dimension as (
    {{ unpivot(
        'told_apart',
        [
            'sign', 'programme', 'metric', 'period_grain', 'period_starts_on', 'period_ends_on', 'repeating_respondent', 'net'
        ],
        dimensions or survey_dimensions()
    ) }}
),

{{ ctes_from_cells_to_counts('by_dimension', cell_columns(), counts) }}
{%- endmacro %}

{# CTEs `by_respondent` and `counts`, named so or otherwise: from one row per sign × cell × answer to signed sums per cell. #}
{% macro ctes_from_cells_to_counts(relation, cell, counts='counts') -%}
by_respondent as (
    select
        sign,
        {{ cell | join(',\n        ') }},
        repeating_respondent,
        count(*) as answers,
        sum(case when net = 1 then 1 else 0 end) as promoters,
        sum(case when net = -1 then 1 else 0 end) as detractors,
        sum(net) as net
    from {{ relation }}
    group by
        sign,
        {{ cell | join(',\n        ') }},
        repeating_respondent
),

{{ counts }} as (
    select
        {{ cell | join(',\n        ') }},
        cast(sum(sign * answers) as bigint) as answers,
        cast(sum(sign * promoters) as bigint) as promoters,
        cast(sum(sign * detractors) as bigint) as detractors,
        cast(sum(sign * case when repeating_respondent is null then answers else 1 end) as bigint) as respondents,
        cast(sum(
            sign * case when repeating_respondent is null then answers else answers * answers end
        ) as bigint) as sum_m_squared,
        cast(sum(
            sign * case when repeating_respondent is null then promoters + detractors else net * net end
        ) as bigint) as sum_s_squared,
        cast(sum(
            sign * case when repeating_respondent is null then net else net * answers end
        ) as bigint) as sum_s_m
    from by_respondent
    group by
        {{ cell | join(',\n        ') }}
)
{%- endmacro %}

{# What is summed per cell. #}
{% macro count_columns() %}
{{ return(['answers', 'promoters', 'detractors', 'respondents', 'sum_m_squared', 'sum_s_squared', 'sum_s_m']) }}
{% endmacro %}

{# CTEs from `counts` (and `earlier_counts`, the cell of the period before; and `cohorts`) to `scored`: the columns that nps_by_segment and
   nps_current share. Both join on the columns of a cell that `pairs` names. #}
{% macro ctes_from_counts_to_scores() -%}
weighed as (
    select
        paired.*,
        answers - promoters - detractors as passives,
        earlier_answers - earlier_promoters - earlier_detractors as earlier_passives,
        {{ design_effect(
            'answers', 'promoters', 'detractors', 'respondents', 'sum_m_squared', 'sum_s_squared', 'sum_s_m'
        ) }} as deff,
        case
            when earlier_answers is not null
                then {{ design_effect(
                    'earlier_answers', 'earlier_promoters', 'earlier_detractors', 'earlier_respondents',
                    'earlier_sum_m_squared', 'earlier_sum_s_squared', 'earlier_sum_s_m'
                ) }}
        end as earlier_deff
    from paired
),

measured as (
    select
        weighed.*,
        {{ nps('detractors', 'passives', 'promoters') }} as nps,
        {{ adjusted_wald_low('detractors', 'passives', 'promoters', 'deff') }} as nps_low,
        {{ adjusted_wald_high('detractors', 'passives', 'promoters', 'deff') }} as nps_high,
        {{ nps('earlier_detractors', 'earlier_passives', 'earlier_promoters') }} as earlier_nps,
        {{ adjusted_wald_centre('detractors', 'passives', 'promoters', 'deff') }} as centre,
        {{ adjusted_wald_variance('detractors', 'passives', 'promoters', 'deff') }} as variance,
        {{ adjusted_wald_centre('earlier_detractors', 'earlier_passives', 'earlier_promoters', 'earlier_deff') }} as earlier_centre,
        {{ adjusted_wald_variance('earlier_detractors', 'earlier_passives', 'earlier_promoters', 'earlier_deff') }} as earlier_variance
    from weighed
),

reported as (
    select
        measured.*,
        case
            when measured.answers < current_build.hidden_below then 'hidden'
            when measured.answers < current_build.indicative_below then 'indicative'
            when (measured.nps_high - measured.nps_low) / 2 > current_build.indicative_half_width then 'indicative'
            else 'reportable'
        end as reporting,
        measured.answers >= current_build.hidden_below as is_shown,
        measured.answers >= current_build.hidden_below
        and measured.earlier_answers >= current_build.hidden_below
        -- who asks otherwise hears otherwise, without anything having changed
        and not measured.is_method_break as is_change_shown
    from measured
    cross join current_build
),

scored as (
    select
        programme,
        metric,
        period_grain,
        dimension,
        dimension_value,
        survey_method,
        reporting,
        answers as responses,
        case when is_shown then promoters end as promoters,
        case when is_shown then passives end as passives,
        case when is_shown then detractors end as detractors,
        cast(case when is_shown then nps end as numeric(9, 4)) as nps,
        cast(case when is_shown then nps_low end as numeric(9, 4)) as nps_low,
        cast(case when is_shown then nps_high end as numeric(9, 4)) as nps_high,
        cast(case when is_shown then round(answers / deff, 4) end as numeric(18, 4)) as n_effective,
        cohort_invitations,
        cohort_responses,
        cast(round(cast(cohort_responses as numeric(18, 4)) / nullif(cohort_invitations, 0), 4) as numeric(9, 4)) as response_rate,
        cast(case when is_change_shown then nps - earlier_nps end as numeric(9, 4)) as change,
        case
            when is_change_shown
                then abs({{ adjusted_z('centre', 'variance', 'earlier_centre', 'earlier_variance') }}) > {{ z_95() }}
        end as change_is_significant,
        is_method_break,
        period_starts_on,
        period_ends_on
    from reported
)
{%- endmacro %}

{# Condition of a join to int_nps__methods: the period of a cell. #}
{% macro is_period_of(methods, cells) -%}
    {{ methods }}.programme = {{ cells }}.programme
            and {{ methods }}.metric = {{ cells }}.metric
            and {{ methods }}.period_grain = {{ cells }}.period_grain
            and {{ methods }}.period_starts_on = {{ cells }}.period_starts_on
{%- endmacro %}

{# Columns of `paired`: a cell's counts, those of the period before it as earlier_*, its cohort, and its period's method. #}
{% macro paired_columns(counts='counts', earlier='earlier_counts', cohorts='cohorts', methods='methods') -%}
    {%- for column in cell_columns() %}
        {{ counts }}.{{ column }},
    {%- endfor %}
    {%- for column in count_columns() %}
        {{ counts }}.{{ column }},
        {{ earlier }}.{{ column }} as earlier_{{ column }},
    {%- endfor %}
        {{ cohorts }}.cohort_invitations,
        {{ cohorts }}.cohort_responses,
        {{ methods }}.survey_method,
        coalesce({{ methods }}.is_method_break, false) as is_method_break
{%- endmacro %}

{# Columns of a score that need no analysis, in the order of nps_by_segment and nps_current. #}
{% macro score_columns() %}
{{ return([
    'programme', 'metric', 'period_grain', 'dimension', 'dimension_value', 'survey_method', 'reporting', 'responses', 'promoters',
    'passives', 'detractors', 'nps', 'nps_low', 'nps_high', 'n_effective', 'cohort_invitations', 'cohort_responses', 'response_rate',
    'change', 'change_is_significant', 'is_method_break', 'period_starts_on', 'period_ends_on',
]) }}
{% endmacro %}

{# What analyses add to it. #}
{% macro added_score_columns() %}
{{ return([
    'weighted_responses', 'nps_weighted', 'nps_weighted_low', 'nps_weighted_high', 'n_effective_weighted', 'design_effect', 'nps_shrunk',
    'nps_shrunk_low', 'nps_shrunk_high', 'probability_top_quartile',
]) }}
{% endmacro %}

{# Both, in the order of the marts. #}
{% macro published_score_columns() %}
    {%- set columns = score_columns() -%}
    {%- set first_after = columns.index('cohort_invitations') -%}
    {{ return(columns[:first_after] + added_score_columns() + columns[first_after:]) }}
{% endmacro %}
