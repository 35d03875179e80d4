-- one row per metric, pair of bands and segment (`all` for everybody): what moving a customer from one to the other is worth over a year.
-- The effect is empty unless the verdict is `usable`.
with

estimates as (
    {{ analysed_in_build('band_conversion_values') }}
)

select
    {{ stable_id('band_conversion_values', ['metric', 'from_band', 'to_band', 'segment']) }} as band_conversion_id,
    metric,
    from_band,
    to_band,
    segment,
    speaks_for,
    verdict,
    customers,
    customers_kept,
    naive_difference,
    naive_low,
    naive_high,
    effect,
    effect_low,
    effect_high,
    dropped_share,
    smallest_effective_n,
    largest_imbalance,
    negative_control_p,
    e_value,
    verdict = 'usable' as is_usable
from estimates
