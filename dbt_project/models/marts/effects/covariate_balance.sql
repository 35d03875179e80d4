-- one row per comparison (analysis, metric, segment or offer type, pair of arms) and covariate: how alike the arms are
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

balance as (
    select balance.*
    from {{ source('analysis', 'covariate_balance') }} as balance
    inner join current_build
        on balance.build_id = current_build.build_id
)

select
    {{ stable_id('covariate_balance', [
        'analysis', 'metric', 'segment', 'from_arm', 'to_arm', 'covariate'
    ]) }} as covariate_balance_id,
    analysis,
    metric,
    segment,
    from_arm,
    to_arm,
    covariate,
    difference_before,
    difference_after,
    difference_limit,
    abs(difference_after) <= difference_limit as is_balanced
from balance
