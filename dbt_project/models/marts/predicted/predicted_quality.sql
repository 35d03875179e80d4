-- one row per programme × metric × model that might say what the silent would have said: how good it is on the newest answers, which it
-- has not seen, and whether its predictions are published
{{ config(post_hook="{{ analyze() }}", indexes=[{'columns': ['predicted_quality_id'], 'unique': true}]) }}

with

judged as (
    {{ analysed_in_build('predicted_quality') }}
)

select
    {{ stable_id('predicted_quality', ['programme', 'metric', 'model']) }} as predicted_quality_id,
    programme,
    metric,
    model, -- noqa: RF04
    verdict,
    answers as responses,
    silent as silent_customers,
    train_answers as n_train,
    calibration_answers as n_calibration,
    test_answers as n_test,
    brier,
    prior_brier,
    gain as brier_gain,
    gain_low as brier_gain_low,
    gain_high as brier_gain_high,
    calibration_error,
    reliability,
    kappa as quadratic_kappa,
    test_nps,
    missed_by,
    missed_by_low,
    missed_by_high,
    verdict = 'published' as is_published,
    train_starts_on,
    calibration_starts_on,
    test_starts_on,
    test_ends_on
from judged
