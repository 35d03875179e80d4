"""An initiative of the sample company that works: what was decided about it, and when.

It begins eight months before the last day with data, and is done a month later. The company's file proposes it.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import sqlalchemy as sa

from shopkeeper.closed_loop import initiatives
from shopkeeper.closed_loop.initiatives import Told, asked
from shopkeeper.closed_loop.proposals import from_file
from shopkeeper.company.config import CompanyFolder
from shopkeeper.demo.config import ZONE, SimulationConfig, date_of
from shopkeeper.demo.organisation import IMPROVED_FOR

INITIATIVE = "clerk-at-the-branch"
STARTED_BEFORE, DONE_BEFORE = IMPROVED_FOR + 30, IMPROVED_FOR  # days before the end of the data
DECIDED_BEFORE = 30  # days before the start
FUNDED_ONLY = "call-back-promise"
TOLD = Told("It takes too long until somebody looks at my claim.", "Four branches have a claims clerk of their own.", for_customers=True)


def decide(engine: sa.Engine, company: CompanyFolder, config: SimulationConfig) -> None:
    """Take the file over as of a month before the start, and what was decided since, each on its day; again, it changes nothing."""

    def on(days_before: int) -> datetime:
        return datetime.combine(date_of(config.end_day - days_before), time(9), ZONE)

    def command(verb: str, name: str = INITIATIVE) -> dict[str, Any]:
        return {"command_id": asked("demo", name, verb), "actor": "demo"}

    started, done = date_of(config.end_day - STARTED_BEFORE), date_of(config.end_day - DONE_BEFORE)
    with engine.begin() as connection:
        for proposal in company.initiatives:
            from_file(connection, proposal, at=on(STARTED_BEFORE + DECIDED_BEFORE))
        initiatives.fund(connection, INITIATIVE, at=on(STARTED_BEFORE + 10), **command("fund"))
        initiatives.fund(connection, FUNDED_ONLY, at=on(20), **command("fund", FUNDED_ONLY))
        initiatives.start(connection, INITIATIVE, at=on(STARTED_BEFORE), on=started, **command("start"))
        initiatives.done(connection, INITIATIVE, at=on(DONE_BEFORE), on=done, **command("done"))
        initiatives.tell(connection, INITIATIVE, at=on(DONE_BEFORE - 5), told=TOLD, **command("tell"))
