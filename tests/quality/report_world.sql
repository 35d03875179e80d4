-- A published company of :answers answers; statements end with two semicolons.
insert into marts.dim_org_units (org_unit_id, kind, name, is_current)
select 'B' || b, 'branch', case when b = 0 then :hostile else 'Branch ' || b end, true from generate_series(0, :branches - 1) as b
;;
insert into marts.fct_survey_responses
    (response_id, invitation_id, customer_id, branch_id, provider, programme, population, scale, metric, band, segment, survey_method,
     excluded_reason, score, is_complete, responded_on, responded_at)
select
    md5(a::text)::uuid, 'I' || a, 'customer-' || a % (1 + :answers / 2), 'B' || a % :branches,
    case when days > 60 then 'archive' else 'built_in' end,
    case when a % 100 = 0 and a < 900 then 'by_phone' when a % 3 = 0 then 'relationship' else 'transactional' end,
    case when a % 3 = 0 then 'relationship' else 'transactional' end, '0-10', 'nps',
    case when score >= 9 then 'promoter' when score >= 7 then 'passive' else 'detractor' end,
    (array['private', 'family', 'business'])[1 + a % 3 * (a % 7) % 3], 'm', case when a % 41 = 0 then 'staff' end,
    score, true, (:as_of)::date - days, :as_of - make_interval(days => days)
from generate_series(1, :answers) as a,
    lateral (select (a::bigint * 7919 % 730)::integer as days, (array[10, 9, 9, 10, 8, 9, 7, 10, 5, 9, 8, 3, 10])[1 + a * 31 % 13] as score) as given
;;
analyze marts.fct_survey_responses
;;
create temporary table cells on commit drop as
select programme, metric, grain, starts_on, ends_on, dimension, value,
    count(*) as n,
    count(*) filter (where band = 'promoter') as promoters,
    count(*) filter (where band = 'passive') as passives,
    count(*) filter (where band = 'detractor') as detractors,
    100.0 * (count(*) filter (where band = 'promoter') - count(*) filter (where band = 'detractor')) / count(*) as nps
from marts.fct_survey_responses
cross join lateral (
    select 'month' as grain, date_trunc('month', responded_on)::date as starts_on,
        (date_trunc('month', responded_on) + interval '1 month')::date - 1 as ends_on
    union all
    select 'rolling_90_days', (:as_of)::date - 89, (:as_of)::date where responded_on > (:as_of)::date - 90
) as period
cross join lateral (values ('all', 'all'), ('segment', segment), ('branch', branch_id)) as placed (dimension, value)
where excluded_reason is null
group by programme, metric, grain, starts_on, ends_on, dimension, value
;;
insert into marts.nps_current
    (cell_id, programme, metric, period_grain, dimension, dimension_value, reporting, responses, promoters, passives, detractors, nps, nps_low, nps_high,
     weighted_responses, nps_weighted, nps_weighted_low, nps_weighted_high, cohort_invitations, cohort_responses, response_rate, change,
     change_is_significant, is_method_break, period_starts_on, period_ends_on)
select md5(programme || dimension || value)::uuid, programme, metric, grain, dimension, value,
    case when n < 10 then 'hidden' when n < 30 then 'indicative' else 'reportable' end, n,
    case when n >= 10 then promoters end, case when n >= 10 then passives end, case when n >= 10 then detractors end,
    case when n >= 10 then nps end, case when n >= 10 then greatest(-100, nps - 150 / sqrt(n)) end,
    case when n >= 10 then least(100, nps + 150 / sqrt(n)) end,
    n, case when n >= 10 and programme <> 'by_phone' then nps - 3 end, case when n >= 10 and programme <> 'by_phone' then nps - 3 - 160 / sqrt(n) end,
    case when n >= 10 and programme <> 'by_phone' then nps - 3 + 160 / sqrt(n) end,
    n * 4, n, 0.25, case when n >= 10 and programme <> 'relationship' then -2.4 end, case when n >= 10 then false end, programme = 'relationship', starts_on, ends_on
from cells
where grain = 'rolling_90_days'
;;
insert into marts.nps_by_segment
    (cell_id, programme, metric, period_grain, dimension, dimension_value, reporting, responses, nps, nps_low, nps_high, nps_weighted, change,
     change_is_significant, is_method_break, period_starts_on, period_ends_on)
select md5(programme || starts_on || dimension || value)::uuid, programme, metric, grain, dimension, value,
    case when n < 10 then 'hidden' when n < 30 then 'indicative' else 'reportable' end, n,
    case when n >= 10 then nps end, case when n >= 10 then greatest(-100, nps - 150 / sqrt(n)) end,
    case when n >= 10 then least(100, nps + 150 / sqrt(n)) end, case when n >= 10 then nps - 3 end,
    1.2, false, programme = 'relationship' and starts_on = '2026-01-01', starts_on, ends_on
from cells
where grain = 'month'
;;
insert into marts.nps_daily_counts (counted_on, responses, promoters, passives, detractors, programme, metric)
select responded_on, count(*), count(*) filter (where band = 'promoter'), count(*) filter (where band = 'passive'),
    count(*) filter (where band = 'detractor'), programme, metric
from marts.fct_survey_responses
where excluded_reason is null
group by responded_on, programme, metric
;;
insert into marts.nps_pair_counts
    (programme, metric, dimension, dimension_value, other_dimension, other_value, responses, promoters, passives, detractors, month_starts_on)
select programme, metric, pair.dimension, pair.value, pair.other_dimension, pair.other,
    count(*), count(*) filter (where band = 'promoter'), count(*) filter (where band = 'passive'), count(*) filter (where band = 'detractor'),
    date_trunc('month', responded_on)::date
from marts.fct_survey_responses
cross join lateral (
    values
        ('resolution_band', case when score < 8 then '4 to 7 days' else 'same day' end, 'segment', segment),
        ('interaction_subtype', case when score % 2 = 0 then 'collision' else 'water' end, 'resolution_band', case when score < 8 then '4 to 7 days' else 'same day' end)
) as pair (dimension, value, other_dimension, other)
where excluded_reason is null and programme = 'transactional'
group by programme, metric, pair.dimension, pair.value, pair.other_dimension, pair.other, date_trunc('month', responded_on)
;;
