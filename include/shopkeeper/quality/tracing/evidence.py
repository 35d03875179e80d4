"""What a publication was made from and by, and how it was judged."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.quality.tracing.subject import Row, Section, rows

_PUBLICATION = """
    select
        publications.publication_id, publications.published_at, builds.build_id, builds.as_of, builds.known_at, builds.config_hash,
        builds.code_hash, builds.git_commit, publications.run_id, publications.gates_passed, publications.gates_warned,
        builds.is_full_refresh, builds.last_event_id, builds.as_of_on, builds.company_timezone, builds.maturity_days, builds.hidden_below,
        builds.indicative_below, builds.indicative_half_width
    from quality.publications
    inner join quality.builds on publications.build_id = builds.build_id
    order by publications.publication_id desc
    limit 1
"""

_BATCHES = """
    select
        entity, count(*) as batches, sum(rows_in)::bigint as rows_in, sum(accepted)::bigint as accepted,
        sum(unchanged)::bigint as unchanged, sum(rejected)::bigint as rejected, count(*) filter (where status = 'waived') as waived,
        count(*) filter (where status = 'withdrawn') as withdrawn_since
    from quality.batches
    where batch_id in (select batch_id from quality.build_batches where build_id = :build_id)
    group by entity
    order by entity
"""

_GATES = """
    select
        case subject when 'batch' then 'batches' when 'publication' then 'this publication' end as judged,
        case when suite = 'mart_' || :mart then suite else 'all others' end as suites,
        count(*) filter (where succeeded) as passed,
        count(*) filter (where not succeeded and severity = 'warning') as warned,
        count(*) filter (where not succeeded and severity = 'critical') as failed
    from quality.gate_results
    where build_id = :build_id or batch_id in (select batch_id from quality.build_batches where build_id = :build_id)
    group by 1, 2
    order by 2 desc, 1 desc
"""

_FAILED = """
    select
        coalesce('batch ' || batch_id, 'this publication') as judged, suite, description, severity, rows_checked, rows_failed
    from quality.gate_results
    where
        not succeeded
        and (build_id = :build_id or batch_id in (select batch_id from quality.build_batches where build_id = :build_id))
    order by severity, suite, description, batch_id
"""

# The model, the tests that dbt names after it, and whatever did not end well.
_DBT = """
    select split_part(node_id, '.', 3) as node, resource_type, status, failures, rows_affected
    from quality.dbt_results
    where
        build_id = :build_id
        and (
            node_id = 'model.shopkeeper.' || :mart
            or (resource_type = 'test' and position('_' || :mart || '_' in split_part(node_id, '.', 3)) > 0)
            or status not in ('success', 'pass')
        )
    order by resource_type, node
"""

_DBT_COUNTS = """
    select resource_type, status, count(*) as nodes
    from quality.dbt_results where build_id = :build_id
    group by resource_type, status order by resource_type, status
"""


def publication(connection: sa.Connection) -> Row:
    """The newest publication with its build. Raises ShopkeeperError when nothing has been published."""
    found = rows(connection, _PUBLICATION)
    if not found:
        raise fail("trace", "nothing has been published yet", "./shopkeeper run")
    return found[0]


def sections(connection: sa.Connection, published: Row, mart: str) -> tuple[Section, ...]:
    """Where a mart comes from: publication, batches, checks of the gates and of dbt."""
    binds = {"build_id": published["build_id"]}
    return (
        Section("publication", "The publication", [published]),
        Section("batches", "The batches behind it", rows(connection, _BATCHES, **binds)),
        Section("gates", "Checks of the gates", rows(connection, _GATES, mart=mart, **binds)),
        Section("failed", "Those that did not pass", rows(connection, _FAILED, **binds)),
        Section("dbt", f"The model {mart} and its tests, and all that did not pass", rows(connection, _DBT, mart=mart, **binds)),
        Section("dbt_counts", "All models and tests of the build", rows(connection, _DBT_COUNTS, **binds)),
    )
