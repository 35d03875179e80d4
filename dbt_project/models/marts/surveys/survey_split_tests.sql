-- one row per programme × metric × split test × arm: how many answered and what, against the test's first arm
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

arms as (
    select * from {{ ref('int_split_tests__arms') }}
),

weighed as (
    select
        arms.*,
        arms.answers - arms.promoters - arms.detractors as passives,
        case
            when arms.answers > 0 then {{ design_effect(
                'answers', 'promoters', 'detractors', 'respondents', 'sum_m_squared', 'sum_s_squared', 'sum_s_m'
            ) }}
        end as deff
    from arms
),

measured as (
    select
        weighed.*,
        weighed.answers >= current_build.hidden_below as is_shown,
        cast(weighed.responses as numeric(18, 4)) / weighed.invitations as rate,
        {{ wilson('responses', 'invitations', '-') }} as rate_low,
        {{ wilson('responses', 'invitations', '+') }} as rate_high,
        {{ nps('detractors', 'passives', 'promoters') }} as nps,
        {{ adjusted_wald_low('detractors', 'passives', 'promoters', 'deff') }} as nps_low,
        {{ adjusted_wald_high('detractors', 'passives', 'promoters', 'deff') }} as nps_high,
        {{ adjusted_wald_centre('detractors', 'passives', 'promoters', 'deff') }} as centre,
        {{ adjusted_wald_variance('detractors', 'passives', 'promoters', 'deff') }} as variance
    from weighed
    cross join current_build
),

compared as (
    select
        arm.*,
        first_arm.arm as compared_with,
        arm.rate - first_arm.rate as rate_difference,
        {{ newcombe('arm.rate', 'arm.rate_low', 'first_arm.rate', 'first_arm.rate_high', '-') }} as rate_difference_low,
        {{ newcombe('arm.rate', 'arm.rate_high', 'first_arm.rate', 'first_arm.rate_low', '+') }} as rate_difference_high,
        arm.nps - first_arm.nps as nps_difference,
        {{ nps_difference_end('arm.centre', 'arm.variance', 'first_arm.centre', 'first_arm.variance', '-') }} as nps_difference_low,
        {{ nps_difference_end('arm.centre', 'arm.variance', 'first_arm.centre', 'first_arm.variance', '+') }} as nps_difference_high,
        arm.is_shown and first_arm.is_shown as is_difference_shown
    from measured as arm
    left join measured as first_arm
        on
            arm.programme = first_arm.programme
            and arm.metric = first_arm.metric
            and arm.split_test = first_arm.split_test
            and first_arm.place = 1
            and arm.place > 1
)

select
    {{ stable_id('split_test_arm', ['programme', 'metric', 'split_test', 'arm']) }} as arm_id,
    programme,
    metric,
    split_test,
    varies,
    arm,
    compared_with,
    invitations,
    responses,
    cast(round(rate, 4) as numeric(9, 4)) as response_rate,
    cast(round(rate_low, 4) as numeric(9, 4)) as response_rate_low,
    cast(round(rate_high, 4) as numeric(9, 4)) as response_rate_high,
    cast(round(rate_difference, 4) as numeric(9, 4)) as response_rate_difference,
    cast(round(rate_difference_low, 4) as numeric(9, 4)) as response_rate_difference_low,
    cast(round(rate_difference_high, 4) as numeric(9, 4)) as response_rate_difference_high,
    answers,
    cast(case when is_shown then nps end as numeric(9, 4)) as nps,
    cast(case when is_shown then nps_low end as numeric(9, 4)) as nps_low,
    cast(case when is_shown then nps_high end as numeric(9, 4)) as nps_high,
    cast(case when is_difference_shown then nps_difference end as numeric(9, 4)) as nps_difference,
    cast(case when is_difference_shown then nps_difference_low end as numeric(9, 4)) as nps_difference_low,
    cast(case when is_difference_shown then nps_difference_high end as numeric(9, 4)) as nps_difference_high,
    is_mature
from compared
