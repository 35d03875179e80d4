"""What the page reads: published marts alone, small rows of them or sums over many. No row about one customer."""

from __future__ import annotations

PUBLICATION = """
select publications.publication_id, publications.as_of, current_build.company_timezone, current_build.company_currency,
    current_build.hidden_below, current_build.indicative_below
from quality.publications
cross join ops.current_build
order by publications.publication_id desc
limit 1
"""

# of the recommendation question; where a company does not ask it, of whatever most customers answered
BANDS = """
select *
from marts.band_economics
where dimension = 'all' and score is null
    and metric = (
        select metric from marts.band_economics
        where dimension = 'all' and score is null and band <> 'never_answered'
        group by metric
        order by metric <> 'nps', sum(customers) desc, metric
        limit 1
    )
"""

MOVES = """
select *
from marts.band_conversion_values
where metric = :metric and segment = 'all'
order by from_band, to_band
"""

GROWTH = """
select *
from (
    select *, row_number() over (partition by period_grain order by period_starts_on desc) as recency
    from marts.earned_growth
    where growth_rate is not null and period_grain in ('quarter', 'year')
) as periods
where recency <= 8
order by period_grain desc, period_starts_on
"""

# the mean of a customer brought, over the customers brought: their first years, once over
REFERRALS = """
select coalesce(referrer_band, 'never_answered') as band, count(*) as referrals,
    count(first_year_margin) filter (where is_first_year_over) as n,
    avg(first_year_margin) filter (where is_first_year_over) as mean,
    1.959963984540054 * stddev_samp(first_year_margin) filter (where is_first_year_over)
        / sqrt(nullif(count(first_year_margin) filter (where is_first_year_over), 0)) as half_width,
    sum(first_year_margin) filter (where is_first_year_over) as total
from marts.fct_referrals
where is_kept
group by 1
"""
