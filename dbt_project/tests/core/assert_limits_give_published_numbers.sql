-- Limits that lie elsewhere than in the literature raise false alarms, or none. A p-chart of orange juice cans (Montgomery): 347 of 1500
-- leak, in samples of 50; without two samples 301 of 1400. A funnel around 30 points, for 30 answers. And what z says of chance: of the two
-- samples of Rocks (2016), as they are and adjusted.
with

limits (what, published_low, published_high, rounding, low, high) as (
    values
    {%- set trial = 'cast(347 as numeric(38, 18)) / 1500' %}
    {%- set revised = 'cast(301 as numeric(38, 18)) / 1400' %}
    {%- for what, low, high, rounding, centre, mean_of_squares, n, sigmas in [
        ('cans', 0.05242755, 0.4102391, 0.0000001, trial, trial, 50, 3),
        ('cans, two samples left out', 0.04070284, 0.3892972, 0.0000001, revised, revised, 50, 3),
        ('funnel', 0.0205, 0.5795, 0.00005, 0.3, 0.7, 30, z_95()),
    ] %}
    (
        '{{ what }}',
        {{ low }},
        {{ high }},
        {{ rounding }},
        {{ limit_of_mean(centre, mean_of_squares, n, sigmas, '-') }},
        {{ limit_of_mean(centre, mean_of_squares, n, sigmas, '+') }}
    ){{ ',' if not loop.last }}
    {%- endfor %}
),

chances (z, published_p) as (
    values
    (0.952534, 0.340826),
    (-0.928844, 0.352970)
)

select what
from limits
where
    abs(low - published_low) > rounding
    or abs(high - published_high) > rounding
union all
select 'p' as what
from chances
where abs({{ two_sided_p('z') }} - published_p) > 0.000001
