-- one row per score to judge: everything that the rules look at
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

cells as (
    select * from {{ ref('int_metric_reliability__cells') }}
),

answers as (
    select
        cell_id,
        sum(answers) as answers_received,
        sum(case when excluded_reason is not null then answers else 0 end) as excluded_answers,
        -- a break-off or an empty answer is not what is meant: there was no score to count
        sum(case when excluded_reason not in ('partial', 'no_score') then answers else 0 end) as excluded_with_score,
        {{ dbt.listagg(
            "excluded_reason || ' ' || cast(answers as text)", "'; '", "order by answers desc, excluded_reason"
        ) }} as excluded_by_reason
    from {{ ref('int_metric_reliability__answers') }}
    group by cell_id
),

batches as (
    select
        cell_id,
        count(*) as batches,
        sum(case when is_waived then 1 else 0 end) as waived_batches,
        sum(critical_gate_failures) as critical_gate_failures,
        sum(warning_gate_failures) as warning_gate_failures,
        sum(rejected) as rows_rejected,
        sum(rows_in) as rows_in
    from {{ ref('int_metric_reliability__batches') }}
    group by cell_id
),

first_invitations as (
    select
        programme,
        min(invited_on) as invited_on
    from {{ ref('fct_survey_invitations') }}
    group by programme
),

-- of several waves the one that speaks most against the score
waves as (
    select
        cell_id,
        min(case when is_converged then 1 else 0 end) = 1 as is_converged,
        max(case when crossings_differ then 1 else 0 end) = 1 as crossings_differ
    from {{ ref('int_metric_reliability__waves') }}
    group by cell_id
),

least_representative as (
    select *
    from (
        select
            *,
            row_number() over (
                partition by cell_id
                order by r_indicator, programme, weighting_wave
            ) as place
        from {{ ref('int_metric_reliability__waves') }}
        where r_indicator is not null
    ) as ranked
    where place = 1
),

surest_gap as (
    select *
    from (
        select
            *,
            row_number() over (
                partition by cell_id
                order by p, programme, weighting_wave
            ) as place
        from {{ ref('int_metric_reliability__waves') }}
        where p is not null
    ) as ranked
    where place = 1
),

response_rates as (
    select * from {{ ref('response_rates') }}
    where dimension = 'all'
),

quarantines as (
    select
        cells.cell_id,
        cast(sum(sends.sends) as bigint) as quarantined_sends,
        cast(sum(sends.breaches) as bigint) as quarantine_breaches,
        cast(sum(sends.breaches_same_programme) as bigint) as breaches_same_programme,
        cast(sum(sends.breaches_other_programme) as bigint) as breaches_other_programme,
        cast(sum(sends.breaches_after_decline) as bigint) as breaches_after_decline
    from cells
    inner join {{ ref('int_quarantine__sends') }} as sends
        on
            cells.programme = sends.programme
            and sends.invited_on between cells.period_starts_on and cells.period_ends_on
    where cells.period_grain <> 'declared'
    group by cells.cell_id
),

-- signals of the year that they look at
gaming as (
    select
        cells.cell_id,
        cast(sum(case when signals.needs_review then 1 else 0 end) as bigint) as gaming_reviews
    from cells
    inner join {{ ref('gaming_signals') }} as signals
        on
            cells.programme = signals.programme
            and cells.period_ends_on >= signals.period_starts_on
            and cells.period_starts_on <= signals.period_ends_on
    where cells.period_grain <> 'declared'
    group by cells.cell_id
),

sensitivity as (
    select * from {{ ref('sensitivity_bands') }}
),

phone as (
    select * from {{ ref('int_metric_reliability__phone') }}
),

newest_answers as (
    select
        programme,
        metric,
        max(responded_on) as responded_on
    from {{ ref('fct_survey_responses') }}
    where excluded_reason is null
    group by
        programme,
        metric
)

select
    cells.*,
    cells.nps_weighted is not null as is_weighted,
    coalesce(waves.is_converged, false) as is_converged,
    coalesce(waves.crossings_differ, false) as crossings_differ,
    least_representative.r_indicator,
    least_representative.r_low,
    least_representative.r_high,
    least_representative.bias_bound,
    cells.nps_weighted is not null
    and coalesce(waves.is_converged, false)
    and coalesce(least_representative.r_indicator >= {{ reliability_limits()['r_indicator'] }}, false) as is_adjusted,
    surest_gap.gap as early_late_gap,
    surest_gap.p as early_late_p,
    response_rates.eligible,
    response_rates.coverage,
    {% for number in range(1, 7) -%}
    response_rates.rr{{ number }},
    {% endfor -%}
    quarantines.quarantined_sends,
    quarantines.quarantine_breaches,
    quarantines.breaches_same_programme,
    quarantines.breaches_other_programme,
    quarantines.breaches_after_decline,
    1 - cast(quarantines.quarantine_breaches as numeric(18, 4)) / nullif(quarantines.quarantined_sends, 0) as quarantine_compliance,
    gaming.gaming_reviews,
    sensitivity.nps_low_end,
    sensitivity.nps_high_end,
    sensitivity.tipping_ratio,
    coalesce(sensitivity.sign_flips, false) as sign_flips,
    coalesce(sensitivity.goal_flips, false) as goal_flips,
    phone.nps as phone_nps,
    phone.nps_low as phone_nps_low,
    phone.nps_high as phone_nps_high,
    -- further apart than two scores of these intervals are 19 times in 20
    coalesce(
        power(phone.nps - coalesce(cells.nps_weighted, cells.nps), 2)
        > power((phone.nps_high - phone.nps_low) / 2, 2)
        + power((coalesce(cells.nps_weighted_high, cells.nps_high) - coalesce(cells.nps_weighted_low, cells.nps_low)) / 2, 2),
        false
    ) as phone_contradicts,
    (cells.nps_high - cells.nps_low) / 2 as margin_of_error,
    coalesce(first_invitations.invited_on <= cells.period_ends_on, false) as has_frame,
    coalesce(answers.answers_received, 0) as answers_received,
    coalesce(answers.excluded_answers, 0) as excluded_answers,
    cast(coalesce(answers.excluded_answers, 0) as numeric(18, 4)) / nullif(answers.answers_received, 0) as excluded_share,
    cast(answers.excluded_with_score as numeric(18, 4))
    / nullif(answers.excluded_with_score + answers.answers_received - answers.excluded_answers, 0) as excluded_with_score_share,
    answers.excluded_by_reason,
    coalesce(batches.batches, 0) as batches,
    coalesce(batches.waived_batches, 0) as waived_batches,
    coalesce(batches.critical_gate_failures, 0) as critical_gate_failures,
    coalesce(batches.warning_gate_failures, 0) as warning_gate_failures,
    cast(batches.rows_rejected as numeric(18, 4)) / nullif(batches.rows_in, 0) as rejected_share,
    newest_answers.responded_on as newest_answer_on,
    {{ days_between('newest_answers.responded_on', 'current_build.as_of_on') }} as days_since_newest_answer
from cells
cross join current_build
left join answers
    on cells.cell_id = answers.cell_id
left join batches
    on cells.cell_id = batches.cell_id
left join first_invitations
    on cells.programme = first_invitations.programme
left join waves
    on cells.cell_id = waves.cell_id
left join least_representative
    on cells.cell_id = least_representative.cell_id
left join surest_gap
    on cells.cell_id = surest_gap.cell_id
left join response_rates
    on
        cells.programme = response_rates.programme
        and cells.period_grain = response_rates.period_grain
        and cells.period_starts_on = response_rates.period_starts_on
left join quarantines
    on cells.cell_id = quarantines.cell_id
left join gaming
    on cells.cell_id = gaming.cell_id
left join sensitivity
    on
        cells.programme = sensitivity.programme
        and cells.metric = sensitivity.metric
        and cells.period_grain = 'rolling_90_days'
left join phone
    on cells.cell_id = phone.cell_id
left join newest_answers
    on
        cells.programme = newest_answers.programme
        and cells.metric = newest_answers.metric
