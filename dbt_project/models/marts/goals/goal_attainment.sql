-- one row per goal of goals.csv: what its answers say so far, how likely it is to be met, and whether its parts add up to it
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['goal_id'], 'unique': true}]) }}

with

current_build as (
    select
        ops_build.*,
        {{ last_company_date_before('ops_build.as_of', 'ops_build.company_timezone') }} as last_day
    from {{ source('ops', 'current_build') }} as ops_build
),

goals as (
    select * from {{ source('ops', 'goals') }}
),

counts as (
    select * from {{ ref('int_goals__counts') }}
),

projections as (
    {{ analysed_in_build('goal_projections') }}
),

history as (
    select
        counts.goal_id,
        sum(counts.answers) as responses
    from counts
    cross join current_build
    where
        not counts.is_own
        and counts.period_starts_on >= {{ add_periods('current_build.as_of_on', -12, 'month') }}
    group by counts.goal_id
),

weighed as (
    select
        goals.*,
        coalesce(counts.answers, 0) as responses,
        counts.promoters,
        counts.detractors,
        counts.answers - counts.promoters - counts.detractors as passives,
        counts.deff,
        coalesce(history.responses, 0) as responses_before
    from goals
    left join counts
        on
            goals.goal_id = counts.goal_id
            and counts.is_own
    left join history
        on goals.goal_id = history.goal_id
),

measured as (
    select
        weighed.*,
        {{ nps('detractors', 'passives', 'promoters') }} as nps,
        {{ adjusted_wald_low('detractors', 'passives', 'promoters', 'deff') }} as nps_low,
        {{ adjusted_wald_high('detractors', 'passives', 'promoters', 'deff') }} as nps_high
    from weighed
),

reported as (
    select
        measured.*,
        case
            when measured.responses < current_build.hidden_below then 'hidden'
            when measured.responses < current_build.indicative_below then 'indicative'
            when (measured.nps_high - measured.nps_low) / 2 > current_build.indicative_half_width then 'indicative'
            else 'reportable'
        end as reporting,
        measured.responses >= current_build.hidden_below as is_shown,
        measured.period_starts_on <= current_build.last_day as has_started,
        measured.period_ends_on <= current_build.last_day as is_over,
        measured.responses_before >= current_build.indicative_below as has_history
    from measured
    cross join current_build
),

judged as (
    select
        reported.*,
        projections.responses_to_come,
        projections.projected,
        projections.projected_low,
        projections.projected_high,
        projections.probability_met,
        projections.children,
        projections.children_imply,
        projections.share_inside_parent,
        -- what small cells may not be judged by is not projected either
        not reported.is_over and case
            when reported.has_started then reported.reporting = 'reportable'
            else reported.has_history
        end as is_projected
    from reported
    inner join projections
        on reported.goal_id = projections.goal_id
),

attained as (
    select
        goal_id,
        parent_goal_id,
        programme,
        metric,
        owner,
        dimension,
        dimension_value,
        second_dimension,
        second_value,
        period_grain,
        reporting,
        case
            when not has_started then 'not_started'
            when reporting <> 'reportable' then 'too_few'
            when is_over and nps >= target then 'met'
            when is_over then 'missed'
            when probability_met >= 0.8 then 'likely'
            when probability_met <= 0.2 then 'unlikely'
            else 'open'
        end as status,
        children,
        cast(responses as bigint) as responses,
        cast(responses_before as bigint) as responses_before,
        responses_to_come,
        target,
        cast(case when is_shown then nps end as numeric(9, 4)) as nps,
        cast(case when is_shown then nps_low end as numeric(9, 4)) as nps_low,
        cast(case when is_shown then nps_high end as numeric(9, 4)) as nps_high,
        case when is_projected then projected end as projected_nps,
        case when is_projected then projected_low end as projected_low,
        case when is_projected then projected_high end as projected_high,
        case when is_projected then probability_met end as probability_met,
        children_imply,
        share_inside_parent,
        children_imply >= target - {{ goal_tolerance() }} as is_consistent,
        share_inside_parent >= {{ least_share_inside_parent() }} as is_inside_parent,
        period_starts_on,
        period_ends_on
    from judged
)

select * from attained
