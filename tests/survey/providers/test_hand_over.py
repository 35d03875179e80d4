"""Handing invitations over to providers: each at most once, whatever breaks, and nothing from a machine that is not live."""

from __future__ import annotations

import csv
import multiprocessing
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.people import put
from tests.survey.providers import doomed
from tests.survey.providers.fakes import FakeFormbricks, FakeLimeSurvey, reply

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey import ledger
from shopkeeper.survey.providers.hand_over import HandOverFailed, hand_over

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def live(warehouse: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    with warehouse.connect() as connection:
        instance = str(connection.scalar(sa.text("select instance_id from ops.instance")))
    settings = {"SHOPKEEPER_DELIVERY": "live", "SHOPKEEPER_INSTANCE_ID": instance, "SMTP_URL": "smtp://127.0.0.1:9"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def drop(connected: Any, tmp_path: Path) -> CompanyFolder:
    made: CompanyFolder = connected("file_drop", out_path=str(tmp_path / "out"))
    return made


def ask(engine: sa.Engine, folder: CompanyFolder, count: int, *, delivery: str = "live", name: str = "w1", **customer: Any) -> list[UUID]:
    """So many customers, with a claim each, to be asked now."""
    wave = put_wave(engine, folder, "visit", NOW - timedelta(hours=1), delivery=delivery, name=name)
    with engine.begin() as connection:
        connection.execute(
            sa.text("insert into ops.wave_events (wave_id, event, actor, recorded_at) values (:wave, 'approved', 'me', now())"),
            {"wave": wave},
        )
    ids = [f"{name}C{number}" for number in range(count)]
    people = [
        {"joined_on": NOW.date(), "email": f"{each}@x.example", "full_name": 'Ada, "the"\nfirst', **customer, "customer_id": each}
        for each in ids
    ]
    put(engine, "customers", people)
    claims = [
        {"interaction_id": f"I{each}", "customer_id": each, "occurred_at": NOW - timedelta(days=3), "interaction_type": "claim"}
        for each in ids
    ]
    put(engine, "interactions", claims)
    return put_invitations(engine, wave, ids, NOW - timedelta(minutes=5), interactions=[f"I{each}" for each in ids], provider="them")


def handed_over(folder: Path) -> list[dict[str, str]]:
    found = []
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as opened:
            found += list(csv.DictReader(opened))
    return found


def ends(engine: sa.Engine) -> Counter[str]:
    with engine.connect() as connection:
        assert ledger.contradictions(connection) == []
        return Counter(connection.scalars(sa.text(f"select state from ({ledger.INVITATION_STATES}) as states")))


def test_a_file_has_who_and_what_about(warehouse: sa.Engine, live: dict[str, str], drop: CompanyFolder, tmp_path: Path) -> None:
    ids = ask(warehouse, drop, 3)
    summary = hand_over(warehouse, drop, clock=lambda: NOW).summary()
    assert (summary["delivery"], summary["sent"]) == ("live", 3)
    rows = handed_over(tmp_path / "out")
    assert sorted(row["invitation_id"] for row in rows) == sorted(map(str, ids))
    assert {(row["message"], row["full_name"], row["about_type"], row["about_on"]) for row in rows} == {
        ("invitation", 'Ada, "the"\nfirst', "claim", "2026-03-07")
    }
    assert {row["customer_id"]: row["email"] for row in rows}["w1C0"] == "w1C0@x.example"
    assert hand_over(warehouse, drop, clock=lambda: NOW).summary()["sent"] == 0
    assert len(handed_over(tmp_path / "out")) == 3, "run again, it hands nothing over twice"


def test_in_the_sandbox_nothing_leaves_the_machine(
    warehouse: sa.Engine, drop: CompanyFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A laptop with the company's folder must not write into the folder that the real provider reads.
    monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path / "home"))
    ask(warehouse, drop, 2, delivery="sandbox")
    ask(warehouse, drop, 2, delivery="live", name="w2")
    assert hand_over(warehouse, drop, clock=lambda: NOW, is_backfill=True).summary()["why_nothing"]
    assert hand_over(warehouse, drop, clock=lambda: NOW).summary()["sent"] == 2
    assert not (tmp_path / "out").exists()
    from shopkeeper.warehouse.embedded import home

    assert len(handed_over(home() / "sandbox" / "them")) == 2


def test_who_must_not_be_asked_any_more_is_not(warehouse: sa.Engine, live: dict[str, str], drop: CompanyFolder, tmp_path: Path) -> None:
    # Time has passed since the draw: the same last look as before an e-mail.
    ids = ask(warehouse, drop, 4)
    with warehouse.begin() as connection:
        connection.execute(
            sa.text("insert into pii.contact_blocks (kind, customer_id, blocked_by, blocked_at) values ('opted_out', 'w1C1', 'me', now())")
        )
        connection.execute(sa.text("update ops.invitations set expires_at = :now where customer_id = 'w1C2'"), {"now": NOW})
    put(warehouse, "customers", [{"customer_id": "w1C3", "joined_on": NOW.date(), "opted_out": True, "updated_at": NOW}])
    summary = hand_over(warehouse, drop, clock=lambda: NOW).summary()
    assert summary["not_sent"] == {"blocked": 1, "expired": 1, "opted_out": 1}
    assert [row["invitation_id"] for row in handed_over(tmp_path / "out")] == [str(ids[0])]
    assert ends(warehouse) == {"sent": 1, "not_sent": 3}


@pytest.mark.parametrize("point", ["begun", "half", "file", "told"])
def test_killed_anywhere_no_file_is_half_and_nobody_is_in_two(
    point: str, warehouse: sa.Engine, live: dict[str, str], drop: CompanyFolder, tmp_path: Path
) -> None:
    ids = ask(warehouse, drop, 6)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.survey.doomed_imports"])
    process = context.Process(
        target=doomed.hand_over_until, args=(point, live | {"WAREHOUSE_URL": os.environ["WAREHOUSE_URL"]}, drop.folder, NOW)
    )
    process.start()
    process.join(60)
    assert process.exitcode == -9, "it has died where it was to die"
    hand_over(warehouse, drop, clock=lambda: NOW)
    given = Counter(row["invitation_id"] for row in handed_over(tmp_path / "out"))
    assert set(given.values()) <= {1}
    states = ends(warehouse)
    assert states["sent"] + states["doubtful"] == len(ids), "each is given or listed for a person to say"
    assert len(given) >= states["sent"]
    assert states["doubtful"] == {"begun": 2, "half": 6, "file": 6, "told": 4}[point]
    for doubtful in ledger.list_doubtful(warehouse):
        was_sent = str(doubtful.invitation_id) in given
        ledger.release(warehouse, doubtful.invitation_id, was_sent=was_sent, actor="me", now=NOW)
    hand_over(warehouse, drop, clock=lambda: NOW)
    assert Counter(row["invitation_id"] for row in handed_over(tmp_path / "out")) == Counter(map(str, ids))
    assert ends(warehouse) == {"sent": 6}


def test_a_folder_that_cannot_be_written_to_loses_nobody(
    warehouse: sa.Engine, live: dict[str, str], drop: CompanyFolder, tmp_path: Path
) -> None:
    ask(warehouse, drop, 3)
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(HandOverFailed, match="out_path: cannot be written to"):
        hand_over(warehouse, drop, clock=lambda: NOW)
    assert ends(warehouse) == {"waiting": 3}
    (tmp_path / "out").unlink()
    assert hand_over(warehouse, drop, clock=lambda: NOW).summary()["sent"] == 3


def test_formbricks_that_is_away_is_asked_again(
    warehouse: sa.Engine, live: dict[str, str], formbricks: FakeFormbricks, formbricks_folder: CompanyFolder
) -> None:
    ids = ask(warehouse, formbricks_folder, 3)
    formbricks.before = [lambda: reply({}, 500)] * 5
    with pytest.raises(HandOverFailed, match="it failed"):
        hand_over(warehouse, formbricks_folder, clock=lambda: NOW, sleep=lambda seconds: None)
    assert ends(warehouse) == {"waiting": 3}
    hand_over(warehouse, formbricks_folder, clock=lambda: NOW)
    assert sorted(one["invitation_id"] for one in formbricks.contacts.values()) == sorted(map(str, ids))
    assert ends(warehouse) == {"sent": 3}


def test_limesurvey_that_breaks_off_leaves_doubt_and_writes_to_nobody_twice(
    warehouse: sa.Engine, live: dict[str, str], limesurvey: FakeLimeSurvey, limesurvey_folder: CompanyFolder
) -> None:
    # Whether its e-mails went out nobody knows. A person who says "no" wrongly does not make it write twice: it is asked first.
    ids = ask(warehouse, limesurvey_folder, 60)
    limesurvey.break_after = {"invite_participants"}
    with pytest.raises(HandOverFailed, match="connection broke while"):
        hand_over(warehouse, limesurvey_folder, clock=lambda: NOW, sleep=lambda seconds: None)
    assert ends(warehouse) == {"doubtful": 60}
    for each in ids:
        ledger.release(warehouse, each, was_sent=False, actor="me", now=NOW)
    hand_over(warehouse, limesurvey_folder, clock=lambda: NOW)
    assert ends(warehouse) == {"sent": 60}
    assert Counter(limesurvey.participants[tid]["token"] for _, tid in limesurvey.mails) == Counter(each.hex for each in ids)
    attributes = limesurvey.participants[1]
    assert (attributes["attribute_1"][:1], attributes["attribute_2"]) == ("I", "claim")
