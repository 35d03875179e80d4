"""The whole cycle, killed with kill -9 wherever it happens to be: the next run ends in the same marts."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.airflow.tiny import make
from tests.integration.conftest import Home, checksums

from shopkeeper.warehouse.engine import engine as make_engine

AS_OF = "2026-03-10T00:00+01:00"


def run(home: Home, company: Path) -> list[str]:
    return [sys.executable, "-m", "shopkeeper", "run", "--no-airflow", "--company", str(company), "--as-of", AS_OF]


def whole(home: Home, company: Path) -> float:
    """Run the cycle to its end; returns the seconds that it took."""
    began = time.monotonic()
    done = subprocess.run(run(home, company), env=home.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return time.monotonic() - began


def killed(home: Home, company: Path, seconds: float) -> bool:
    """Start the cycle and kill it, with all its children, after so many seconds. False when it had ended before."""
    process = subprocess.Popen(
        run(home, company), env=home.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def published(home: Home) -> dict[str, str]:
    started = home.command("db", "start")
    assert started.returncode == 0, started.stderr
    engine = make_engine(home.server().url("warehouse"))
    try:
        with engine.connect() as connection:
            unbalanced = connection.scalar(sa.text("select count(*) from ops.batches where rows_in <> accepted + unchanged + rejected"))
            assert unbalanced == 0
        return dict(checksums(engine))
    finally:
        engine.dispose()


def killed_at_random(tmp_path: Path, times: int, seed: int) -> None:
    company = make(tmp_path / "company")
    undisturbed = Home(tmp_path / "undisturbed")
    undisturbed.folder.mkdir()
    seconds = whole(undisturbed, company)
    expected = published(undisturbed)
    undisturbed.command("db", "stop")
    assert len(expected) >= 15

    home = Home(tmp_path / "killed")
    home.folder.mkdir()
    assert home.command("db", "start").returncode == 0  # the server stays: it is the run that is killed
    dice = random.Random(seed)
    hits = 0
    while hits < times:
        after = dice.uniform(0.3, seconds * 0.95)
        if killed(home, company, after):
            hits += 1
        else:
            seconds = after  # runs are quicker now than the undisturbed one was
    whole(home, company)
    try:
        assert published(home) == expected
    finally:
        home.command("db", "stop")


@pytest.mark.long
def test_killed_once(tmp_path: Path) -> None:
    killed_at_random(tmp_path, 1, seed=20261)


@pytest.mark.long
def test_killed_at_thirty_random_points(tmp_path: Path) -> None:
    killed_at_random(tmp_path, 30, seed=30)
