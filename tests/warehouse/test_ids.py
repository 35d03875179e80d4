"""Ids are made in Python and in SQL; where the two differ, a record is counted twice."""

from __future__ import annotations

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.warehouse.ids import stable_id

# Postgres text holds everything but NUL, and UTF-8 everything but lone surrogates.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(namespace=texts, parts=st.lists(texts, min_size=1, max_size=4))
def test_sql_and_python_make_the_same_id(warehouse: sa.Engine, namespace: str, parts: list[str]) -> None:
    with warehouse.connect() as connection:
        made = connection.scalar(
            sa.text("select ops.stable_id(:namespace, array_to_string(cast(:parts as text[]), chr(31)))"),
            {"namespace": namespace, "parts": parts},
        )
    assert made == stable_id(namespace, *parts)


def test_parts_do_not_run_together() -> None:
    assert stable_id("raw", "ab", "c") != stable_id("raw", "a", "bc")


def test_an_id_never_changes() -> None:
    """Stored ids would no longer match: this value must stay."""
    assert str(stable_id("response", "garden", "fr", "17")) == "9aceeab3-8abe-e02d-6e3f-799d0e00677e"
