"""Which version of a record counts."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from tests.survey.people import customer, employee, put

from shopkeeper.survey.current import newest

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def read(engine: sa.Engine, query: str, known_at: datetime = LATER) -> dict[str, tuple[str | None, ...]]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text(query), {"known_at": known_at}).mappings().all()
    return {row["customer_id"]: (row["status"], row["email"]) for row in rows}


@pytest.mark.parametrize("among", [None, "mostly", "select * from unnest(array['C1', 'C2', 'C3', 'C4', 'C5']) as id"])
def test_the_newest_readable_version_counts_and_its_address_with_it(warehouse: sa.Engine, among: str | None) -> None:
    # Writing to an address that the customer has withdrawn, or to a customer who is gone, is a complaint waiting to happen.
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    first = put(warehouse, "customers", [customer(f"C{n}", email=f"old{n}@x.example", updated_at=early) for n in (1, 2, 3, 4)])
    given = {"mostly": first} if among == "mostly" else {"among": among}
    query = newest("customers", pii=["email"], **given)
    put(warehouse, "customers", [customer("C1", email="new1@x.example", updated_at=late, status="left")])
    put(warehouse, "customers", [customer("C2", email="failed2@x.example", updated_at=late)], status="failed")
    put(warehouse, "customers", [customer("C3", updated_at=early)], deleted=True)
    put(warehouse, "customers", [customer("C4", email="late4@x.example", updated_at=late)], loaded_at=LATER)
    put(warehouse, "customers", [customer("C1", email="read-again@x.example", updated_at=early)])  # an old export says nothing new
    assert read(warehouse, query, datetime(2029, 1, 1, tzinfo=UTC)) == {
        "C1": ("left", "new1@x.example"),
        "C2": ("active", "old2@x.example"),
        "C4": ("active", "old4@x.example"),
    }
    assert read(warehouse, query)["C4"] == ("active", "late4@x.example")
    # Two sources know the customer: the later word counts, with that source's own address.
    put(warehouse, "customers", [customer("C1", email="shop@x.example", updated_at=LATER)], source="shop")
    assert read(warehouse, query)["C1"] == ("active", "shop@x.example")


def test_few_records_are_found_by_key_and_several_key_columns_are_refused(warehouse: sa.Engine) -> None:
    put(warehouse, "employees", [employee("E1", valid_from=None), employee("E1", valid_from=date(2026, 1, 1))])
    with warehouse.connect() as connection:
        rows = connection.execute(sa.text(newest("employees", pii=["email"])), {"known_at": LATER}).all()
    assert len(rows) == 2
    with pytest.raises(ValueError, match="several columns"):
        newest("employees", among="select 'E1'")
