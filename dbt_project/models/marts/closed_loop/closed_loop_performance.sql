-- one row per unit (all, a team, branch, region or company) × period grain × period in which an order was opened or an answer could
-- be talked about: what was opened then and became of it by as_of, in time or not, at what cost; and what it did to the score,
-- which only a randomised delay can tell.
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['cell_id'], 'unique': true}]) }}

with

orders as (
    select
        *,
        opened_on as dated_on
    from {{ ref('fct_work_orders') }}
),

discussed as (
    select * from {{ ref('int_closed_loop__answers_discussed') }}
),

effects as (
    select * from {{ ref('int_closed_loop__effects') }}
),

placed as (
    {{ in_units_and_periods('orders', [
        'arm', 'trigger_kind', 'state', 'close_reason', 'is_call_wanted', 'is_reached', 'is_contacted_in_time', 'is_closed_in_time', 'escalations',
        'times_reopened', 'hours_to_first_attempt', 'hours_to_close', 'cost', 'value_at_stake', 'score_when_opened', 'recovery_score',
    ]) }}
),

counted as (
    select
        {{ loop_cell_columns() | join(',\n        ') }},
        count(*) as opened,
        sum(case when arm = 'delayed' then 1 else 0 end) as held_back,
        sum(case when trigger_kind = 'predicted' then 1 else 0 end) as opened_on_prediction,
        sum(case when is_contacted_in_time is not null then 1 else 0 end) as contacts_due,
        sum(case when is_contacted_in_time then 1 else 0 end) as contacted_in_time,
        sum(case when is_reached then 1 else 0 end) as reached,
        sum(case when state = 'closed' then 1 else 0 end) as closed,
        sum(case when is_closed_in_time is not null then 1 else 0 end) as closings_due,
        sum(case when is_closed_in_time then 1 else 0 end) as closed_in_time,
        {% for reason in close_reasons() -%}
        sum(case when close_reason = '{{ reason }}' then 1 else 0 end) as closed_{{ reason }},
        {% endfor -%}
        sum(case when escalations > 0 then 1 else 0 end) as escalated,
        sum(case when times_reopened > 0 then 1 else 0 end) as reopened,
        sum(cost) as spent,
        sum(value_at_stake) as value_at_stake,
        sum(case when close_reason = 'not_pursued' then cost end) as cost_not_pursued,
        sum(case when close_reason = 'not_pursued' then value_at_stake end) as value_not_pursued,
        sum(case when recovery_score is not null and score_when_opened is not null then 1 else 0 end) as recovery_answers,
        sum(case when recovery_score > score_when_opened then 1 else 0 end) as recovery_answers_better,
        percentile_disc(0.5) within group (
            order by case when coalesce(arm, '') <> 'delayed' then hours_to_first_attempt end
        ) as median_hours_to_first_attempt,
        percentile_disc(0.5) within group (
            order by case when coalesce(arm, '') <> 'delayed' then hours_to_close end
        ) as median_hours_to_close
    from placed
    group by
        {{ loop_cell_columns() | join(',\n        ') }}
),

cells as (
    select
        {{ loop_cell_columns() | join(',\n        ') }}
    from counted
    union
    select
        {{ loop_cell_columns() | join(',\n        ') }}
    from discussed
),

measured as (
    select
        cells.{{ loop_cell_columns() | join(',\n        cells.') }},
        {% for column in [
            'opened', 'held_back', 'opened_on_prediction', 'contacts_due', 'contacted_in_time', 'reached', 'closed', 'closings_due', 'closed_in_time', 'escalated',
            'reopened', 'recovery_answers', 'recovery_answers_better',
        ] -%}
        coalesce(counted.{{ column }}, 0) as {{ column }},
        {% endfor -%}
        {% for reason in close_reasons() -%}
        coalesce(counted.closed_{{ reason }}, 0) as closed_{{ reason }},
        {% endfor -%}
        coalesce(counted.spent, 0) as spent,
        counted.value_at_stake,
        counted.cost_not_pursued,
        counted.value_not_pursued,
        counted.median_hours_to_first_attempt,
        counted.median_hours_to_close,
        coalesce(discussed.answers, 0) as answers,
        coalesce(discussed.answers_discussed, 0) as answers_discussed,
        effects.customers_treated,
        effects.customers_delayed,
        effects.answers_treated,
        effects.answers_delayed,
        effects.smallest_effective_n,
        effects.effect,
        effects.half_width,
        case
            when coalesce(least(effects.customers_treated, effects.customers_delayed), 0) = 0
                then 'not estimable: nobody was held back at random'
            when effects.smallest_effective_n < {{ smallest_effective_arm() }}
                then 'not estimable: too few answered again'
            else 'usable'
        end as effect_verdict
    from cells
    left join counted
        on {{ is_same_loop_cell('cells', 'counted') }}
    left join discussed
        on {{ is_same_loop_cell('cells', 'discussed') }}
    left join effects
        on {{ is_same_loop_cell('cells', 'effects') }}
)

select
    {{ stable_id('closed_loop', loop_cell_columns()) }} as cell_id,
    dimension,
    dimension_value,
    period_grain,
    effect_verdict,
    cast(opened as bigint) as opened,
    cast(held_back as bigint) as held_back,
    cast(opened_on_prediction as bigint) as opened_on_prediction,
    cast(contacts_due as bigint) as contacts_due,
    cast(contacted_in_time as bigint) as contacted_in_time,
    cast(round(cast(contacted_in_time as numeric(18, 4)) / nullif(contacts_due, 0), 4) as numeric(9, 4)) as contacted_in_time_share,
    cast(reached as bigint) as reached,
    cast(closed as bigint) as closed,
    cast(closings_due as bigint) as closings_due,
    cast(closed_in_time as bigint) as closed_in_time,
    cast(round(cast(closed_in_time as numeric(18, 4)) / nullif(closings_due, 0), 4) as numeric(9, 4)) as closed_in_time_share,
    {% for reason in close_reasons() -%}
    cast(closed_{{ reason }} as bigint) as closed_{{ reason }},
    {% endfor -%}
    cast(escalated as bigint) as escalated,
    cast(reopened as bigint) as reopened,
    cast(median_hours_to_first_attempt as numeric(18, 2)) as median_hours_to_first_attempt,
    cast(median_hours_to_close as numeric(18, 2)) as median_hours_to_close,
    cast(spent as numeric(18, 2)) as cost, -- noqa: RF04
    cast(value_at_stake as numeric(18, 4)) as value_at_stake,
    cast(cost_not_pursued as numeric(18, 2)) as cost_not_pursued,
    cast(value_not_pursued as numeric(18, 4)) as value_not_pursued,
    cast(recovery_answers as bigint) as recovery_answers,
    cast(recovery_answers_better as bigint) as recovery_answers_better,
    cast(answers as bigint) as answers,
    cast(answers_discussed as bigint) as answers_discussed,
    cast(round(cast(answers_discussed as numeric(18, 4)) / nullif(answers, 0), 4) as numeric(9, 4)) as answers_discussed_share,
    cast(coalesce(customers_treated, 0) as bigint) as customers_treated,
    cast(coalesce(customers_delayed, 0) as bigint) as customers_delayed,
    cast(coalesce(answers_treated, 0) as bigint) as answers_treated,
    cast(coalesce(answers_delayed, 0) as bigint) as answers_delayed,
    cast(case when effect_verdict = 'usable' then round(effect, 4) end as numeric(9, 4)) as effect,
    cast(case when effect_verdict = 'usable' then round(effect - half_width, 4) end as numeric(9, 4)) as effect_low,
    cast(case when effect_verdict = 'usable' then round(effect + half_width, 4) end as numeric(9, 4)) as effect_high,
    effect_verdict = 'usable' as is_effect_usable,
    period_starts_on,
    period_ends_on
from measured
