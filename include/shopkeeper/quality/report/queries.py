"""What the report reads: small aggregates over marts, batches and gate results. No personal data, no whole table.

Marts are named without a schema: the connection's search path says whether they are the published ones, or those of a past report
made again. Everything else is in `quality`, so that a member of `cx_auditor` can make the report.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

Row = dict[str, Any]

NEWEST = "select build_id, publication_id from quality.publications order by publication_id desc limit 1"

BUILD = "select * from quality.builds where build_id = :build_id"

HEADLINES = """
select nps_current.programme, nps_current.metric, nps_current.period_grain, nps_current.period_starts_on, nps_current.period_ends_on,
    nps_current.nps as score, nps_current.nps_low as low, nps_current.nps_high as high, nps_current.responses as n,
    nps_current.promoters, nps_current.passives, nps_current.detractors,
    nps_current.cohort_invitations, nps_current.response_rate, reliability.verdict, reliability.reasons
from nps_current
left join metric_reliability as reliability
    on nps_current.programme = reliability.programme and nps_current.metric = reliability.metric
    and nps_current.period_grain = reliability.period_grain and nps_current.period_starts_on = reliability.period_starts_on
    and nps_current.period_ends_on = reliability.period_ends_on
where nps_current.dimension = 'all'
order by nps_current.metric <> 'nps', nps_current.responses desc, nps_current.programme
"""

OVER_TIME = """
select programme, metric, period_starts_on, nps as score, nps_low as low, nps_high as high, responses as n, reporting,
    is_method_break
from nps_by_segment
where dimension = 'all' and period_grain = 'month'
order by metric <> 'nps', programme, metric, period_starts_on
"""

# Bands keep their own order, everything else goes by name; units are called what people call them.
BY_SEGMENT = """
select current_scores.programme, current_scores.metric, current_scores.dimension,
    coalesce(units.name, products.name, current_scores.dimension_value) as label,
    current_scores.nps as score, current_scores.nps_low as low, current_scores.nps_high as high, current_scores.responses as n,
    current_scores.reporting
from nps_current as current_scores
left join quality.bands
    on current_scores.dimension = bands.kind || '_band' and current_scores.dimension_value = bands.name
left join (select org_unit_id, max(name) as name from dim_org_units where is_current group by org_unit_id) as units
    on current_scores.dimension in ('team', 'branch', 'org_region', 'company') and current_scores.dimension_value = units.org_unit_id
left join dim_products as products
    on current_scores.dimension = 'product' and current_scores.dimension_value = products.product_id
where current_scores.dimension <> 'all'
order by current_scores.metric <> 'nps', current_scores.programme, current_scores.metric, current_scores.dimension, bands.position, label
"""

LEDGER = """
select batches.entity, batches.source, count(*) as batches, sum(rows_in)::bigint as rows_in, sum(accepted)::bigint as accepted,
    sum(unchanged)::bigint as unchanged, sum(rejected)::bigint as rejected,
    sum(case when build_batches.batch_id is null then accepted else 0 end)::bigint as held_back
from quality.batches
left join quality.build_batches
    on batches.batch_id = build_batches.batch_id and build_batches.build_id = :build_id
where batches.loaded_at <= :known_at
group by batches.entity, batches.source
order by batches.entity, batches.source
"""

ANSWERS = """
select coalesce(excluded_reason, '') as reason, count(*) as count
from fct_survey_responses
group by 1
order by count(*) desc, 1
"""

ABSENT = "select entity from quality.entity_availability where not is_mapped order by entity"

GATE_COUNTS = """
select coalesce(sum(case when succeeded then 1 else 0 end), 0)::bigint as passed,
    coalesce(sum(case when not succeeded and severity <> 'critical' then 1 else 0 end), 0)::bigint as warned,
    coalesce(sum(case when not succeeded and severity = 'critical' then 1 else 0 end), 0)::bigint as failed
from quality.gate_results
where build_id = :build_id or batch_id in (select batch_id from quality.build_batches where build_id = :build_id)
"""

GATE_FAILURES = """
select suite, description, severity, min(reason) as reason, sum(rows_failed)::bigint as rows_failed,
    sum(rows_checked)::bigint as rows_checked,
    case subject when 'batch' then count(distinct batch_id)::text else 'publication' end as batches
from quality.gate_results
where not succeeded
    and (build_id = :build_id or batch_id in (select batch_id from quality.build_batches where build_id = :build_id))
group by subject, suite, description, severity
order by severity, suite, description
"""

# What was closed after `known_at` was open then.
REJECTS = """
with known as (select batch_id from quality.batches where loaded_at <= :known_at)
select entity, column_name, reason, count(*) filter (where closing.batch_id is null) as open,
    count(*) filter (where closing.batch_id is not null) as closed,
    (array_agg(natural_key order by natural_key) filter (where natural_key is not null))[1:3] as keys
from quality.rejected_rows
left join known as closing on rejected_rows.closed_by_batch_id = closing.batch_id
where first_batch_id in (select batch_id from known)
group by entity, column_name, reason
order by count(*) desc, entity, column_name, reason
"""


def rows(connection: sa.Connection, query: str, **values: Any) -> list[Row]:
    """The rows of a small result, as dicts."""
    return [dict(row) for row in connection.execute(sa.text(query), values).mappings()]
