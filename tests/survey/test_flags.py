"""Doubts about answers: what is flagged, what is not, and that nothing but an employee's address leaves an answer out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.survey import people

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey import collect, flags
from shopkeeper.warehouse.batches import set_status

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def folder(make_programmes: Any) -> CompanyFolder:
    made: CompanyFolder = make_programmes(visit={})
    return made


def land(engine: sa.Engine, folder: CompanyFolder, answers: Sequence[dict[str, Any]], *, now: datetime = NOW) -> int:
    rows = [{"native_id": str(number), "responded_at": "2026-03-10 10:01:00+00", "score": "9", **row} for number, row in enumerate(answers)]
    texts = [{key: json.dumps(value) if isinstance(value, dict) else value for key, value in row.items()} for row in rows]
    batch = collect.land(engine, folder, texts, source="page", provider="test", account="", now=now, run_id=None)
    assert batch.rejected == 0
    return batch.batch_id


def flagged(engine: sa.Engine, flag: str) -> dict[str, bool]:
    """Native id of each answer with that flag → whether it is left out of scores for it."""
    query = "select native_id, excludes from ops.response_flags inner join raw.survey_responses using (_key, _batch_id) where flag = :flag"
    with engine.connect() as connection:
        return {row.native_id: row.excludes for row in connection.execute(sa.text(query), {"flag": flag})}


def test_speeders_are_faster_than_anybody_reads(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    def began(seconds: int) -> dict[str, Any]:
        return {"started_at": f"2026-03-10 10:00:{60 - seconds:02}+00" if seconds else "2026-03-10 10:01:00+00"}

    land(
        warehouse,
        folder,
        [
            {"native_id": "clicks", **began(2), "answers": {"ease": 5, "reason": "price"}},
            {"native_id": "reads", **began(4), "answers": {"ease": 5, "reason": "price"}},
            {"native_id": "pastes", **began(3), "verbatim": "Everything was quite as it should be."},
            {"native_id": "one_click", **began(0)},
            {"native_id": "clock_went_back", "started_at": "2026-03-10 10:05:00+00", "answers": {"ease": 5}},
            {"native_id": "nobody_measured", "answers": {"ease": 5}},
        ],
    )
    flags.flag_landed(warehouse, now=NOW)
    assert flagged(warehouse, "speeder") == {"clicks": False, "pastes": False}


def test_three_ratings_alike_are_a_straight_line(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    land(
        warehouse,
        folder,
        [
            {"native_id": "straight", "score": "5", "answers": {"ease": 3, "staff": 3, "price": 3}},
            {"native_id": "pleased", "score": "10", "answers": {"ease": 10, "staff": 10}},
            {"native_id": "thought", "answers": {"ease": 3, "staff": 3, "price": 4}},
            {"native_id": "choices", "answers": {"reason": "no", "again": "no", "before": "no"}},
        ],
    )
    flags.flag_landed(warehouse, now=NOW)
    assert flagged(warehouse, "straight_line") == {"straight": False}


def test_words_and_devices_of_others_are_duplicates(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    pasted = "Best service I have ever had!"
    first = [
        {"native_id": "first", "customer_id": "C1", "verbatim": pasted},
        {"native_id": "short", "customer_id": "C2", "verbatim": "Good."},
    ]
    batch = land(warehouse, folder, first, now=NOW - timedelta(days=20))
    flags.flag_landed(warehouse, now=NOW - timedelta(days=20))
    assert flagged(warehouse, "duplicate") == {}
    with warehouse.begin() as connection:
        set_status(connection, batch, "passed", reason=None, actor="test", now=NOW)
    device = [{"native_id": f"tablet_{n}", "customer_id": f"T{n}", "client_hash": "one tablet"} for n in range(4)]
    household = [{"native_id": f"home_{n}", "customer_id": f"H{n}", "client_hash": "one home"} for n in range(3)]
    same = {"native_id": "himself", "customer_id": "C1", "verbatim": "I said so twice, and I mean it."}
    land(
        warehouse,
        folder,
        [
            {"native_id": "second", "customer_id": "C3", "verbatim": f"  {pasted.upper()} \n"},
            {"native_id": "also_short", "customer_id": "C4", "verbatim": "Good."},
            same,
            {**same, "native_id": "himself_again"},
            *device,
            *household,
        ],
    )
    flags.flag_landed(warehouse, now=NOW)
    assert flagged(warehouse, "duplicate") == {"second": False, **{f"tablet_{n}": False for n in range(4)}}


def test_staff_are_flagged_and_only_an_employees_address_excludes(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    # The CRM's is_staff is judged as of the answer, in the marts; here nobody may be left out for what became true later.
    people.put(warehouse, "employees", [people.employee("E1", email="Anna.Muster@work.example"), people.employee("E2", email=None)])
    people.put(
        warehouse,
        "customers",
        [
            people.customer("C1", email=" anna.muster@WORK.example"),
            people.customer("C2", is_staff=True),
            people.customer("C3"),
            people.customer("C4", email=None),
        ],
    )
    people.put(warehouse, "survey_invitations", [{"invitation_id": "V1", "customer_id": "C1", "sent_at": NOW}])
    answers = [{"native_id": name, "customer_id": name} for name in ("C1", "C2", "C3", "C4", "unknown")]
    land(warehouse, folder, [*answers, {"native_id": "by_invitation", "invitation_id": "V1"}, {"native_id": "nobody"}])
    assert flags.flag_landed(warehouse, now=NOW) == {"own_staff": 3}
    assert flagged(warehouse, "own_staff") == {"C1": True, "C2": False, "by_invitation": True}
    assert flags.flag_landed(warehouse, now=NOW) == {}, "flagging again adds nothing"


GIBBERISH = ["asdfasdf", "qwertz uiop", "hjklhjkl", "xxxxxxxxxxxx", "sdkjfhgskdjfhg", "bcdfghjklmnp", "fghjkl"]
LANGUAGES = [
    "Angstschweißgebadet gewartet, Borschtsch war kalt.", "Rechtsschutzversicherungsgesellschaften antworten nicht.",
    "Très bien !!!",
    "jajajajajaja", "Schade, dass niemand anrief.", "Suuuuuuuuper!", "ok", "10/10", "👍👍👍👍👍👍👍👍", "とても親切でした。",
    "Очень долго ждал на линии", "No.",
    "Se tardaron muchísimo", "Não gostei", "Strč prst skrz krk", "Twyndyllyngs a chwmwl", "n/a", "GmbH & Co. KG", "--------", "1234567890",
]  # fmt: skip


def test_gibberish_of_a_keyboard_and_words_of_many_languages(warehouse: sa.Engine, folder: CompanyFolder) -> None:
    land(warehouse, folder, [{"native_id": text.replace(" ", "_"), "verbatim": text} for text in (*GIBBERISH, *LANGUAGES)])
    flags.flag_landed(warehouse, now=NOW)
    assert set(flagged(warehouse, "gibberish")) == {text.replace(" ", "_") for text in GIBBERISH}


@pytest.mark.real_data
def test_of_thousands_of_real_words_hardly_any_pass_for_gibberish(
    warehouse: sa.Engine, folder: CompanyFolder, real_data: Callable[[str], Path]
) -> None:
    # A flag that real customers get all the time says nothing.
    import csv

    with (real_data("garden_centre") / "nps.csv").open(encoding="cp1252", errors="replace", newline="") as file:
        said = [(row["id"], row["explication"]) for row in csv.DictReader(file) if row["explication"] not in ("", "NA")]
    land(
        warehouse,
        folder,
        [{"native_id": f"{key}-{number}", "customer_id": f"C{number}", "verbatim": words} for number, (key, words) in enumerate(said)],
    )
    added = flags.flag_landed(warehouse, now=NOW)
    assert len(said) > 3000
    assert added.get("gibberish", 0) <= len(said) / 1000
    assert added.get("duplicate", 0) <= len(said) / 100
