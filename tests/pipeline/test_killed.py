"""A build that is killed anywhere, with kill -9: the next run ends in the same marts, and readers never notice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

Land = Callable[..., int]
CYCLE = Path(__file__).with_name("cycle.py")
WHOLE = (5, 5)


def start(standin: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, str(CYCLE), str(standin)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(standin: Path) -> None:
    process = start(standin)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err


def marts(engine: sa.Engine) -> tuple[Any, ...]:
    """(things counted, distinct things); the marker alone differs from run to run, but it must be one."""
    with engine.connect() as connection:
        query = "select things, (select count(distinct product_id || name) from marts.dim_things) from marts.count_of_things"
        return tuple(connection.execute(sa.text(query)).one())


def kill_when(process: subprocess.Popen[str], seen: Callable[[str], bool]) -> None:
    assert process.stdout is not None
    lines: Iterable[str] = process.stdout
    for line in lines:
        if seen(line.strip()):
            process.kill()
            process.wait()
            return
    raise AssertionError(f"ended before it could be killed: {process.communicate()}")


@pytest.mark.long
def test_killed_within_dbt_and_while_it_waits_to_publish(warehouse: sa.Engine, warehouse_url: str, standin: Path, land: Land) -> None:
    land(2, "a")
    finish(standin)
    assert marts(warehouse) == (2, 2)
    land(3, "b")

    kill_when(start(standin), lambda line: line.startswith("model 1"))
    assert marts(warehouse) == (2, 2)

    with psycopg.connect(warehouse_url) as held:
        held.execute("select * from marts.dim_things")
        kill_when(start(standin), lambda line: line.startswith("waiting for readers"))
        assert held.execute("select things from marts.count_of_things").fetchone() == (2,)
    finish(standin)
    assert marts(warehouse) == WHOLE
    with warehouse.connect() as connection:
        ended = connection.execute(sa.text("select status, count(*) from ops.builds group by 1 order by 1")).all()
    assert [tuple(row) for row in ended] == [("abandoned", 2), ("published", 2)]


@pytest.mark.long
def test_killed_at_30_random_points(warehouse: sa.Engine, standin: Path, land: Land) -> None:
    land(2, "a")
    begun = time.monotonic()
    finish(standin)
    whole = time.monotonic() - begun
    chance = random.Random(20250401)
    land(3, "b")
    for _ in range(30):
        process = start(standin)
        time.sleep(chance.uniform(0, whole))
        process.kill()
        process.communicate()
        assert marts(warehouse) in {(2, 2), WHOLE}
    finish(standin)
    assert marts(warehouse) == WHOLE
