"""Versions, duplicates, unchanged rows, deletions, coverage: what a second reading of the same source does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.sources.conftest import NOW

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.sources.ingest import IngestFailed, Interval, ingest
from shopkeeper.warehouse import batches
from shopkeeper.warehouse.batches import BatchResult
from shopkeeper.warehouse.entities import Group

Rows = Callable[[str], list[dict[str, Any]]]
Load = Callable[..., BatchResult]
OLD, NEW = "2026-01-01 10:00", "2026-01-02 10:00"


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


@pytest.fixture
def customers(make_folder: Callable[..., CompanyFolder], tmp_path: Path, warehouse: sa.Engine) -> Load:
    """`customers(lines, day, **mapping)` loads a file of customers: id, joined_on, segment, email, updated_at."""

    def load(lines: list[str], number: int, **mapping: Any) -> BatchResult:
        header = mapping.pop("header", "customer_id,joined_on,segment,email,updated_at")
        (tmp_path / "customers.csv").write_text("\n".join([header, *lines, ""]))
        folder = make_folder(crm={"entities": {"customers": {"path": str(tmp_path / "customers.csv"), **mapping}}})
        (batch,) = ingest(folder, now=day(number))
        assert batch.rows_in == batch.accepted + batch.unchanged + batch.rejected == len(lines)
        return batch

    return load


@pytest.fixture
def move(warehouse: sa.Engine) -> Callable[..., None]:
    """`move(batch, "passed", "withdrawn")` moves a batch through these statuses."""

    def through(batch: BatchResult, *statuses: str) -> None:
        for status in statuses:
            with warehouse.begin() as connection:
                batches.set_status(connection, batch.batch_id, status, reason="test", actor="test", now=NOW)

    return through


LATEST = """
    select distinct on (_key) customer_id, segment, _is_deleted from raw.customers
    where _batch_id in (select batch_id from ops.batches where status in ('landed', 'passed', 'waived'))
    order by _key, updated_at desc nulls last, _loaded_at desc, _batch_id desc
"""


def latest(rows: Rows) -> dict[str, str | None]:
    return {row["customer_id"]: row["segment"] for row in rows(f"select * from ({LATEST}) as latest where not _is_deleted")}


@pytest.mark.parametrize("updated_at", [OLD, ""])
def test_the_same_again_is_unchanged(customers: Load, rows: Rows, updated_at: str) -> None:
    lines = [f"C{i},2024-01-01,gold,c{i}@example.org,{updated_at}" for i in range(50)]
    assert customers(lines, 0).accepted == 50
    batch = customers(lines, 1)
    assert (batch.accepted, batch.unchanged) == (0, 50)
    batch = customers([*lines[:25], "C99,2024-01-01,,,", *lines[25:]], 2)
    assert (batch.accepted, batch.unchanged) == (1, 50)
    assert rows("select count(*) from raw.customers") == [{"count": 51}]
    assert rows("select count(*) from pii.customers") == [{"count": 50}]  # the new one has nothing personal


def test_plain_and_personal_columns_have_versions_of_their_own(customers: Load, rows: Rows) -> None:
    # Moving house must not look like a change of segment, and a change of segment must not copy an address.
    customers(["C1,2024-01-01,gold,a@example.org,"], 0)
    assert customers(["C1,2024-01-01,gold,b@example.org,"], 1).accepted == 1
    assert customers(["C1,2024-01-01,silver,b@example.org,"], 2).accepted == 1
    assert [row["segment"] for row in rows("select segment from raw.customers order by _batch_id")] == ["gold", "silver"]
    assert [row["email"] for row in rows("select email from pii.customers order by _batch_id")] == ["a@example.org", "b@example.org"]
    assert customers(["C1,2024-01-01,silver,,"], 3).accepted == 1  # erased at the source
    last = "order by _batch_id desc limit 1"
    assert rows(f"select email, _batch_id from pii.customers {last}")[0]["email"] is None
    assert rows(f"select has_email from raw.customers {last}") == [{"has_email": False}]


def test_back_and_forth_without_an_updated_at(customers: Load, rows: Rows) -> None:
    # gold → silver → gold: the third reading says gold again, so gold must win although it is an old version.
    for number, segment in enumerate(["gold", "silver", "gold"]):
        assert customers([f"C1,2024-01-01,{segment},{segment}@example.org,"], number).accepted == 1
    assert latest(rows) == {"C1": "gold"}
    assert customers(["C1,2024-01-01,gold,gold@example.org,"], 3).unchanged == 1


def test_an_old_version_read_again_changes_nothing(customers: Load, rows: Rows) -> None:
    # An old export read again must not overwrite what a newer one said.
    old, new = f"C1,2024-01-01,gold,a@example.org,{OLD}", f"C1,2024-01-01,silver,b@example.org,{NEW}"
    assert [customers([line], number).accepted for number, line in enumerate([old, new, old, new])] == [1, 1, 0, 0]
    assert latest(rows) == {"C1": "silver"}


def test_versions_that_come_late_find_their_place(customers: Load, rows: Rows) -> None:
    customers([f"C1,2024-01-01,silver,,{NEW}"], 0)
    assert customers([f"C1,2024-01-01,gold,,{OLD}"], 1).accepted == 1
    assert latest(rows) == {"C1": "silver"}


def test_duplicate_keys_in_one_batch(customers: Load, rows: Rows) -> None:
    lines = [f"C1,2024-01-01,new,,{NEW}", f"C1,2024-01-01,old,,{OLD}", "C1,2024-01-01,undated,,"]  # the greatest updated_at
    lines += [f"C2,2024-01-01,first,,{OLD}", f"C2,2024-01-01,last,,{OLD}"]  # then the last in file order
    lines += ["C3,2024-01-01,first,,", "C3,2024-01-01,last,,", "C4,2024-01-01,same,,", "C4,2024-01-01,same,,"]
    batch = customers(lines, 0)
    assert (batch.accepted, batch.unchanged, batch.details["duplicates"]) == (4, 5, 5)
    assert latest(rows) == {"C1": "new", "C2": "last", "C3": "last", "C4": "same"}
    for number in (1, 2):  # losers must not slip in once the winners are known
        assert (customers(lines, number).unchanged, latest(rows)["C2"]) == (9, "last")
    batch = customers([*lines, f"C2,2024-01-01,better,,{NEW}"], 3)
    assert (batch.accepted, latest(rows)["C2"]) == (1, "better")


def test_a_column_in_another_order_changes_nothing(customers: Load) -> None:
    customers([f"C1,2024-01-01,gold,a@example.org,{OLD},7,8"], 0, header="customer_id,joined_on,segment,email,updated_at,x,y")
    batch = customers([f"8,a@example.org,gold,C1,7,2024-01-01,{OLD}"], 1, header="y,email,segment,customer_id,x,joined_on,updated_at")
    assert batch.unchanged == 1


@pytest.mark.parametrize("updated_at", [OLD, ""])
def test_rows_of_a_failed_or_withdrawn_batch_are_loaded_again(
    customers: Load, rows: Rows, move: Callable[..., None], updated_at: str
) -> None:
    lines = [f"C1,2024-01-01,gold,a@example.org,{updated_at}"]
    first = customers(lines, 0)
    move(first, "failed")
    second = customers(lines, 1)
    assert second.accepted == 1
    move(second, "passed", "withdrawn")
    third = customers(lines, 2)
    assert (third.accepted, rows("select count(*) from pii.customers")) == (1, [{"count": 3}])
    move(third, "passed")
    move(first, "waived")
    assert customers(lines, 3).unchanged == 1


def test_rejects_are_kept_once_and_closed_when_a_later_version_passes(customers: Load, rows: Rows, move: Callable[..., None]) -> None:
    bad = f"C1,1816-01-01,gold,a@example.org,{OLD}"
    first, second = customers([bad], 0), customers([bad, bad], 1)
    (reject,) = rows("select * from rejected.rows")
    assert (reject["times_seen"], reject["first_batch_id"], reject["last_batch_id"]) == (3, first.batch_id, second.batch_id)
    assert (reject["column_name"], reject["natural_key"], reject["row_number"]) == ("joined_on", "C1", 1)
    assert "1816" not in reject["reason"]  # reasons are shown in reports, values are not
    third = customers([f"C1,2016-01-01,gold,a@example.org,{NEW}"], 2)
    closed = "select closed_by_batch_id from rejected.rows"
    assert rows(closed) == [{"closed_by_batch_id": third.batch_id}]
    customers([bad], 3)  # an old file again: it stays closed
    assert rows(closed) == [{"closed_by_batch_id": third.batch_id}]
    move(third, "failed")
    assert rows(closed) == [{"closed_by_batch_id": None}]
    move(third, "waived")
    assert rows(closed) == [{"closed_by_batch_id": third.batch_id}]


# --- full snapshots ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("updated_at", [OLD, ""])
def test_keys_that_leave_a_snapshot_are_deleted_and_may_come_back(customers: Load, rows: Rows, updated_at: str) -> None:
    lines = [f"C{i},2024-01-01,gold,,{updated_at}" for i in range(10)]
    assert customers(lines, 0, full_snapshot=True).kind == "snapshot"
    batch = customers(lines[1:], 1, full_snapshot=True)
    assert (batch.deleted, batch.unchanged, batch.details["snapshot"]) == (1, 9, {"previous": 10, "current": 9})
    assert "C0" not in latest(rows)
    assert rows("select segment, _row_number from raw.customers where _is_deleted") == [{"segment": "gold", "_row_number": 0}]
    assert customers(lines[1:], 2, full_snapshot=True).deleted == 0  # once is enough
    batch = customers(lines, 3, full_snapshot=True)  # back, as it was
    assert (batch.accepted, batch.unchanged, batch.deleted) == (1, 9, 0)
    assert latest(rows)["C0"] == "gold"
    assert customers(lines, 4, full_snapshot=True).unchanged == 10
    assert customers(lines[1:], 5, full_snapshot=True).deleted == 1


def test_an_empty_snapshot_deletes_nothing(customers: Load, rows: Rows) -> None:
    # A source that is down often answers with nothing; that must not delete every customer.
    lines = [f"C{i},2024-01-01,gold,," for i in range(10)]
    customers(lines, 0, full_snapshot=True)
    batch = customers([], 1, full_snapshot=True)
    assert (batch.deleted, len(latest(rows))) == (0, 10)
    assert batch.details["snapshot"] == {"previous": 10, "current": 0, "no_deletions_because": "the snapshot is empty"}
    batch = customers(lines[:7], 2, full_snapshot=True)  # the gate judges this one, by these counts
    assert batch.details["snapshot"] == {"previous": 10, "current": 7}


def test_deletions_of_a_failed_batch_take_no_effect(customers: Load, rows: Rows, move: Callable[..., None]) -> None:
    lines = [f"C{i},2024-01-01,gold,,{OLD}" for i in range(10)]
    customers(lines, 0, full_snapshot=True)
    batch = customers(lines[:5], 1, full_snapshot=True)
    assert batch.deleted == 5
    move(batch, "failed")
    assert len(latest(rows)) == 10
    batch = customers(lines, 2, full_snapshot=True)
    assert (batch.unchanged, batch.deleted) == (10, 0)


def test_a_rejected_row_is_not_a_deleted_one(customers: Load, rows: Rows) -> None:
    customers(["C1,2024-01-01,gold,,", "C2,2024-01-01,gold,,", "C3,2024-01-01,gold,,"], 0, full_snapshot=True)
    batch = customers(["C1,2024-01-01,gold,,", "C2,rubbish,gold,,"], 1, full_snapshot=True)
    assert (batch.rejected, batch.deleted) == (1, 1)
    batch = customers(["C1,2024-01-01,gold,,", "C 2,2024-01-01,gold,,"], 2, full_snapshot=True)  # whose row is that?
    assert batch.deleted == 0
    assert batch.details["snapshot"]["no_deletions_because"] == "the keys of some rejected rows cannot be read"


def test_a_backfill_of_a_snapshot_deletes_nothing(make_folder: Callable[..., CompanyFolder], customers: Load, tmp_path: Path) -> None:
    customers([f"C{i},2024-01-01,gold,," for i in range(10)], 5, full_snapshot=True)
    (tmp_path / "customers.csv").write_text("customer_id,joined_on\nC1,2024-01-01\n")
    mapping = {"path": str(tmp_path / "customers.csv"), "full_snapshot": True}
    (batch,) = ingest(make_folder(crm={"entities": {"customers": mapping}}), interval=Interval(day(1), day(2)), now=day(6))
    assert (batch.kind, batch.deleted) == ("backfill", 0)


# --- windows and coverage ---------------------------------------------------------------------------------------------


@pytest.fixture
def windows(make_folder: Callable[..., CompanyFolder], tmp_path: Path, warehouse: sa.Engine) -> Callable[..., BatchResult]:
    """`windows(start, end)` loads days of January from a SQLite table with a record per day, until noon."""
    source = sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}")
    with source.begin() as connection:
        connection.execute(sa.text("create table contacts (id integer, customer text, at text, changed text)"))
        for number in range(1, 31):
            row = {"id": number, "at": f"2026-01-{number:02} 12:00:00", "changed": f"2026-01-{number:02}T12:00:00"}
            connection.execute(sa.text("insert into contacts values (:id, 'C1', :at, :changed)"), row)

    def load(start: int | None, end: int, **mapping: Any) -> BatchResult:
        columns = {"interaction_id": "id", "customer_id": "customer", "occurred_at": "at", "updated_at": "changed"}
        entity = {"table": "contacts", "columns": columns, "cursor": "updated_at", "overlap_hours": 0, **mapping}
        folder = make_folder(crm={"connection": f"sqlite:///{tmp_path / 'crm.db'}", "entities": {"interactions": entity}})
        interval = Interval(january(start), january(end)) if start else None
        (batch,) = ingest(folder, interval=interval, now=january(end))
        return batch

    return load


def january(number: int) -> datetime:
    return datetime(2026, 1, number, tzinfo=UTC)


def spans(warehouse: sa.Engine) -> list[tuple[int, int]]:
    """Covered days of January; 0 for the beginning of time."""
    with warehouse.connect() as connection:
        found = batches.covered(connection, "interactions", "crm")
    return [(0 if start == batches.EARLIEST else start.day, end.day) for start, end in found]


def test_each_window_begins_where_the_last_ended(windows: Load, warehouse: sa.Engine) -> None:
    first = windows(4, 5)
    assert (first.kind, first.rows_in, first.interval_start, first.interval_end) == ("window", 4, None, january(5))
    second = windows(9, 10)  # days 5 to 9 were never asked for, and are read all the same
    assert (second.rows_in, second.interval_start) == (5, january(5))
    assert windows(None, 12).rows_in == 2
    assert spans(warehouse) == [(0, 12)]
    assert windows(13, 14, overlap_hours=48).rows_in == 4
    assert windows(14, 14, overlap_hours=24).unchanged == 1


def test_a_backfill_reads_its_own_window_and_moves_nothing(windows: Load, warehouse: sa.Engine) -> None:
    windows(None, 20)
    batch = windows(3, 6)
    assert (batch.kind, batch.rows_in, batch.unchanged) == ("backfill", 3, 3)
    assert (batch.interval_start, batch.interval_end) == (january(3), january(6))
    assert spans(warehouse) == [(0, 20)]
    assert windows(None, 21).interval_start == january(20)


def test_runs_over_days_equal_one_run_over_the_span(windows: Load, rows: Rows, warehouse: sa.Engine) -> None:
    for end in range(2, 11):
        windows(end - 1, end)
    loaded = "select interaction_id, occurred_at, _key, _row_hash from raw.interactions order by 1"
    by_days = rows(loaded)
    assert len(by_days) == 9
    with warehouse.begin() as connection:
        connection.execute(sa.text("truncate raw.interactions, pii.interactions, ops.batches, ops.batch_events, ops.coverage"))
    windows(1, 10)
    assert rows(loaded) == by_days


@pytest.mark.parametrize("gone", [["failed"], ["passed", "withdrawn"]])
def test_the_window_of_a_failed_batch_is_a_gap_that_the_next_run_closes(
    windows: Load, warehouse: sa.Engine, move: Callable[..., None], gone: list[str]
) -> None:
    windows(None, 5)
    middle = windows(None, 8)
    windows(None, 12)
    move(middle, *gone)
    assert spans(warehouse) == [(0, 5), (8, 12)]
    with warehouse.connect() as connection:
        assert batches.gaps(connection, "interactions", "crm") == [(january(5), january(8))]
    batch = windows(None, 14)
    assert (batch.interval_start, batch.accepted, batch.unchanged) == (january(5), 5, 4)
    assert spans(warehouse) == [(0, 14)]


def test_what_a_later_batch_found_unchanged_is_read_again_when_the_earlier_one_fails(
    windows: Load, warehouse: sa.Engine, move: Callable[..., None], rows: Rows
) -> None:
    # Both read day 7; it stands in the first batch alone. If only the rest of that window were read again, day 7 would be lost.
    first = windows(None, 8)
    assert windows(None, 10, overlap_hours=48).unchanged == 2
    move(first, "failed")
    assert windows(None, 11).accepted == 8
    assert rows("select count(distinct interaction_id) from raw.interactions where _batch_id > 1") == [{"count": 10}]


def test_a_waived_batch_is_covered_again(windows: Load, warehouse: sa.Engine, move: Callable[..., None]) -> None:
    batch = windows(None, 8)
    move(batch, "failed")
    assert spans(warehouse) == []
    move(batch, "waived")
    assert spans(warehouse) == [(0, 8)]


def test_rows_without_a_cursor_are_read_each_time(windows: Load, tmp_path: Path) -> None:
    windows(None, 5)
    with sa.create_engine(f"sqlite:///{tmp_path / 'crm.db'}").begin() as connection:
        connection.execute(sa.text("insert into contacts values (99, 'C1', '2025-01-01', null)"))
    assert windows(None, 6).accepted == 2
    batch = windows(None, 7)
    assert (batch.accepted, batch.unchanged) == (1, 1)


# --- several entities, statuses ---------------------------------------------------------------------------------------


def test_one_unreadable_source_does_not_hold_up_the_others(make_folder: Callable[..., CompanyFolder], tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "products.csv").write_text("product_id,name\nP1,Lamp\n")
    folder = make_folder(
        a={"entities": {"customers": {"path": str(tmp_path / "nothing.csv")}}},
        b={"connection": f"sqlite:///{tmp_path}/none/crm.db", "entities": {"accounts": {"table": "accounts"}}},
        c={"entities": {"products": {"path": str(tmp_path / "products.csv")}, "category_spend": {"path": str(tmp_path / "products.csv")}}},
    )
    with pytest.raises(IngestFailed) as failed:
        ingest(folder, now=NOW)
    assert [problem.where for problem in failed.value.problems] == [
        "sources.yml › a › entities › customers › path",
        "sources.yml › b › entities › accounts",
        "sources.yml › c › entities › category_spend › columns › customer_id",
        "sources.yml › c › entities › category_spend › columns › period_from",
    ]
    assert [batch.entity for batch in failed.value.loaded] == ["products"]
    assert rows("select entity, status from ops.batches") == [{"entity": "products", "status": "landed"}]
    assert rows("select count(*) from pg_tables where schemaname = 'landing'") == [{"count": 0}]
    assert ingest(folder, groups=[Group.PANEL], now=NOW) == []


def test_only_legal_moves_and_each_with_its_event(customers: Load, rows: Rows, warehouse: sa.Engine) -> None:
    batch = customers(["C1,2024-01-01,gold,,"], 0)

    def move(status: str, reason: str | None = "why") -> None:
        with warehouse.begin() as connection:
            batches.set_status(connection, batch.batch_id, status, reason=reason, actor="ada", now=NOW)

    for status in ("waived", "withdrawn", "landed"):
        with pytest.raises(ShopkeeperError, match=f"is landed and cannot become {status}"):
            move(status)
    move("failed", None)
    with pytest.raises(ShopkeeperError, match="cannot be waived without a reason"):
        batches.waive(warehouse, batch.batch_id, reason=" ", actor="ada", now=NOW)
    with pytest.raises(ShopkeeperError, match="a failed batch can become waived"):
        batches.withdraw(warehouse, batch.batch_id, reason="why", actor="ada", now=NOW)
    batches.waive(warehouse, batch.batch_id, reason="known", actor="ada", now=NOW)
    batches.withdraw(warehouse, batch.batch_id, reason="wrong file", actor="ada", now=NOW)
    with pytest.raises(ShopkeeperError, match="a withdrawn batch can become nothing else"):
        move("passed")
    with pytest.raises(ShopkeeperError, match="batch 77: there is no such batch"):
        batches.waive(warehouse, 77, reason="why", actor="ada", now=NOW)
    events = rows("select from_status, to_status, reason, actor from ops.batch_events order by event_id")
    assert [tuple(event.values()) for event in events] == [
        (None, "landed", None, "loader"),
        ("landed", "failed", None, "ada"),
        ("failed", "waived", "known", "ada"),
        ("waived", "withdrawn", "wrong file", "ada"),
    ]
    (listed,) = batches.list_batches(warehouse, entity="customers", status="withdrawn")
    assert (listed.batch_id, listed.reason, listed.details["columns"]) == (batch.batch_id, "wrong file", batch.details["columns"])
    with pytest.raises(ShopkeeperError, match="is no status of a batch"):
        batches.list_batches(warehouse, status="gone")


def test_an_answer_older_than_its_invitation_is_no_reject(
    make_folder: Callable[..., CompanyFolder], tmp_path: Path, warehouse: sa.Engine
) -> None:
    # It is flagged downstream: the loader does not judge one entity by another.
    (tmp_path / "i.csv").write_text("invitation_id,customer_id,sent_at\nI1,C9,2026-02-01\n")
    (tmp_path / "a.csv").write_text("native_id,invitation_id,score,responded_at\n1,I1,9,2026-01-01\n")
    entities = {"survey_invitations": {"path": str(tmp_path / "i.csv")}, "survey_responses": {"path": str(tmp_path / "a.csv")}}
    loaded = ingest(make_folder(survey={"entities": entities}), now=NOW)
    counts = [(batch.entity, batch.accepted, batch.rejected) for batch in loaded]
    assert counts == [("survey_responses", 1, 0), ("survey_invitations", 1, 0)]


def test_keys_and_dimensions_with_validity(make_folder: Callable[..., CompanyFolder], tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "u.csv").write_text("org_unit_id,valid_from,name\nT1,,Team\nT1,2025-01-01,Team\nT1,rubbish,Team\n")
    (batch,) = ingest(make_folder(crm={"entities": {"org_units": {"path": str(tmp_path / "u.csv")}}}), now=NOW)
    assert (batch.accepted, batch.rejected) == (2, 1)
    expected = "ops.stable_id('org_units:crm', concat_ws(chr(31), org_unit_id, valid_from::text))"
    assert rows(f"select count(*) from raw.org_units where _key = {expected}") == [{"count": 2}]
    assert rows("select natural_key from rejected.rows") == [{"natural_key": None}]


def test_answers_attributes_and_free_answers(make_folder: Callable[..., CompanyFolder], tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "a.csv").write_text("id,score,at,q1,q2,why\n1,9,2026-01-01,4,NA,slow\n2,9,2026-01-01,,NA,\n")
    mapping = {
        "path": str(tmp_path / "a.csv"),
        "missing": ["", "NA"],
        "columns": {"native_id": "id", "responded_at": "at"},
        "answers": {"ease": "q1", "speed": "q2"},
        "free_answers": {"reason": "why"},
        "constants": {"locale": "de-DE", "programme": "relationship"},
    }
    ingest(make_folder(survey={"entities": {"survey_responses": mapping}}), now=NOW)
    raw = rows("select answers, locale, programme from raw.survey_responses order by native_id")
    assert [tuple(row.values()) for row in raw] == [({"ease": "4"}, "de-DE", "relationship"), (None, "de-DE", "relationship")]
    assert rows("select free_answers, extra from pii.survey_responses") == [{"free_answers": {"reason": "slow"}, "extra": None}]


def test_a_constant_that_does_not_fit_rejects_rows_and_stops_nothing(customers: Load, rows: Rows) -> None:
    batch = customers(["C1,2024-01-01,gold,,"], 0, constants={"opted_out": "perhaps"})
    assert (batch.rejected, rows("select column_name from rejected.rows")) == (1, [{"column_name": "opted_out"}])
