"""Every row of the real files ends in a batch: accepted, unchanged or rejected, with its text intact."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from olist_truth import Olist

from shopkeeper.company.load import load
from shopkeeper.sources.ingest import ingest

pytestmark = pytest.mark.real_data

EXAMPLES = Path(__file__).parents[2] / "examples"
NOW = datetime(2024, 6, 1, tzinfo=UTC)


def ingested(example: str) -> dict[str, tuple[int, int, int, int]]:
    results = ingest(load(EXAMPLES / example), now=NOW)
    return {batch.entity: (batch.rows_in, batch.accepted, batch.unchanged, batch.rejected) for batch in results}


def test_all_of_garden_centre_arrives(garden_centre_data: Path, warehouse: sa.Engine) -> None:
    assert ingested("garden_centre") == {"survey_responses": (13954, 13954, 0, 0)}
    assert ingested("garden_centre") == {"survey_responses": (13954, 0, 13954, 0)}, "a second read brings nothing new"


def test_all_of_olist_arrives(olist_data: Path, warehouse: sa.Engine) -> None:
    olist = Olist(olist_data)
    expected = {
        "survey_responses": 9481,
        "survey_invitations": 9481,
        "customers": 9359,
        "interactions": 9440,
        "org_units": 1676 + 18 + 1,
        "products": 6257,
        "revenue": 9791,
    }
    assert ingested("olist") == {entity: (rows, rows, 0, 0) for entity, rows in expected.items()}
    assert ingested("olist") == {entity: (rows, 0, rows, 0) for entity, rows in expected.items()}
