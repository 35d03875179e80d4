-- one row per comparison (analysis, metric, segment or offer type, pair of arms) and covariate: how alike the arms are
with

balance as (
    {{ analysed_in_build('covariate_balance') }}
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
