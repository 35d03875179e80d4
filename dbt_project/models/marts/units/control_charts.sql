-- one row per programme × metric × period grain (week, month) × chart × period that is over: the value, and between which limits chance
-- alone would leave it. A chart begins anew where the method of asking changed.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['point_id'], 'unique': true}]) }}
{%- set columns = ['programme', 'metric', 'period_grain', 'period_starts_on', 'period_ends_on'] %}
{%- set line = 'partition by programme, metric, period_grain, chart, phase, is_shown order by period_starts_on' %}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

counts as (
    select * from {{ ref('_nps_counts') }}
),

methods as (
    select * from {{ ref('int_nps__methods') }}
),

periods as (
    select
        counts.{{ columns | join(',\n        counts.') }},
        counts.answers,
        counts.promoters,
        counts.detractors,
        cast(counts.answers as numeric(38, 18)) / {{ design_effect(
            'counts.answers', 'counts.promoters', 'counts.detractors', 'counts.respondents',
            'counts.sum_m_squared', 'counts.sum_s_squared', 'counts.sum_s_m'
        ) }} as n_effective,
        counts.answers >= current_build.hidden_below as is_shown,
        sum(case when methods.is_method_break then 1 else 0 end) over (
            partition by counts.programme, counts.metric, counts.period_grain
            order by counts.period_starts_on
        ) as phase
    from counts
    cross join current_build
    left join methods
        on {{ is_period_of('methods', 'counts') }}
    where
        counts.dimension = 'all'
        and counts.period_grain in ('week', 'month')
        and counts.period_ends_on < current_build.as_of_on
),

charted as (
    {%- for chart, made_of in control_charts().items() %}
    select
        *,
        '{{ chart }}' as chart,
        {{ made_of.is_xmr | lower }} as is_xmr,
        {{ made_of.lowest }} as lowest,
        {{ made_of.total }} as total,
        {{ made_of.squares }} as squares,
        cast({{ made_of.total }} as numeric(38, 18)) / answers as value -- noqa: RF04
    from periods
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

points as (
    select
        *,
        abs(value - lag(value) over ({{ line }})) as moving_range,
        count(*) over (partition by programme, metric, period_grain, chart, phase, is_shown) as periods_charted
    from charted
),

tried as (
    select
        *,
        {{ centre_and_sigma('trial', 'true') }}
    from points
),

tested as (
    select
        *,
        is_xmr
        or value between {{ control_limit('trial', 3, '-') }} and {{ control_limit('trial', 3, '+') }} as is_within_trial
    from tried
),

-- what lies outside is left out once: a period in which something happened would widen the limits that are to show it.
-- Moving ranges hold out by themselves: one such period makes two of them large
revised as (
    select
        *,
        {{ centre_and_sigma('revised', 'is_within_trial') }}
    from tested
),

settled as (
    select
        *,
        coalesce(revised_centre, trial_centre) as settled_centre,
        coalesce(revised_mean_of_squares, trial_mean_of_squares) as settled_mean_of_squares,
        coalesce(revised_sigma_of_moves, trial_sigma_of_moves) as settled_sigma_of_moves
    from revised
),

limited as (
    select
        *,
        {% for name, sigmas in [('limit', 3), ('warning', 2)] -%}
        {{ control_limit('settled', sigmas, '-') }} as low_{{ name }},
        {{ control_limit('settled', sigmas, '+') }} as high_{{ name }},
        {% endfor -%}
        value - lag(value) over ({{ line }}) as rise,
        is_shown and periods_charted >= {{ fewest_charted_periods() }} as has_limits
    from settled
),

judged as (
    select
        *,
        {{ of_the_last(8, 'value > settled_centre') }} = 8 as is_eighth_above,
        {{ of_the_last(8, 'value < settled_centre') }} = 8 as is_eighth_below,
        value > high_warning and {{ of_the_last(3, 'value > high_warning') }} >= 2 as is_second_high,
        value < low_warning and {{ of_the_last(3, 'value < low_warning') }} >= 2 as is_second_low,
        {{ of_the_last(5, 'rise > 0') }} = 5 as is_sixth_rising,
        {{ of_the_last(5, 'rise < 0') }} = 5 as is_sixth_falling
    from limited
)

select
    {{ stable_id('control_chart', columns + ['chart']) }} as point_id,
    programme,
    metric,
    period_grain,
    chart,
    case
        when has_limits then nullif(concat_ws(
            '; ',
            case when value > high_limit then 'above the upper limit' end,
            case when value < low_limit then 'below the lower limit' end,
            case when is_eighth_above then '8 in a row above the centre' end,
            case when is_eighth_below then '8 in a row below the centre' end,
            case when is_second_high then '2 of 3 near the upper limit or beyond' end,
            case when is_second_low then '2 of 3 near the lower limit or beyond' end,
            case when is_sixth_rising then '6 in a row rising' end,
            case when is_sixth_falling then '6 in a row falling' end
        ), '')
    end as signals,
    answers as n,
    cast(case when is_shown then round(100 * value, 4) end as numeric(9, 4)) as value, -- noqa: RF04
    cast(case when has_limits then round(100 * settled_centre, 4) end as numeric(9, 4)) as centre,
    cast(case when has_limits then round(100 * greatest(lowest, low_limit), 4) end as numeric(9, 4)) as low,
    cast(case when has_limits then round(100 * least(1, high_limit), 4) end as numeric(9, 4)) as high,
    cast(phase as bigint) as phase,
    period_starts_on,
    period_ends_on
from judged
