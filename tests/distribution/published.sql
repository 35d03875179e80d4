-- A published company of :employees employees; what stands in braces is filled in by published.py. Statements end with two semicolons.
create temporary table teams on commit drop as
select 'T' || t as team_id, 'B' || t / 3 as branch_id, 'R' || t / 12 as org_region_id, 'HQ' as company_id
from generate_series(0, greatest(0, (:employees - 1) / 10)) as t
;;
insert into marts.dim_org_units
    (org_unit_id, parent_id, team_id, branch_id, org_region_id, company_id, kind, name, path, level, is_current, valid_from, valid_to)
select team_id, branch_id, team_id, branch_id, org_region_id, 'HQ', 'team', 'Team <' || team_id || '>', '', 4, true, '1900-01-01', '9999-12-31'
from teams
union all
select distinct branch_id, org_region_id, null, branch_id, org_region_id, 'HQ', 'branch', 'Branch ' || branch_id, '', 3, true, date '1900-01-01', date '9999-12-31'
from teams
union all
select distinct org_region_id, 'HQ', null, null, org_region_id, 'HQ', 'region', 'Region ' || org_region_id, '', 2, true, date '1900-01-01', date '9999-12-31'
from teams
union all
select 'HQ', null, null, null, null, 'HQ', 'company', 'Brunnenhof & Söhne', '', 1, true, '1900-01-01', '9999-12-31'
;;
insert into ops.directory (employee_id, org_unit_id, unit_path, manager_id, role, leads, is_here, locale)
select 'E' || e, 'T' || e / 10, '/HQ/R' || e / 120 || '/B' || e / 30 || '/T' || e / 10 || '/', 'E' || e / 10 * 10, 'adviser', e % 10 = 0, true,
    case when e % 2 = 0 then 'de-DE' end
from generate_series(0, :employees - 1) as e
;;
insert into ops.directory (employee_id, org_unit_id, unit_path, role, leads, is_here)
select 'M' || unit_id, unit_id, path, 'manager', true, true
from (
    select distinct branch_id as unit_id, '/HQ/' || org_region_id || '/' || branch_id || '/' as path from teams
    union all select distinct org_region_id, '/HQ/' || org_region_id || '/' from teams
    union all select 'HQ', '/HQ/'
) as units
;;
insert into marts.fct_survey_responses
    (response_id, customer_id, interaction_id, org_unit_id, team_id, branch_id, org_region_id, company_id, programme, population, scale, metric,
     band, interaction_type, verbatim, score, responded_on, responded_at)
select
    md5(e || '|' || a)::uuid, 'C' || e || '-' || a, 'E' || e, 'T' || e / 10, 'T' || e / 10, 'B' || e / 30, 'R' || e / 120, 'HQ',
    'transactional', 'transactional', '0-10', 'nps',
    case when score >= 9 then 'promoter' when score >= 7 then 'passive' else 'detractor' end, 'claim',
    case when a % 3 <> 2 then (cast(:words as text[]))[1 + (e + a) % cardinality(cast(:words as text[]))] end,
    score, (:as_of)::date - (a * 80 / greatest(1, :answers)), :as_of - make_interval(days => a * 80 / greatest(1, :answers))
from generate_series(0, :employees - 1) as e, generate_series(0, :answers - 1) as a,
    lateral (select (e * 7 + a * 5) % 11 as score) as given
where e % 10 > 0
;;
insert into frontline.fct_employee_responses
    (response_id, employee_id, customer_id, interaction_id, org_unit_id, unit_path, programme, population, scale, metric, band,
     interaction_type, verbatim, score, is_reattributed, responded_on, responded_at)
select response_id, interaction_id, customer_id, interaction_id, org_unit_id, '', programme, population, scale, metric, band,
    interaction_type, verbatim, score, false, responded_on, responded_at
from marts.fct_survey_responses
;;
insert into marts.nps_current (programme, metric, period_grain, dimension, dimension_value, reporting, responses, nps, nps_low, nps_high,
    change, change_is_significant, is_method_break, period_starts_on, period_ends_on)
select programme, metric, 'rolling_90_days', d, v, ${scored}, -12, d = 'branch', false, (:as_of)::date - 89, (:as_of)::date
from (select programme, metric, d, v, ${counted} from marts.fct_survey_responses ${each_unit} group by programme, metric, d, v) as counted
;;
insert into marts.nps_by_segment (programme, metric, period_grain, dimension, dimension_value, reporting, responses, nps, nps_low, nps_high,
    is_method_break, period_starts_on, period_ends_on)
select programme, metric, grain, d, v, ${scored}, false, starts_on, ends_on
from (
    select programme, metric, d, v, grain, starts_on, (starts_on + length)::date - 1 as ends_on, ${counted}
    from marts.fct_survey_responses ${each_unit}
    cross join (values ('week', interval '7 days'), ('month', interval '1 month'), ('quarter', interval '3 months')) as grains (grain, length)
    cross join lateral (select date_trunc(grain, responded_on)::date as starts_on) as starting
    group by programme, metric, d, v, grain, starts_on, length
) as counted
;;
insert into frontline.nps_by_employee (employee_id, programme, metric, period_grain, reporting, responses, nps, nps_low, nps_high,
    is_method_break, period_starts_on, period_ends_on)
select employee_id, programme, metric, 'rolling_90_days', ${scored}, false, (:as_of)::date - 89, (:as_of)::date
from (select employee_id, programme, metric, ${counted} from frontline.fct_employee_responses group by employee_id, programme, metric) as counted
;;
insert into ops.work_orders (order_id, customer_id, rule, signal_id, opened_at, first_attempt_due_at, close_due_at, state, owner_employee_id,
    org_unit_id, unit_path, call_wanted, due_at)
select md5('order' || e || '|' || o)::uuid, 'C' || e || '-' || o, 'low_score', md5('signal' || e || '|' || o)::uuid, :as_of, :as_of, :as_of, 'open',
    'E' || e, 'T' || e / 10, '/HQ/R' || e / 120 || '/B' || e / 30 || '/T' || e / 10 || '/', true,
    :as_of + make_interval(hours => case when o = 0 then -5 else 20 end)
from generate_series(0, :employees - 1) as e, generate_series(0, :orders - 1) as o
where e % 10 > 0
;;
insert into marts.fct_work_orders (work_order_id, customer_id, response_id, org_unit_id, team_id, branch_id, org_region_id, company_id, rule, state,
    close_reason, action, score_when_opened, recovery_score, attempts, hours_to_close, cost, is_reached, opened_on, opened_at, closed_at)
select md5('told' || interaction_id)::uuid, customer_id, response_id, org_unit_id, team_id, branch_id, org_region_id, company_id, 'low_score', 'closed',
    'resolved', 'apology', 2, 9, 2, 30, 20, true, (:as_of)::date, :as_of - interval '5 days', :as_of - interval '2 days'
from (select distinct on (interaction_id) * from marts.fct_survey_responses where verbatim is not null order by interaction_id, response_id) as answers
;;
insert into marts.fct_contact_attempts (attempt_id, work_order_id, customer_id, org_unit_id, action, learned, attempt_number, is_reached, attempted_at)
select row_number() over (), work_order_id, customer_id, org_unit_id, 'apology',
    'the letter was <b>not</b> understood; a call of five minutes was enough', 1, true, closed_at
from marts.fct_work_orders
;;
insert into quality.publications (build_id, as_of, known_at, config_hash, gates_passed, gates_warned, published_at)
values (1, :as_of, :as_of, 'c', 0, 0, :as_of)
