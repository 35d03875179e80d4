"""What every page of the report reads, and how: small aggregates over marts and `quality`. No personal data, no whole table.

Marts are named without a schema: the connection's search path says whether they are the published ones, or those of a past report
made again. Everything else is in `quality`, so that a member of `cx_auditor` can make the report.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

Row = dict[str, Any]

NEWEST = "select build_id, publication_id from quality.publications order by publication_id desc limit 1"

BUILD = "select * from quality.builds where build_id = :build_id"

# What units and products are called: (dimension, value) → name.
NAMES = """
select dimension, dimension_value, name
from (
    select unnest(array['team', 'branch', 'org_region', 'company']) as dimension, org_unit_id as dimension_value, max(name) as name
    from dim_org_units
    where is_current
    group by org_unit_id
    union all
    select 'product', product_id, name from dim_products
) as named
where name is not null
"""


def rows(connection: sa.Connection, query: str, **values: Any) -> list[Row]:
    """The rows of a small result, as dicts."""
    return [dict(row) for row in connection.execute(sa.text(query), values).mappings()]


def has_rows(connection: sa.Connection, mart: str) -> bool:
    """Whether the mart is there, as in marts made before it was thought of it is not, and has anything in it."""
    if connection.scalar(sa.text("select to_regclass(:mart)"), {"mart": mart}) is None:
        return False
    return bool(connection.scalar(sa.text(f"select exists (select from {mart})")))
