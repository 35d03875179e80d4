-- one row per programme, metric, split test and arm that invitations were drawn for: how many, how many answered, and what
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

scales as (
    select * from {{ source('ops', 'scales') }}
),

waves as (
    select * from {{ ref('stg_ledger_waves') }}
),

tested_invitations as (
    select * from {{ ref('fct_survey_invitations') }}
    where
        invited_at is not null
        and wave is not null
),

declared as (
    {{ split_test_arms('waves') }}
),

-- as the newest wave has it, where the file changed in between
arms as (
    select
        *,
        row_number() over (
            partition by programme, split_test, arm
            order by as_of desc, wave_id asc
        ) as recency
    from declared
),

-- the first answer to each invitation that counts
answers as (
    select
        invitation_id,
        customer_id,
        metric,
        band
    from {{ ref('fct_survey_responses') }}
    where
        excluded_reason is null
        and invitation_id is not null
),

pairs as (
    {{ json_pairs(
        'tested_invitations', 'arms',
        ['invitation_id', 'customer_id', 'programme', 'wave', 'invited_on', 'is_completed_in_time'],
        'split_test', 'arm'
    ) }}
),

asked as (
    select
        pairs.*,
        scales.metric,
        case answers.band when 'promoter' then 1 when 'detractor' then -1 when 'passive' then 0 end as net,
        {{ add_days('pairs.invited_on', 'current_build.maturity_days') }} < current_build.as_of_on as is_mature
    from pairs
    cross join current_build
    inner join waves
        on
            pairs.programme = waves.programme
            and pairs.wave = waves.wave
    inner join scales
        on waves.scale = scales.scale
    left join answers
        on
            pairs.invitation_id = answers.invitation_id
            and scales.metric = answers.metric
),

by_customer as (
    select
        programme,
        metric,
        split_test,
        arm,
        customer_id,
        count(*) as invitations,
        sum(case when is_completed_in_time then 1 else 0 end) as responses,
        count(net) as answers,
        sum(case when net = 1 then 1 else 0 end) as promoters,
        sum(case when net = -1 then 1 else 0 end) as detractors,
        coalesce(sum(net), 0) as net,
        min(case when is_mature then 1 else 0 end) as is_mature
    from asked
    group by
        programme,
        metric,
        split_test,
        arm,
        customer_id
),

counted as (
    select
        programme,
        metric,
        split_test,
        arm,
        cast(sum(invitations) as bigint) as invitations,
        cast(sum(responses) as bigint) as responses,
        cast(sum(answers) as bigint) as answers,
        cast(sum(promoters) as bigint) as promoters,
        cast(sum(detractors) as bigint) as detractors,
        cast(sum(case when answers > 0 then 1 else 0 end) as bigint) as respondents,
        cast(sum(answers * answers) as bigint) as sum_m_squared,
        cast(sum(net * net) as bigint) as sum_s_squared,
        cast(sum(net * answers) as bigint) as sum_s_m,
        min(is_mature) = 1 as is_mature
    from by_customer
    group by
        programme,
        metric,
        split_test,
        arm
)

select
    counted.*,
    arms.varies,
    row_number() over (
        partition by counted.programme, counted.metric, counted.split_test
        order by arms.place asc nulls last, counted.arm asc
    ) as place
from counted
left join arms
    on
        counted.programme = arms.programme
        and counted.split_test = arms.split_test
        and counted.arm = arms.arm
        and arms.recency = 1
