-- A score or an interval that this database computes differently from the literature would mislead everyone who acts on it.
-- Detractors, passives and promoters with the adjusted-Wald interval of Rocks (2016), and two samples whose difference has z .928844.
with

samples (detractors, passives, promoters, nps, nps_low, nps_high) as (
    values
    (8, 13, 15, 19.4444, -6.2803, 42.1777),
    (12, 7, 12, 0, -29.1098, 29.1098),
    (20, 30, 50, 30, 14.0511, 44.2013),
    (0, 0, 5, 100, 17.4915, 100),
    (5, 0, 0, -100, -100, -17.4915),
    (0, 0, 0, null, null, null)
),

computed as (
    select
        *,
        {{ nps('detractors', 'passives', 'promoters') }} as computed_nps,
        {{ adjusted_wald_low('detractors', 'passives', 'promoters') }} as computed_low,
        {{ adjusted_wald_high('detractors', 'passives', 'promoters') }} as computed_high
    from samples
),

differences as (
    select
        {{ adjusted_z(
            adjusted_wald_centre('8', '13', '15'), adjusted_wald_variance('8', '13', '15'),
            adjusted_wald_centre('12', '7', '12'), adjusted_wald_variance('12', '7', '12'),
        ) }} as z
)

select
    'interval' as what,
    detractors,
    passives,
    promoters
from computed
where
    computed_nps is distinct from nps
    or computed_low is distinct from nps_low
    or computed_high is distinct from nps_high
union all
select
    'difference' as what,
    8 as detractors,
    13 as passives,
    15 as promoters
from differences
where z <> 0.928844
