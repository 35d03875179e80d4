-- one row per wave of whose silent customers some were called: what they said, and what everybody invited would have said
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

waves as (
    select * from {{ ref('stg_ledger_waves') }}
),

follow_ups as (
    select * from {{ ref('stg_phone_follow_ups') }}
),

ranked as (
    select
        follow_ups.*,
        {{ company_date('waves.as_of', 'current_build.company_timezone') }} as wave_as_of_on,
        follow_ups.answered_detractors + follow_ups.answered_passives + follow_ups.answered_promoters as answered,
        follow_ups.phone_detractors + follow_ups.phone_passives + follow_ups.phone_promoters as reached,
        row_number() over (
            partition by follow_ups.programme, follow_ups.wave
            order by follow_ups.follow_up_id desc
        ) as recency
    from follow_ups
    cross join current_build
    inner join waves
        on
            follow_ups.programme = waves.programme
            and follow_ups.wave = waves.wave
    where waves.as_of <= current_build.as_of
),

newest as (
    select
        ranked.*,
        ranked.answered >= current_build.hidden_below as is_answered_shown,
        ranked.reached >= current_build.hidden_below as is_silent_shown,
        ranked.answered >= current_build.hidden_below
        and ranked.reached >= current_build.hidden_below as is_shown
    from ranked
    cross join current_build
    where ranked.recency = 1
)

select
    {{ stable_id('phone_follow_up', ['programme', 'wave']) }} as follow_up_id,
    programme,
    wave,
    cast('nps' as text) as metric,
    cast(answered + silent as bigint) as invited,
    cast(answered as bigint) as answered,
    cast(silent as bigint) as silent,
    cast(called as bigint) as tried,
    cast(reached as bigint) as reached,
    cast(round(cast(reached as numeric(18, 4)) / nullif(called, 0), 4) as numeric(9, 4)) as reached_share,
    {% for part in ['answered', 'silent'] -%}
    {% for end in ['', '_low', '_high'] -%}
    case when is_{{ part }}_shown then nps_{{ part }}{{ end }} end as nps_{{ part }}{{ end }},
    {% endfor -%}
    {% endfor -%}
    case when is_shown then nps end as nps,
    case when is_shown then nps_low end as nps_low,
    case when is_shown then nps_high end as nps_high,
    case when is_shown then gap end as gap,
    case when is_shown then gap_p end as gap_p,
    wave_as_of_on,
    recorded_at
from newest
