"""Files as they come from other people's systems."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.sources.conftest import NOW

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.sources.ingest import ingest, retry_rejected

Folder = Callable[..., CompanyFolder]
Rows = Callable[[str], list[dict[str, Any]]]
HEADER = "id,score,when,comment\n"
COLUMNS = {"native_id": "id", "responded_at": "when", "verbatim": "comment"}


@pytest.fixture
def answers(make_folder: Folder, tmp_path: Path, warehouse: sa.Engine) -> Folder:
    """`answers(content, file="answers.csv", **mapping)` writes a file of answers and a company folder that maps it."""

    def make(content: bytes | str | None, file: str = "answers.csv", columns: Any = None, **mapping: Any) -> CompanyFolder:
        if content is not None:
            (tmp_path / file).write_bytes(content.encode() if isinstance(content, str) else content)
        entity = {"path": str(tmp_path / file), "columns": COLUMNS if columns is None else columns, **mapping}
        return make_folder(survey={"timezone": "Europe/Berlin", "entities": {"survey_responses": entity}})

    return make


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def rejects(rows: Rows) -> list[tuple[Any, ...]]:
    found = rows("select file, row_number, column_name, reason, natural_key from rejected.rows order by file, row_number")
    return [tuple(row.values()) for row in found]


def test_score_cases(answers: Folder, rows: Rows) -> None:
    scores = ["10 ", "11", "-1", "7.5", "", "0", "x"]
    folder = answers(HEADER + "".join(f"{i},{score},2026-01-05 10:00,\n" for i, score in enumerate(scores)))
    (batch,) = ingest(folder, now=NOW)
    assert (batch.rows_in, batch.accepted, batch.unchanged, batch.rejected) == (7, 3, 0, 4)
    assert batch.details["flags"] == {"score_trimmed": 1}
    raw = rows("select * from raw.survey_responses order by native_id")
    scores_and_flags = [(row["native_id"], row["score"], row["_flags"]) for row in raw]
    assert scores_and_flags == [("0", 10, "score_trimmed"), ("4", None, None), ("5", 0, None)]
    assert {(row["is_complete"], row["scale"], row["programme"], row["provider"], row["account"]) for row in raw} == {
        (True, "0-10", "survey", "survey", "")
    }
    key = "survey\x1f\x1f"
    assert rejects(rows) == [
        ("answers.csv", 2, "score", "is not on its scale", key + "1"),
        ("answers.csv", 3, "score", "is not on its scale", key + "2"),
        ("answers.csv", 4, "score", "is no whole number", key + "3"),
        ("answers.csv", 7, "score", "is no whole number", key + "6"),
    ]


def test_a_mandatory_score_is_asked_of_complete_answers_only(answers: Folder, rows: Rows) -> None:
    content = "id,score,when,done\n1,,2026-01-05 10:00,yes\n2,,2026-01-05 10:00,no\n3,,2026-01-05 10:00,perhaps\n"
    columns = {"native_id": "id", "responded_at": "when", "is_complete": "done"}
    (batch,) = ingest(answers(content, columns=columns, mandatory_score=True), now=NOW)
    assert (batch.accepted, batch.rejected) == (1, 2)
    assert [reject[2] for reject in rejects(rows)] == ["score", "is_complete"]


def test_scales(answers: Folder, rows: Rows) -> None:
    # An answer on a scale without bands would be counted with the wrong ones.
    given = [(5, "1-5"), (0, "1-5"), (6, "1-5"), (5, "1-7")]
    content = "id,score,when,scale\n" + "".join(f"{i},{score},2026-01-05 10:00,{scale}\n" for i, (score, scale) in enumerate(given))
    folder = answers(content, columns={"native_id": "id", "responded_at": "when"})
    (batch,) = ingest(folder, now=NOW)
    assert (batch.accepted, batch.rejected) == (1, 3)
    assert [reject[2] for reject in rejects(rows)] == ["score", "score", "scale"]


def test_undated_answers_need_a_declared_period(answers: Folder, rows: Rows) -> None:
    assert ingest(answers("id,score\n1,5\n", columns={"native_id": "id"}), now=NOW)[0].rejected == 1
    (batch,) = ingest(answers("id,score\n1,5\n", columns={"native_id": "id"}, period=["2024-01-01", "2024-12-31"]), now=day(1))
    assert batch.accepted == 1
    (row,) = rows("select period_from::text, period_to::text from raw.survey_responses")
    assert list(row.values()) == ["2024-01-01", "2024-12-31"]
    assert rows("select closed_by_batch_id from rejected.rows") == [{"closed_by_batch_id": batch.batch_id}]


def test_one_bad_byte_and_one_ragged_line_cost_one_row_each(answers: Folder, rows: Rows) -> None:
    lines = [HEADER.encode()] + [f"{i},9,2026-01-05 10:00,gut\n".encode() for i in range(1, 101)]
    lines[17] = b"17,9,2026-01-05 10:00,sch\xf6n\n"
    lines[43] = b"43,9,2026-01-05 10:00\n"
    lines[44] = b"44,9,2026-01-05 10:00,a,b,c\n"
    folder = answers(b"".join(lines))
    (batch,) = ingest(folder, now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (100, 97, 3)
    assert [(row, reason) for _, row, _, reason, _ in rejects(rows)] == [
        (17, "holds a byte that its encoding does not know"),
        (43, "has 3 cells where the header has 4"),
        (44, "has 6 cells where the header has 4"),
    ]
    payloads = rows("select payload from rejected.rows order by row_number")
    assert payloads[0]["payload"] == {"_cells": ["17", "9", "2026-01-05 10:00", "sch\\xf6n"]}
    assert payloads[2]["payload"] == {"_cells": ["44", "9", "2026-01-05 10:00", "a", "b", "c"]}

    # Read again after it was mended, the rejects are closed; the good rows do not come twice, although now they come by another path.
    lines[17], lines[43], lines[44] = (f"{i},9,2026-01-05 10:00,gut\n".encode() for i in (17, 43, 44))
    (batch,) = ingest(answers(b"".join(lines)), now=day(1))
    assert (batch.rows_in, batch.accepted, batch.unchanged, batch.rejected) == (100, 3, 97, 0)
    assert rows("select count(*) from rejected.rows where closed_by_batch_id is null") == [{"count": 0}]


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(answers: Folder, rows: Rows) -> None:
    content = (
        HEADER
        + '1,9,2026-01-05 10:00,fine\n2,9,2026-01-05 10:00,"never closed\n'
        + "".join(f"{i},9,2026-01-05 10:00,fine\n" for i in range(3, 50_000))
    )
    (batch,) = ingest(answers(content), now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (49_999, 49_998, 1)
    assert rejects(rows)[0][1:4] == (2, None, "has a quote that is never closed")


def test_zero_bytes_and_an_end_mark_are_rows_like_others(answers: Folder, rows: Rows) -> None:
    # Before version 18, Postgres ends a CSV at a line of \. and says nothing of what follows.
    content = b"id,score,when,comment\n1,9,2026-01-05 10:00,a\x00b\n\\.\n3,9,2026-01-05 10:00,c\n"
    (batch,) = ingest(answers(content), now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (3, 1, 2)
    assert [reject[1] for reject in rejects(rows)] == [1, 2]


def test_fields_over_several_lines_and_every_line_ending(answers: Folder, rows: Rows) -> None:
    content = 'id,score,when,comment\r\n1,9,2026-01-05 10:00,"one\r\ntwo\nthree ""quoted"", with a comma"\r\n2,8,2026-01-05 10:00,""\r\n'
    (batch,) = ingest(answers(content), now=NOW)
    assert (batch.rows_in, batch.accepted) == (2, 2)
    (row,) = rows("select verbatim from pii.survey_responses")
    assert row["verbatim"] == 'one\r\ntwo\nthree "quoted", with a comma'


def test_encoding_with_a_byte_table(answers: Folder, rows: Rows) -> None:
    # Real exports mix code pages: cp1252, but bytes 0x80 to 0x9f from a DOS machine.
    encoding = {"codec": "cp1252", "bytes_from": [{"codec": "cp850", "first": 0x80, "last": 0x9F}]}
    content = b"id,score,when,comment\n1,9,2026-01-05 10:00,\xe9t\x82 \x87a\n"
    (batch,) = ingest(answers(content, encoding=encoding), now=NOW)
    assert batch.accepted == 1
    assert rows("select verbatim from pii.survey_responses")[0]["verbatim"] == "été ça"


@pytest.mark.parametrize("codec", ["cp1252", "utf-16", "utf-8-sig", "latin-1"])
def test_other_encodings(answers: Folder, rows: Rows, codec: str) -> None:
    content = (HEADER + "1,9,2026-01-05 10:00,schön für 5\u00a0Tage\n" * 1).encode(codec)
    (batch,) = ingest(answers(content, encoding={"codec": codec}), now=NOW)
    assert (batch.rows_in, batch.accepted) == (1, 1)
    assert rows("select verbatim from pii.survey_responses")[0]["verbatim"] == "schön für 5\u00a0Tage"


def test_a_character_across_two_chunks(answers: Folder, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shopkeeper.sources.files.CHUNK", 7)
    for number, codec in enumerate(["utf-8", "utf-16", "cp1252"]):
        content = (HEADER + "".join(f'{number}{i},9,2026-01-05 10:00,"öäü\r\nß"\r\n' for i in range(20))).encode(codec)
        (batch,) = ingest(answers(content, encoding={"codec": codec}), now=day(number))
        assert (batch.rows_in, batch.rejected) == (20, 0)
    assert rows("select distinct verbatim from pii.survey_responses") == [{"verbatim": "öäü\r\nß"}]


def test_the_wrong_encoding_rejects_the_rows_that_it_breaks(answers: Folder, rows: Rows) -> None:
    content = (HEADER + "1,9,2026-01-05 10:00,schön\n2,9,2026-01-05 10:00,plain\n").encode("cp1252")
    (batch,) = ingest(answers(content), now=NOW)
    assert (batch.accepted, batch.rejected) == (1, 1)


def test_a_header_in_the_wrong_encoding_names_file_and_column(answers: Folder) -> None:
    with pytest.raises(ShopkeeperError, match=r"columns › native_id: the source has no column id \(answers.csv\)"):
        ingest(answers((HEADER + "1,9,2026-01-05 10:00,\n").encode("utf-16")), now=NOW)


def test_missing_marks_and_delimiters(answers: Folder, rows: Rows) -> None:
    content = "id\tscore\twhen\tcomment\n1\tNA\t2026-01-05 10:00\tNA\n2\t9\t2026-01-05 10:00\t NA \n3\t-\t2026-01-05 10:00\tNAME\n"
    (batch,) = ingest(answers(content, delimiter="\t", missing=["", "NA", "-"]), now=NOW)
    assert (batch.accepted, batch.rejected) == (3, 0)
    assert [row["score"] for row in rows("select score from raw.survey_responses order by native_id")] == [None, 9, None]
    assert rows("select verbatim from pii.survey_responses") == [{"verbatim": "NAME"}]


def test_headers_as_people_write_them(answers: Folder, rows: Rows) -> None:
    long = "How likely are you to recommend us to a friend, a colleague or your family? (0 to 10)"
    header = f'"",id,"{long}",when,"say ""hi"", twice",x, x ,É,select\n'
    content = header + "1,7,9,2026-01-05 10:00,a,b,c,d,e\n\n   \n" + "2,8,10,2026-01-05 10:00,,,,,"
    columns = {"native_id": "id", "score": long, "responded_at": "when"}
    (batch,) = ingest(answers(content, columns=columns), now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (3, 2, 1)  # a line of blanks is a row; an empty one is not
    assert [row["score"] for row in rows("select score from raw.survey_responses order by native_id")] == [9, 10]
    (row,) = rows("select extra from pii.survey_responses where extra ? 'x'")
    assert row["extra"] == {"column 1": "1", 'say "hi", twice': "a", "x": "b", "x (2)": "c", "É": "d", "select": "e"}


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_missing_file_is_named(answers: Folder, ending: str) -> None:
    place = "sources.yml › survey › entities › survey_responses › path"
    with pytest.raises(ShopkeeperError, match=rf"{place}: there is no file .*answers\.{ending}"):
        ingest(answers(None, file=f"answers.{ending}"), now=NOW)


def test_a_glob_without_files_is_named(answers: Folder) -> None:
    with pytest.raises(ShopkeeperError, match="no file matches"):
        ingest(answers(None, file="answers-*.csv"), now=NOW)


def test_rubbish_in_place_of_parquet_and_gzip(answers: Folder) -> None:
    for file in ("a.parquet", "a.csv.gz"):
        with pytest.raises(ShopkeeperError, match=file):
            ingest(answers(b"rubbish", file=file), now=NOW)
    with pytest.raises(ShopkeeperError, match=r"encoding: .*b\.csv is not written in utf-16"):
        ingest(answers("ab,c\n1,2".encode("utf-16")[:-1], file="b.csv", encoding={"codec": "utf-16"}), now=NOW)
    with pytest.raises(ShopkeeperError, match="cannot be read"):
        ingest(answers(gzip.compress(HEADER.encode() * 10_000)[:60], file="b.csv.gz"), now=NOW)


def test_an_empty_file_and_one_with_a_header_only_bring_nothing_and_lose_nothing(answers: Folder, rows: Rows) -> None:
    good = HEADER + "1,9,2026-01-05 10:00,x\n"
    assert ingest(answers(""), now=NOW)[0].rows_in == 0
    assert ingest(answers(HEADER), now=day(1))[0].rows_in == 0
    assert ingest(answers(good), now=day(2))[0].accepted == 1
    batch = ingest(answers(""), now=day(3))[0]
    assert batch.rows_in == 0
    assert "columns_dropped" not in batch.details
    assert ingest(answers(good), now=day(4))[0].unchanged == 1
    with pytest.raises(ShopkeeperError, match="has dropped its column id"):
        ingest(answers("a,b\n"), now=day(5))


def test_a_column_added_goes_to_extra_and_is_noted(answers: Folder, rows: Rows) -> None:
    ingest(answers(HEADER + "1,9,2026-01-05 10:00,x\n"), now=NOW)
    (batch,) = ingest(answers("id,score,when,comment,shop size\n1,9,2026-01-05 10:00,x,7\n"), now=day(1))
    assert (batch.accepted, batch.unchanged) == (1, 0)
    assert batch.details["columns_added"] == ["shop size"]
    assert rows("select count(*) from raw.survey_responses") == [{"count": 1}]  # nothing plain has changed
    assert rows("select extra from pii.survey_responses order by _batch_id") == [{"extra": None}, {"extra": {"shop size": "7"}}]


def test_a_column_dropped(answers: Folder, rows: Rows) -> None:
    ingest(answers(HEADER + "1,9,2026-01-05 10:00,x\n"), now=NOW)
    for number in (1, 2):  # the second read must not take it for a column that never was
        (batch,) = ingest(answers("id,score,when\n1,9,2026-01-05 10:00\n"), now=day(number))
        assert batch.details["columns_dropped"] == ["comment"]
        assert (batch.accepted, batch.unchanged) == ((1, 0) if number == 1 else (0, 1))
    assert rows("select verbatim from pii.survey_responses order by _batch_id") == [{"verbatim": "x"}, {"verbatim": None}]
    what = r"columns › native_id: the source has dropped its column id, which is required \(answers\.csv\)"
    with pytest.raises(ShopkeeperError, match=what):
        ingest(answers("score,when,comment\n9,2026-01-05 10:00,x\n"), now=day(3))
    (batch,) = ingest(answers(HEADER + "1,9,2026-01-05 10:00,x\n"), now=day(4))
    assert (batch.accepted, batch.details.get("columns_dropped")) == (1, None)


def test_an_unknown_column_is_named_with_the_nearest(answers: Folder) -> None:
    with pytest.raises(ShopkeeperError, match=r"columns › verbatim: the source has no column comments .*\n.*did you mean comment\?"):
        ingest(answers(HEADER, columns={**COLUMNS, "verbatim": "comments"}), now=NOW)


def test_files_of_a_glob_may_differ_in_their_columns(answers: Folder, tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "a-2.csv").write_text("when,score,id\n2026-01-05 10:00,8,2\n")
    (tmp_path / "a-1.csv").write_text(HEADER + "1,9,2026-01-05 10:00,old\n9,12,2026-01-05 10:00,bad\n")
    (tmp_path / "a-3.csv").write_text("")
    (batch,) = ingest(answers(None, file="a-*.csv"), now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (3, 2, 1)
    assert batch.details["file_names"] == ["a-1.csv", "a-2.csv", "a-3.csv"]
    assert [tuple(row.values()) for row in rows("select native_id, score, _row_number from raw.survey_responses order by 1")] == [
        ("1", 9, 1),
        ("2", 8, 3),
    ]
    assert rejects(rows)[0][:2] == ("a-1.csv", 2)


def test_rows_without_an_id_are_known_by_file_and_row(answers: Folder, tmp_path: Path, rows: Rows) -> None:
    columns = {"responded_at": "when"}
    content = "score,when\n9,2026-01-05 10:00\n9,2026-01-05 10:00\n12,2026-01-05 10:00\n12,2026-01-05 10:00\n"
    folder = answers(content, file="my answers.csv", columns=columns)
    (batch,) = ingest(folder, now=NOW)
    assert (batch.accepted, batch.rejected) == (2, 2)
    ids = [row["native_id"] for row in rows("select native_id from raw.survey_responses order by 1")]
    assert ids == ["my answers.csv:1", "my answers.csv:2"]
    assert rows("select count(*) from rejected.rows") == [{"count": 2}]  # two equal rows are two rows
    assert ingest(folder, now=day(1))[0].unchanged == 2
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "my answers.csv").write_text(content)
    with pytest.raises(ShopkeeperError, match=r"two files are called my answers\.csv"):
        ingest(answers(None, file="**/my answers.csv", columns=columns), now=day(2))


def test_customers_are_never_known_by_file_and_row(make_folder: Folder, tmp_path: Path, warehouse: Any) -> None:
    (tmp_path / "c.csv").write_text("name,joined_on\nAda,2024-01-01\n")
    with pytest.raises(ShopkeeperError, match="nothing gives customer_id, which is required"):
        ingest(make_folder(crm={"entities": {"customers": {"path": str(tmp_path / "c.csv")}}}), now=NOW)


def test_json_lines(answers: Folder, rows: Rows) -> None:
    records = [
        {"id": 1, "score": 9, "when": "2026-01-05T10:00:00Z", "comment": "schön", "open": True, "nested": {"b": [1, 2.50]}, "none": None},
        {"id": "2", "score": 7.0, "when": "2026-01-05T10:00:00+01:00", "price": 1e3},
        {"id": 3, "score": float("nan"), "when": "2026-01-05T10:00:00Z"},
        {"id": 5, "score": 10, "when": "2026-01-05T10:00:00Z", "comment": "zero \0"},
    ]
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    lines += ['{"id": 6, "score": 9, "comment": "\\ud800"}', "[1]", "rubbish", "", "  "]
    (batch,) = ingest(answers("\n".join(lines), file="a.jsonl", ignore=["open"]), now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (7, 2, 5)
    assert [(row[1], row[3]) for row in rejects(rows)] == [
        (3, "is no whole number"),
        (4, "holds a byte or character that cannot be stored"),
        (5, "holds a byte or character that cannot be stored"),
        (6, "is no JSON object"),
        (7, "is no JSON"),
    ]
    raw = rows("select native_id, score, responded_at from raw.survey_responses order by 1")
    assert [tuple(row.values()) for row in raw] == [
        ("1", 9, datetime(2026, 1, 5, 10, tzinfo=UTC)),
        ("2", 7, datetime(2026, 1, 5, 9, tzinfo=UTC)),
    ]
    extra = [row["extra"] for row in rows("select extra from pii.survey_responses order by verbatim nulls last")]
    assert extra == [{"nested": {"b": ["1", "2.5"]}}, {"price": "1000.0"}]


def test_parquet(make_folder: Folder, tmp_path: Path, rows: Rows) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    at = datetime(2026, 1, 5, 10)  # noqa: DTZ001 - a naive column is meant
    table = pa.table(
        {
            "interaction_id": pa.array([1, 2, 3], pa.int64()),
            "customer_id": pa.array(["C1", 'say "hi", C2'.replace(" ", "_"), "C3"]).dictionary_encode(),
            "occurred_at": pa.array([at.replace(microsecond=250_000)] * 3, pa.timestamp("us", tz="UTC")),
            "resolved_at": pa.array([at, None, at.replace(month=7)], pa.timestamp("ns")),
            "channel": pa.array(["a\nb", "", "zero \0"]),
            "speed": pa.array([1.5, 1e20, None], pa.float64()),
            "amount": pa.array([Decimal("1.50"), None, None], pa.decimal128(10, 2)),
            "tags": pa.array([["x", "y"], None, []], pa.list_(pa.string())),
            "blob": pa.array([b"\x00\xff", None, None], pa.binary()),
            "day": pa.array([at.date(), None, None], pa.date32()),
        }
    )
    pq.write_table(table, tmp_path / "i.parquet")
    mapping = {"path": str(tmp_path / "i.parquet"), "attributes": {"speed": "speed"}}
    folder = make_folder(crm={"timezone": "Europe/Berlin", "entities": {"interactions": mapping}})
    (batch,) = ingest(folder, now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (3, 2, 1)  # no database text holds a zero byte
    raw = rows("select interaction_id, customer_id, occurred_at, resolved_at, channel, attributes from raw.interactions order by 1")
    assert [tuple(row.values()) for row in raw] == [
        ("1", "C1", datetime(2026, 1, 5, 10, 0, 0, 250_000, tzinfo=UTC), datetime(2026, 1, 5, 9, tzinfo=UTC), "a\nb", {"speed": "1.5"}),
        ("2", 'say_"hi",_C2', datetime(2026, 1, 5, 10, 0, 0, 250_000, tzinfo=UTC), None, None, {"speed": "1e+20"}),
    ]
    assert rows("select extra from pii.interactions order by extra::text desc nulls last") == [
        {"extra": {"amount": "1.50", "tags": '["x", "y"]', "blob": "\\x00ff", "day": "2026-01-05"}},
    ]


def test_gzipped_csv(answers: Folder) -> None:
    folder = answers(gzip.compress((HEADER + "1,9,2026-01-05 10:00,x\n").encode()), file="a.csv.gz")
    assert ingest(folder, now=NOW)[0].accepted == 1


def test_a_file_with_a_cursor_is_read_by_windows(answers: Folder, rows: Rows) -> None:
    # Without it a backfill of Monday would bring Tuesday's answers too.
    from shopkeeper.sources.ingest import Interval

    content = HEADER + "".join(f"{i},9,2026-01-{i:02} 12:00,\n" for i in range(1, 10)) + "10,9,,\n11,9,rubbish,\n"
    folder = answers(content, cursor="responded_at", overlap_hours=0)
    first, second = (datetime(2026, 1, i, tzinfo=UTC) for i in (4, 6))
    (batch,) = ingest(folder, interval=Interval(datetime(2026, 1, 3, tzinfo=UTC), first), now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (5, 3, 2)  # rows without a time are looked at each time
    (batch,) = ingest(folder, interval=Interval(first, second), now=NOW)
    assert (batch.rows_in, batch.accepted, batch.rejected) == (4, 2, 2)
    assert (batch.interval_start, batch.interval_end) == (first, second)


def test_retrying_rejects_under_mended_settings(answers: Folder, rows: Rows) -> None:
    content = HEADER + "1,9,05.01.2026 10:00,x\n2,9,31.12.2025 10:00,y\n3,12,05.01.2026 10:00,z\n4,9\n"
    (batch,) = ingest(answers(content), now=NOW)
    assert batch.rejected == 4
    mended = answers(content, date_order="dmy")
    (batch,) = retry_rejected(mended, "survey_responses", day(1))
    assert (batch.kind, batch.rows_in, batch.accepted, batch.rejected, batch.interval_end) == ("retry", 4, 2, 2, None)
    assert rows("select count(*) from rejected.rows where closed_by_batch_id is null") == [{"count": 2}]
    assert [row["verbatim"] for row in rows("select verbatim from pii.survey_responses order by 1")] == ["x", "y"]
    (batch,) = ingest(mended, now=day(2))
    assert (batch.rows_in, batch.unchanged, batch.rejected) == (4, 2, 2)
    assert retry_rejected(mended, "customers", day(3)) == []
    with pytest.raises(ShopkeeperError, match="is no entity"):
        retry_rejected(mended, "answers", day(3))
