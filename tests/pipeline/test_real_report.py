"""The real report of a past publication, made again from what was known: to the byte."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from building import run_dbt
from tests.dbt.world import World

from shopkeeper.company.config import CompanyFolder
from shopkeeper.pipeline.build import freeze
from shopkeeper.pipeline.past_report import make_again
from shopkeeper.pipeline.publish import publish
from shopkeeper.quality import sites
from shopkeeper.quality.gates import gate_publication
from shopkeeper.quality.report import Marts, build_report

NOW = datetime(2026, 2, 1, tzinfo=UTC)
AS_OF = datetime(2025, 3, 10, tzinfo=UTC)


def land(world: World, customers: range, score: int, day: datetime, **changes: Any) -> None:
    """Customers served by branch B1 on a day, who answer on the next."""
    interactions = [
        {"interaction_id": f"I{n}", "customer_id": f"C{n}", "org_unit_id": "B1", "occurred_at": day, "channel": "branch"} for n in customers
    ]
    answers = [
        {"native_id": f"A{n}", "interaction_id": f"I{n}", "programme": "visit", "scale": "0-10", "score": score, "updated_at": day}
        | {"responded_at": day + timedelta(days=1)}
        | changes
        for n in customers
    ]
    world.batch("customers", [{"customer_id": f"C{n}", "joined_on": date(2024, 1, 1)} for n in customers])
    world.batch("interactions", interactions)
    world.batch("survey_responses", answers)


@pytest.mark.long
def test_the_report_of_a_past_publication_is_made_again_to_the_byte(warehouse: sa.Engine, folder: CompanyFolder, tmp_path: Path) -> None:
    # "What did the March report say, and would it say so today?" Who cannot answer both has changed the past.
    world = World(warehouse, tmp_path)
    units = {"HQ": (None, "company"), "R1": ("HQ", "region"), "R2": ("HQ", "region"), "B1": ("R1", "branch"), "B2": ("R2", "branch")}
    world.batch("org_units", [{"org_unit_id": unit, "parent_id": up, "kind": kind} for unit, (up, kind) in units.items()])
    land(world, range(20), 10, datetime(2025, 2, 3, tzinfo=UTC))
    land(world, range(20, 35), 3, datetime(2025, 2, 20, tzinfo=UTC))
    build = freeze(folder, as_of=AS_OF, now=NOW)
    run_dbt(build)
    gate_publication(warehouse, build.build_id, NOW)
    published = publish(build.build_id, NOW).publication_id
    then = build_report(warehouse, folder.company.name)
    sites.store(warehouse, "report", then, now=NOW, publication_id=published)

    # Then: late answers of the same weeks, a corrected one, an answer taken back, and the branch goes to another region.
    land(world, range(35, 50), 0, datetime(2025, 2, 10, tzinfo=UTC))
    land(world, range(2), 0, datetime(2025, 2, 3, tzinfo=UTC), updated_at=datetime(2025, 3, 1, tzinfo=UTC))
    moved = {"org_unit_id": "B1", "parent_id": "R2", "kind": "branch", "valid_from": date(2025, 3, 5)}
    world.batch("org_units", [moved])
    made = make_again(folder, publication_id=published, now=NOW + timedelta(days=60), note=lambda _: None)
    assert made.is_identical, made.differences
    assert made.content == then
    assert made.differences == ()

    assert build_report(warehouse, folder.company.name, Marts("marts", build.build_id, published)) == then, "what is published stayed"
