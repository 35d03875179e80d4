"""What goes out of the warehouse as columns and comes back must be the same values."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.warehouse.analysis_tables import LIFETIME_VALUES


def test_columns_keep_their_types_and_their_gaps(warehouse: sa.Engine) -> None:
    # An empty text taken for none, or a decimal that lost its cents, would move money from one customer to another.
    query = """
        select * from (values
            ('C1', '', 1.25, date '2025-03-30', true, 3),
            ('C,"2"', null, null, null, null, null),
            (E'C\\n3', 'x', -0.0001, '2025-03-31', false, 0)
        ) as made (customer_id, note, amount, booked_on, is_kept, n)
    """
    with warehouse.connect() as connection:
        got = columns.read(connection, query)
        exact = columns.read(connection, query, exact=["amount"])
        assert columns.read(connection, f"select * from ({query}) as none where false").num_rows == 0
    assert got.to_pylist()[0] == {"customer_id": "C1", "note": "", "amount": 1.25, "booked_on": date(2025, 3, 30), "is_kept": True, "n": 3}
    assert set(got.to_pylist()[1].values()) == {'C,"2"', None}
    assert got["customer_id"][2].as_py() == "C\n3"
    assert exact["amount"].to_pylist() == [Decimal("1.2500"), None, Decimal("-0.0001")]


def test_rows_of_a_build_are_replaced_and_those_of_others_stay(warehouse: sa.Engine) -> None:
    def write(connection: sa.Connection, build_id: int, expected: float) -> None:
        values = {"customer_id": ['C,"1"', "C2"], "model": pa.array(["contractual"] * 2), "expected": np.array([expected, np.nan])}
        assert columns.write(connection, LIFETIME_VALUES, build_id, values) == 2

    read = sa.select(LIFETIME_VALUES.c.build_id, LIFETIME_VALUES.c.customer_id, LIFETIME_VALUES.c.expected).order_by(sa.text("1, 2"))
    with warehouse.begin() as connection:
        write(connection, 1, 10.5)
        write(connection, 2, 11)
        write(connection, 2, 12)
        assert [tuple(row) for row in connection.execute(read)] == [
            (1, 'C,"1"', Decimal("10.5000")),
            (1, "C2", None),
            (2, 'C,"1"', Decimal("12.0000")),
            (2, "C2", None),
        ]
        columns.forget_other_builds(connection, LIFETIME_VALUES, 2)
        assert {row.build_id for row in connection.execute(read)} == {2}
