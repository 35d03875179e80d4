"""What a build knows of events ends where nothing can be added any more, and nobody is held up for it who writes in two ledgers."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.pipeline.build import freeze

NOW = datetime(2025, 4, 1, tzinfo=UTC)
ORDER = "insert into ops.work_order_events (order_id, event, actor, occurred_at) values (gen_random_uuid(), 'noted', 'E1', '2025-03-04')"
INVITATION = "insert into ops.invitation_events (invitation_id, event, occurred_at) values (gen_random_uuid(), 'opened', '2025-03-04')"


def test_a_build_waits_for_events_that_are_being_written(warehouse: sa.Engine, folder: CompanyFolder, land: Callable[..., int]) -> None:
    # An event with a smaller id that turns up after the freeze would be in the mart's next making and not in this one.
    land(1, "a")
    with warehouse.connect() as slow, ThreadPoolExecutor(1) as pool:
        slow.execute(sa.text(ORDER))
        with warehouse.begin() as quick_one:
            quick_one.execute(sa.text(ORDER))
        freezing = pool.submit(freeze, folder, now=NOW)
        time.sleep(0.5)
        assert not freezing.done()
        # the closed loop asks for a recovery survey in the transaction that closed the order
        slow.execute(sa.text("set local lock_timeout = '5s'"))
        slow.execute(sa.text(INVITATION))
        slow.commit()
        build = freezing.result(timeout=20)
    with warehouse.connect() as connection:
        last = connection.execute(sa.text("select max(event_id), max(recorded_at) from ops.work_order_events")).one()
        current = connection.execute(sa.text("select last_order_event_id, recovery_programme from ops.current_build")).one()
    assert build.last_order_event_id == last[0] == 2
    assert build.known_at >= last[1]
    assert tuple(current) == (2, None)
