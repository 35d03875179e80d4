"""The written company: same seed, same bytes; every fault counted; the truth file true."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from shopkeeper.demo import Filled, Gaming, GamingMode, SimulationConfig, fill, simulate
from shopkeeper.demo.columns import person_ids
from shopkeeper.demo.faults import FAULTS
from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse.embedded import Server

SMALL = SimulationConfig(customers=2_500, part_size=1_000, fault_share=0.05)
TABLES = {
    "crm": [
        f"crm.{name}"
        for name in (
            *("segment", "article", "unit", "staff_post", "company", "person", "contact_event"),
            *("call_record", "grievance", "proposal", "recommendation"),
        )
    ],
    "finance": ["ledger.posting", "ledger.service_charge", "ledger.acquisition", "ledger.wallet_survey"],
}
_numbers = itertools.count()


class Written:
    """One written company and a way to read it back."""

    def __init__(self, server: Server, folder: Path, config: SimulationConfig) -> None:
        number = next(_numbers)
        self.urls = {}
        for name in TABLES:
            server.create_database(f"demo_{number}_{name}")
            self.urls[name] = server.url(f"demo_{number}_{name}")
        self.folder, self.config = folder, config
        self.progress: list[tuple[str, float]] = []
        self.filled = self.fill()

    def fill(self) -> Filled:
        self.progress.clear()
        tell: Callable[[str, float], None] = lambda what, done: self.progress.append((what, done))  # noqa: E731
        return fill(self.config, self.urls["crm"], self.urls["finance"], self.folder, tell)

    def rows(self, sql: str, database: str = "crm") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.urls[database]) as connection:
            return connection.execute(sql.encode()).fetchall()

    def checksums(self) -> dict[str, str]:
        sums = {
            table: self.rows(f"select md5(string_agg(t::text, chr(10) order by t::text)) from {table} as t", database)[0][0]
            for database, tables in TABLES.items()
            for table in tables
        }
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                sums[str(path.relative_to(self.folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
        return sums

    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for path in sorted(self.folder.glob("answers/*.jsonl")) for line in path.read_text().splitlines()]

    def invitations(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = []
        for path in sorted(self.folder.glob("invitations/*.csv")):
            with path.open(newline="") as file:
                rows += csv.DictReader(file, delimiter=";")
        return rows


@pytest.fixture(scope="module")
def written(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(server, tmp_path_factory.mktemp("history"), SMALL)


def fault(written: Written, entity: str, name: str) -> int:
    return next(f["rows"] for f in written.filled.truth["faults"] if (f["entity"], f["fault"]) == (entity, name))


def test_the_same_seed_writes_the_same_bytes(server: Server, tmp_path: Path, written: Written) -> None:
    sums = written.checksums()
    assert len(sums) > 60
    assert Written(server, tmp_path, SMALL).checksums() == sums
    (written.folder / "answers" / "relationship-2001-01.jsonl").write_text("from an earlier company\n")
    written.fill()
    assert written.checksums() == sums, "filling again replaces what was there"


def test_every_row_is_counted(written: Written) -> None:
    for database, tables in TABLES.items():
        for table in tables:
            assert written.rows(f"select count(*) from {table}", database)[0][0] == written.filled.rows[table] > 0, table
    assert len(written.answers()) == written.filled.rows["answers"]
    assert len(written.invitations()) == written.filled.rows["invitations"]
    shares = [share for _, share in written.progress]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert json.loads(written.filled.truth_file.read_text()) == written.filled.truth


def test_faulty_rows_are_as_many_as_the_truth_says(written: Written) -> None:
    answers = written.answers()
    found = {
        "score_11": sum(a["score"] == 11 for a in answers),
        "score_minus_1": sum(a["score"] == -1 for a in answers),
        "score_7_5": sum(a["score"] == 7.5 for a in answers),
        "score_10_with_blank": sum(a["score"] == "10 " for a in answers),
        "empty_score": sum(a["score"] == "" and a["finished"] for a in answers),
        "bad_date": sum(a["submitted"] in ("now", "2025-02-30T09:15:00Z", "2025-13-01T00:00:00Z") for a in answers),
        "id_with_blank": sum(" " in a["id"] for a in answers),
        "unknown_customer": sum((a["customer"] or "") > "C9" for a in answers),
        "duplicate_key": sum(n - 1 for n in Counter(a["id"] for a in answers).values()),
        "late": sum(a["changed"][:10] > a["submitted"][:10] for a in answers if not a["id"].endswith("F")),
    }
    for name, number in found.items():
        assert number == fault(written, "survey_responses", name) > 0, name
    for table, key, entity, database in (
        ("crm.contact_event", "event_no", "interactions", "crm"),
        ("ledger.posting", "posting_no", "revenue", "finance"),
    ):
        assert written.rows(f"select count(*) from {table} where {key} like '% %'", database)[0][0] == fault(
            written, entity, "id_with_blank"
        )
        assert written.rows(f"select count(*) - count(distinct {key}) from {table}", database)[0][0] == fault(
            written, entity, "duplicate_key"
        )
    bad = written.rows(
        "select count(*) from ledger.posting where not pg_input_is_valid(booking_day, 'date') or booking_day = 'infinity'", "finance"
    )
    assert bad[0][0] == fault(written, "revenue", "bad_date")
    assert {f.name for f in FAULTS if f.entity == "survey_responses"} == set(found)


def test_without_faults_there_are_none(server: Server, tmp_path: Path) -> None:
    clean = Written(server, tmp_path, SimulationConfig(customers=800, fault_share=0))
    assert all(f["rows"] == 0 for f in clean.filled.truth["faults"])
    counts = clean.filled.truth["counts"]
    complete = [a for a in clean.answers() if a["finished"]]
    assert len(complete) == counts["answers_relationship"] + counts["answers_transactional"]
    assert all(isinstance(a["score"], int) for a in complete)
    assert clean.filled.rows["ledger.posting"] == counts["postings"]


def test_the_true_scores_are_those_of_the_whole_frame(written: Written) -> None:
    """Recomputed from the arrays, all parts together, as if everyone had answered."""
    truth = written.filled.truth
    frames = [part.frame for part in simulate(SMALL).parts()]
    for wave, told in enumerate(truth["nps_by_wave"]):
        scores = np.concatenate([frame.score[frame.in_frame & (frame.wave == wave)] for frame in frames])
        assert told["frame"] == len(scores)
        assert told["nps"] == pytest.approx(100 * ((scores >= 9).mean() - (scores <= 6).mean()), abs=1e-3)
    first = (SMALL.end_day - 90) * 86_400
    scores = np.concatenate([f.score[f.in_frame & (f.programme == 1) & (f.moment >= first)] for f in frames])
    current = truth["nps_current"]
    assert current["transactional"]["frame"] == len(scores)
    assert current["transactional"]["nps"] == pytest.approx(100 * ((scores >= 9).mean() - (scores <= 6).mean()), abs=1e-3)
    assert current["relationship"]["nps"] == truth["nps_by_wave"][-1]["nps"]
    assert current["relationship"]["is_in_window"]


def test_the_planted_margins_are_all_there(written: Written) -> None:
    with (written.folder / "truth_margins.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["customer_id"] for row in rows}) == len(rows) == sum(written.filled.truth["margins"]["customers_by_band"].values())
    for band in ("detractor", "passive", "promoter"):
        mean = np.mean([float(row[f"margin_{band}"]) for row in rows])
        assert mean == pytest.approx(written.filled.truth["margins"]["mean_if_all_were"][band], abs=0.01)


def test_files_hang_together(written: Written) -> None:
    """Every answer's invitation was sent before it, to the customer of the interaction that it is about."""
    invitations = {row["Invitation"]: row for row in written.invitations()}
    persons = {number for (number,) in written.rows("select person_no from crm.person")}
    events = dict(written.rows("select event_no, person_no from crm.contact_event"))
    assert {row["Customer"] for row in invitations.values()} <= persons
    for row in invitations.values():
        if row["Event"]:
            assert events[row["Event"]] == row["Customer"]
    for answer in written.answers():
        if answer["invitation"]:
            assert answer["invitation"] in invitations
            assert answer["survey"] == invitations[answer["invitation"]]["Survey"]
    completed = sum(row["State"] == "completed" for row in invitations.values())
    counts = written.filled.truth["counts"]
    assert completed == counts["answers_relationship"] + counts["answers_transactional"]


def test_times_of_answers_are_utc(server: Server, tmp_path: Path) -> None:
    """Sent at nine in Berlin is seven in summer and eight in winter: an answer is never before its invitation."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    company = Written(server, tmp_path, SimulationConfig(customers=1_500, fault_share=0))
    sent = {
        row["Invitation"]: datetime.fromisoformat(row["Sent"]).replace(tzinfo=ZoneInfo("Europe/Berlin")) for row in company.invitations()
    }
    waits = [(datetime.fromisoformat(a["submitted"]) - sent[a["invitation"]]).total_seconds() for a in company.answers()]
    assert min(waits) > 0
    assert max(waits) < 30 * 86_400


def test_nothing_is_written_from_after_the_last_day(server: Server, tmp_path: Path) -> None:
    """A company that ends in the middle of a month: a run at `as_of` sees all of it, and nothing of tomorrow."""
    config = SimulationConfig(customers=1_500, ends_on=date(2025, 11, 19))
    company = Written(server, tmp_path, config)
    for database, tables in TABLES.items():
        for table in tables:
            if table.split(".")[1] in ("segment", "article", "unit", "staff_post"):
                continue
            (newest,) = company.rows(f"select max(changed_at) from {table}", database)[0]
            assert newest < config.as_of.replace(tzinfo=None), table
    assert max(a["changed"] for a in company.answers()) < "2025-11-19T23:00:00Z"
    assert max(row["Sent"] for row in company.invitations()) < "2025-11-20"


def test_gaming_is_told(server: Server, tmp_path: Path) -> None:
    config = SimulationConfig(customers=4_000, gaming=(Gaming(GamingMode.ANSWERING_ONESELF, answers=40),))
    company = Written(server, tmp_path, config)
    (told,) = company.filled.truth["gaming"]
    assert told["mode"] == "answering_oneself"
    assert told["branch"] == "B11"
    devices = Counter(a["client_hash"] for a in company.answers())
    assert devices["branch-11"] >= 15, "one device for many customers"
    assert all(number < 15 for device, number in devices.items() if device != "branch-11")


def test_numbers_of_parts_do_not_meet(written: Written) -> None:
    assert written.rows("select count(*), count(distinct person_no) from crm.person")[0] == (2_500, 2_500)
    assert (
        written.rows("select count(*) from crm.contact_event e left join crm.person p using (person_no) where p.person_no is null")[0][0]
        == 0
    )
    assert person_ids(np.array([0, -1]), 1001).to_pylist() == ["C0001001", None]


def test_what_cannot_be_written_is_said_without_the_password(server: Server, tmp_path: Path) -> None:
    good = server.url("postgres")
    secret = good.split(":")[2].split("@")[0]
    for crm, said in ((good.replace("/postgres", "/nowhere"), "CRM_URL: no connection"), ("nonsense", "CRM_URL: is no database URL")):
        with pytest.raises(ShopkeeperError, match=said) as caught:
            fill(SMALL, crm, good, tmp_path / "history")
        assert secret not in str(caught.value)
    (tmp_path / "file").write_text("")
    with pytest.raises(ShopkeeperError, match="SURVEY_HISTORY"):
        fill(SMALL, good, good, tmp_path / "file")
