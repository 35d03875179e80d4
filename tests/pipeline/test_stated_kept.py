"""What providers state is kept with each build, so that a past report says what was stated then."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from shopkeeper.company.config import Company
from shopkeeper.company.stated import StatedScore
from shopkeeper.pipeline.stated import keep_stated
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine
from shopkeeper.warehouse.stated_tables import STATED_SCORES


def test_a_past_report_has_what_was_stated_then(server: Server) -> None:
    # A provider's page that was written down anew since would make the old report another one, and nobody could say which was published.
    server.create_database("stated", template="migrated")
    one = StatedScore(provider="old", programme="visit", period="quarter", starts_on=date(2024, 4, 1), score=Decimal("41.5"), answers=90)
    company = Company(name="Example", timezone="Europe/Berlin", currency="EUR", stated_scores=(one,))
    later = company.model_copy(update={"stated_scores": (one.model_copy(update={"score": Decimal(44)}),)})
    warehouse = engine(server.url("stated"))
    with warehouse.begin() as connection:
        keep_stated(connection, company, 1, repeats=None)
        keep_stated(connection, later, 2, repeats=None)
        keep_stated(connection, later, 3, repeats=1)
        kept = [row._mapping for row in connection.execute(sa.select(STATED_SCORES).order_by(STATED_SCORES.c.build_id))]
    warehouse.dispose()
    assert [row["score"] for row in kept] == [Decimal("41.5"), Decimal(44), Decimal("41.5")]
    same = {"provider": "old", "programme": "visit", "metric": "nps", "period_grain": "quarter", "digits": 1, "answers": 90}
    same |= {"period_starts_on": date(2024, 4, 1), "period_ends_on": date(2024, 6, 30)}
    assert {name: kept[2][name] for name in same} == same
