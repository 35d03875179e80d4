-- one row per programme × metric × theme × period grain (month, quarter, rolling_90_days, rolling_28_days) × period × dimension × value
-- in which somebody wrote words that could have mentioned the theme
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['trend_id'], 'unique': true}]) }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

counts as (
    select * from {{ ref('int_themes__counts') }}
),

themes as (
    select * from {{ source('ops', 'themes') }}
),

changes as (
    {{ analysed_in_build('theme_changes') }}
),

-- the period before ends on the day before this one; the window of 28 days is held against the 336 days before it
paired as (
    select
        counts.*,
        counts.mentions - counts.promoters - counts.detractors as passives,
        coalesce(changes.earlier_mentions, earlier.mentions) as earlier_mentions,
        coalesce(changes.earlier_comments, earlier.comments) as earlier_comments,
        changes.p,
        changes.q_value,
        changes.is_emerging,
        case
            when counts.mentions > 0
                then {{ design_effect(
                    'counts.mentions', 'counts.promoters', 'counts.detractors', 'counts.respondents', 'counts.sum_m_squared',
                    'counts.sum_s_squared', 'counts.sum_s_m'
                ) }}
        end as deff
    from counts
    left join counts as earlier
        on
            counts.programme = earlier.programme
            and counts.metric = earlier.metric
            and counts.theme = earlier.theme
            and counts.dimension = earlier.dimension
            and counts.dimension_value = earlier.dimension_value
            and counts.period_grain = earlier.period_grain
            and {{ add_days('counts.period_starts_on', -1) }} = earlier.period_ends_on
    left join changes
        on
            counts.programme = changes.programme
            and counts.metric = changes.metric
            and counts.theme = changes.theme
            and counts.dimension = changes.dimension
            and counts.dimension_value = changes.dimension_value
            and counts.period_grain = 'rolling_28_days'
),

measured as (
    select
        paired.*,
        {% for side in ['', 'earlier_'] -%}
        {%- set mentions, comments = 'paired.' ~ side ~ 'mentions', 'paired.' ~ side ~ 'comments' -%}
        {{ share_between(mentions, comments) }} as {{ side }}share, -- noqa: RF04
        {{ wilson('cast(' ~ mentions ~ ' as numeric(38, 18))', comments, '-') }} as {{ side }}low,
        {{ wilson('cast(' ~ mentions ~ ' as numeric(38, 18))', comments, '+') }} as {{ side }}high,
        {% endfor -%}
        {{ nps('paired.detractors', 'paired.passives', 'paired.promoters') }} as nps,
        {{ adjusted_wald_low('paired.detractors', 'paired.passives', 'paired.promoters', 'paired.deff') }} as nps_low,
        {{ adjusted_wald_high('paired.detractors', 'paired.passives', 'paired.promoters', 'paired.deff') }} as nps_high
    from paired
),

-- a share of few texts is no share, as a score of few answers is no score
shown as (
    select
        measured.*,
        measured.comments >= current_build.hidden_below as is_share_shown,
        measured.comments >= current_build.hidden_below
        and measured.earlier_comments >= current_build.hidden_below as is_change_shown,
        measured.mentions >= current_build.hidden_below as is_score_shown,
        case
            when measured.mentions < current_build.hidden_below then 'hidden'
            when measured.mentions < current_build.indicative_below then 'indicative'
            when (measured.nps_high - measured.nps_low) / 2 > current_build.indicative_half_width then 'indicative'
            else 'reportable'
        end as reporting
    from measured
    cross join current_build
)

select
    {{ stable_id('theme_trend', [
        'shown.programme', 'shown.metric', 'shown.theme', 'shown.period_grain', 'cast(shown.period_starts_on as text)', 'shown.dimension',
        'shown.dimension_value',
    ]) }} as trend_id,
    shown.programme,
    shown.metric,
    shown.theme,
    themes.name as theme_name,
    themes.parent as parent_theme,
    shown.period_grain,
    shown.dimension,
    shown.dimension_value,
    shown.reporting,
    shown.example_response_ids,
    shown.comments,
    shown.mentions,
    cast(case when shown.is_share_shown then round(100 * shown.share, 4) end as numeric(9, 4)) as share, -- noqa: RF04
    cast(case when shown.is_share_shown then round(100 * greatest(0, shown.low), 4) end as numeric(9, 4)) as share_low,
    cast(case when shown.is_share_shown then round(100 * least(1, shown.high), 4) end as numeric(9, 4)) as share_high,
    cast(case when shown.is_score_shown then shown.nps end as numeric(9, 4)) as nps,
    cast(case when shown.is_score_shown then shown.nps_low end as numeric(9, 4)) as nps_low,
    cast(case when shown.is_score_shown then shown.nps_high end as numeric(9, 4)) as nps_high,
    cast(case when shown.is_score_shown then round(shown.sentiment / nullif(shown.sentiment_n, 0), 4) end as numeric(9, 4)) as sentiment,
    shown.sentiment_n,
    cast(case when shown.is_change_shown then round(100 * shown.earlier_share, 4) end as numeric(9, 4)) as share_before,
    cast(
        case when shown.is_change_shown then round(100 * (shown.share - shown.earlier_share), 4) end as numeric(9, 4)
    ) as change, -- noqa: RF04
    cast(case when shown.is_change_shown then round(100 * (
        {{ newcombe('shown.share', 'shown.low', 'shown.earlier_share', 'shown.earlier_high', '-') }}
    ), 4) end as numeric(9, 4)) as change_low,
    cast(case when shown.is_change_shown then round(100 * (
        {{ newcombe('shown.share', 'shown.high', 'shown.earlier_share', 'shown.earlier_low', '+') }}
    ), 4) end as numeric(9, 4)) as change_high,
    shown.p,
    shown.q_value,
    shown.is_emerging,
    shown.period_starts_on,
    shown.period_ends_on
from shown
inner join themes
    on shown.theme = themes.theme
