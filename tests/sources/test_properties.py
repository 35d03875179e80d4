"""Whatever a source brings: every row is accounted for, reading again changes nothing, a correction is one version."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sources.conftest import COMPANY, NOW

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import load
from shopkeeper.sources.ingest import ingest, retry_rejected
from shopkeeper.warehouse.batches import BatchResult
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine

COLUMNS = ["id", "score", "at", "changed", "comment", "other"]
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
RUBBISH = st.sampled_from(
    ["NaN", "now", "Infinity", "0x1F", "1_000", "-", "''", '"', "\\.", "\\N", "NULL", "2026-02-30", "9999-12-31", "\u00a0"]
)
CELL = {
    "id": st.one_of(st.integers(1, 8).map(str), st.sampled_from([" 3 ", "a b", "A1", "a1"]), TEXT),
    "score": st.one_of(st.integers(-1, 12).map(str), st.sampled_from(["10 ", "7.5", "7.0"]), RUBBISH, TEXT),
    "at": st.one_of(st.sampled_from(["2026-01-05 10:00", "2026-03-29 02:30", "2026-01-05T10:00:00Z"]), RUBBISH, TEXT),
    "changed": st.one_of(st.just(""), st.sampled_from([f"2026-01-0{i} 10:00:00" for i in range(1, 5)]), RUBBISH),
    "comment": st.one_of(st.just(""), TEXT, st.text("\n\r\",';x", max_size=6)),
    "other": st.one_of(st.just(""), TEXT),
}
ROW = st.fixed_dictionaries(CELL)
NUMBERS = count()


class World:
    """One warehouse and one company folder; each example has a source of its own."""

    def __init__(self, folder: Path, engine: sa.Engine) -> None:
        self.folder, self.engine = folder, engine

    def source(self) -> str:
        return f"survey_{next(NUMBERS)}"

    def company(self, source: str, rows: list[dict[str, str]]) -> CompanyFolder:
        with (self.folder / "answers.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        columns = {"native_id": "id", "responded_at": "at", "updated_at": "changed", "verbatim": "comment"}
        entity = {"path": str(self.folder / "answers.csv"), "columns": columns}
        (self.folder / "company.yml").write_text(yaml.safe_dump(COMPANY))
        (self.folder / "sources.yml").write_text(yaml.safe_dump({source: {"entities": {"survey_responses": entity}}}))
        return load(self.folder, environ={})

    def read(self, source: str, rows: list[dict[str, str]], number: int) -> BatchResult:
        (batch,) = ingest(self.company(source, rows), now=NOW + timedelta(days=number))
        assert batch.rows_in == len(rows) == batch.accepted + batch.unchanged + batch.rejected
        return batch

    def ask(self, query: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(query), values))


@pytest.fixture(scope="module")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    server.create_database("properties", template="migrated")
    engine = make_engine(server.url("properties"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_URL", server.url("properties"))
        yield World(tmp_path_factory.mktemp("properties"), engine)
    engine.dispose()


SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@SETTINGS
@given(rows=st.lists(ROW, max_size=12))
def test_every_row_is_accounted_for_and_reading_again_changes_nothing(world: World, rows: list[dict[str, str]]) -> None:
    source = world.source()
    first = world.read(source, rows, 0)
    versions = "select count(*), count(distinct _key), min(score), max(score) from raw.survey_responses where _source = :source"
    before = world.ask(versions, source=source)
    assert before[0][0] == before[0][1] == first.accepted
    assert before[0][0] == 0 or before[0][2] is None or 0 <= before[0][2] <= before[0][3] <= 10
    again = world.read(source, rows, 1)
    assert (again.accepted, again.unchanged, again.rejected) == (0, first.accepted + first.unchanged, first.rejected)
    assert world.ask(versions, source=source) == before
    rejected = "select sum(times_seen), count(*) filter (where reason = '') from rejected.rows where source = :source"
    assert tuple(world.ask(rejected, source=source)[0]) == (first.rejected * 2 or None, 0)
    retried = retry_rejected(world.company(source, rows), "survey_responses", NOW + timedelta(days=2))
    assert all(batch.accepted + batch.unchanged == 0 for batch in retried)


@SETTINGS
@given(rows=st.lists(ROW, min_size=1, max_size=12), where=st.integers(0, 11))
def test_a_correction_is_exactly_one_new_version(world: World, rows: list[dict[str, str]], where: int) -> None:
    source = world.source()
    good = {"id": "corrected", "score": "3", "at": "2026-01-05 10:00", "changed": "", "comment": "before", "other": ""}
    place = min(where, len(rows))
    first = world.read(source, [*rows[:place], good, *rows[place:]], 0)
    corrected = {**good, "score": "4", "changed": "2026-01-09 10:00:00"}
    second = world.read(source, [*rows[:place], corrected, *rows[place:]], 1)
    assert (second.accepted, second.unchanged, second.rejected) == (1, first.accepted + first.unchanged - 1, first.rejected)
    scores = world.ask(
        "select score from raw.survey_responses where _source = :source and native_id = 'corrected' order by _batch_id", source=source
    )
    assert [score for (score,) in scores] == [3, 4]


@SETTINGS
@given(rows=st.lists(ROW, max_size=10), order=st.randoms(use_true_random=False))
def test_the_order_of_dated_versions_over_batches_does_not_matter(world: World, rows: list[dict[str, str]], order: Any) -> None:
    # Late, repeated and out-of-order rows must end in the same latest versions.
    dated = [{**row, "changed": f"2026-01-05 10:00:{number:02}"} for number, row in enumerate(rows)]
    latest = """
        select distinct on (_key) native_id, score, responded_at, updated_at from raw.survey_responses
        where _source = :source order by _key, updated_at desc, _loaded_at desc, _batch_id desc
    """
    at_once = world.source()
    world.read(at_once, dated, 0)
    one_by_one = world.source()
    shuffled = [*dated, *dated[:3]]
    order.shuffle(shuffled)
    for number, row in enumerate(shuffled):
        world.read(one_by_one, [row], number)
    assert sorted(world.ask(latest, source=one_by_one)) == sorted(world.ask(latest, source=at_once))
