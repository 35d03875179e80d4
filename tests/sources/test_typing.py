"""Every type against the texts that real sources hold, asked of Postgres itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import connect_raw
from shopkeeper.warehouse.entities import Type
from shopkeeper.warehouse.typing import Reading, cleaned, literal, misfit, typed

Typed = Callable[..., Any]
PLAIN = Reading()
BERLIN = Reading(timezone="Europe/Berlin", company_timezone="Europe/Berlin")


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with connect_raw(server.url("migrated")) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def value(connection: psycopg.Connection[Any]) -> Typed:
    """The value of a text, or None."""

    def ask(kind: Type, text: str, reading: Reading = PLAIN) -> Any:
        query = f"select {typed(kind, 'given', reading)} from (select {literal(text)}::text as given offset '0') as row"
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    return ask


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


SPECIAL = ["now", "today", "tomorrow", "yesterday", "epoch", "NaN", "nan", "Infinity", "-infinity", "inf", "0x1F", "1_000", "allballs"]


@pytest.mark.parametrize("kind", [Type.SCORE, Type.INTEGER, Type.NUMERIC, Type.DATE, Type.TIMESTAMP])
@pytest.mark.parametrize("text", [*SPECIAL, "", "  ", "x", "--1", "1-1", "٣", "1e", "'; drop table x; --"])
def test_special_values_are_no_values(value: Typed, kind: Type, text: str) -> None:
    # Postgres reads `now` as the time of loading and NaN as a number: the same file would load differently each day.
    assert value(kind, text) is None
    assert value(kind, text, Reading(decimal_comma=True, date_order="dmy")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", 10), ("10 ", 10), (" 0", 0), ("7.0", 7), ("+5", 5), ("-1", -1), ("\u00a09", 9),
        ("7.5", None), ("1e1", None), ("10,0", None), ("1 0", None), ("99999999999", None),
    ],
)  # fmt: skip
def test_scores_are_whole_numbers(value: Typed, text: str, expected: int | None) -> None:
    assert value(Type.SCORE, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12.50", "12.5"), ("-0.0001", "-0.0001"), (" 7 ", "7"), (".5", "0.5"),
        ("5.", "5"), ("+3", "3"), ("1e3", "1000"), ("1.5E-2", "0.015"),
        ("0.00005", "0.0001"), ("99999999999999.9999", "99999999999999.9999"),
        ("100000000000000", None), ("99999999999999.99995", None), ("1e99", None),
        ("1,5", None), ("1.000,5", None), ("1 000", None), ("-", None),
        (".", None), ("1-", None), ("$5", None),
    ],
)  # fmt: skip
def test_numbers(value: Typed, text: str, expected: str | None) -> None:
    assert value(Type.NUMERIC, text) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12,50", "12.5"), ("1.234,5", "1234.5"), ("1.234.567,89", "1234567.89"), ("7", "7"), (",5", "0.5"), ("-1,5", "-1.5"),
        # One point alone may be a thousand or a fraction: a wrong amount is worse than a reject.
        ("1.234", None), ("12.50", None), ("1,234.5", None), ("12.34,5", None),
    ],
)  # fmt: skip
def test_decimal_commas(value: Typed, text: str, expected: str | None) -> None:
    assert value(Type.NUMERIC, text, Reading(decimal_comma=True)) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", date(2026, 1, 31)), ("2026/1/5", date(2026, 1, 5)),
        ("20260131", date(2026, 1, 31)), (" 2026-01-31 ", date(2026, 1, 31)),
        ("2024-02-29", date(2024, 2, 29)), ("1900-01-01", date(1900, 1, 1)), ("2199-12-31", date(2199, 12, 31)),
        ("2026-02-29", None), ("2026-13-01", None), ("1899-12-31", None), ("2200-01-01", None), ("0001-01-01", None), ("9999-12-31", None),
        ("20000-01-01", None), ("31.01.2026", None), ("2026-01", None), ("26-01-31", None), ("2026-01-31 BC", None), ("Jan 31 2026", None),
        # A naive midnight is a day in a time's clothing; any other time is a moment, and its day is the company's.
        ("2026-01-31 00:00:00", date(2026, 1, 31)), ("2026-01-31T00:00:00", date(2026, 1, 31)), ("2026-01-31 23:30:00Z", date(2026, 2, 1)),
        ("2026-01-31 23:30:00", date(2026, 1, 31)), ("2026-01-31 00:00:00+00", date(2026, 1, 31)), ("2026-01-31 25:00:00", None),
    ],
)  # fmt: skip
def test_dates(value: Typed, text: str, expected: date | None) -> None:
    assert value(Type.DATE, text, BERLIN) == expected


def test_a_midnight_of_a_source_in_utc_stays_its_day_in_a_company_west_of_it(value: Typed) -> None:
    assert value(Type.DATE, "2026-01-31 00:00:00", Reading(timezone="UTC", company_timezone="America/New_York")) == date(2026, 1, 31)


@pytest.mark.parametrize(
    ("order", "text", "expected"),
    [
        ("dmy", "31.01.2026", date(2026, 1, 31)), ("dmy", "5/1/2026", date(2026, 1, 5)), ("dmy", "2026-01-31", date(2026, 1, 31)),
        ("mdy", "01/31/2026", date(2026, 1, 31)), ("mdy", "1-5-2026", date(2026, 1, 5)),
        ("dmy", "01/31/2026", None), ("mdy", "31.01.2026", None), ("dmy", "31.01.26", None), ("dmy", "31.01.1816", None),
    ],
)  # fmt: skip
def test_orders_of_day_and_month(value: Typed, order: str, text: str, expected: date | None) -> None:
    assert value(Type.DATE, text, Reading(date_order=order)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05 10:00:00", at(2026, 1, 5, 9)), ("2026-07-05 10:00:00", at(2026, 7, 5, 8)), ("2026-01-05T10:00", at(2026, 1, 5, 9)),
        ("2026-01-05", at(2026, 1, 4, 23)), ("2026-01-05 10:00:00.25", at(2026, 1, 5, 9, 0, 0, 250_000)),
        ("2026-01-05 10:00:00+00", at(2026, 1, 5, 10)),
        ("2026-01-05T10:00:00Z", at(2026, 1, 5, 10)), ("2026-01-05 10:00:00.5-03", at(2026, 1, 5, 13, 0, 0, 500_000)),
        ("2026-01-05 10:00:00+05:30", at(2026, 1, 5, 4, 30)),
        ("2026-01-05 10:00+0530", at(2026, 1, 5, 4, 30)), ("2026-01-05 3:04 PM", at(2026, 1, 5, 14, 4)),
        ("2026-01-05 10:00:00 UTC", at(2026, 1, 5, 10)), (" 2026-01-05 10:00:00 ", at(2026, 1, 5, 9)),
        # Postgres itself would read each of these as ten o'clock or midnight.
        ("2026-01-05 10:B0:00", None), ("2026-01-05Z10:00:00", None), ("2026-01-05P10:00:00", None), ("2026-01-05 10:00:0z", None),
        ("2026-01-05 10:00:00 BC", None), ("2026-01-05 10:00:00 EST", None), ("2026-01-05 25:00:00", None), ("2026-02-30 10:00:00", None),
        ("1816-01-05 10:00:00", None), ("2200-01-05 10:00:00", None), ("20260-01-05 10:00:00", None), ("1767606000", None),
        # DST in Berlin: a time that is skipped moves forward by the gap, a time that comes twice is the second one.
        ("2026-03-29 02:30:00", at(2026, 3, 29, 1, 30)),
        ("2026-03-29 01:59:59", at(2026, 3, 29, 0, 59, 59)), ("2026-03-29 03:00:00", at(2026, 3, 29, 1)),
        ("2026-10-25 02:30:00", at(2026, 10, 25, 1, 30)),
        ("2026-10-25 01:59:59", at(2026, 10, 24, 23, 59, 59)), ("2026-10-25 03:00:00", at(2026, 10, 25, 2)),
    ],
)  # fmt: skip
def test_times(value: Typed, text: str, expected: datetime | None) -> None:
    assert value(Type.TIMESTAMP, text, BERLIN) == expected


@pytest.mark.parametrize("text", ["2026-01-05 10:00:00", "2026-01-05 10:00:00+00", "2026-01-05", "12.5", "7", "C1", "true"])
def test_a_missing_mark_wins_over_a_value(value: Typed, text: str) -> None:
    # Sources write 1900-01-01 or -1 for "none"; declared as missing they must never become values.
    kinds = {"2": Type.TIMESTAMP, "1": Type.NUMERIC, "7": Type.SCORE, "C": Type.ID, "t": Type.BOOLEAN}
    assert value(kinds[text[0]], text) is not None
    assert value(kinds[text[0]], text, Reading(missing=("", text))) is None
    assert value(kinds[text[0]], f" {text} ", Reading(missing=(text,))) is None


@pytest.mark.parametrize("text", ["t", "True", "1", "Y", "yes", "ON", " true "])
def test_yes(value: Typed, text: str) -> None:
    assert value(Type.BOOLEAN, text) is True


@pytest.mark.parametrize("text", ["f", "FALSE", "0", "n", "No", "off"])
def test_no(value: Typed, text: str) -> None:
    assert value(Type.BOOLEAN, text) is False


@pytest.mark.parametrize("text", ["ja", "tru", "2", "-", "of"])
def test_neither_yes_nor_no(value: Typed, text: str) -> None:
    assert value(Type.BOOLEAN, text) is None


def test_ids_are_trimmed_and_hold_no_blank(value: Typed) -> None:
    assert value(Type.ID, " \u00a0C-1\t") == "C-1"
    assert value(Type.ID, "Ä7") == "Ä7"
    assert value(Type.ID, "Ä7", Reading(lower_case_ids=True)) in {"ä7", "Ä7"}  # C collation lowers ASCII only
    assert value(Type.ID, "AB", Reading(lower_case_ids=True)) == "ab"
    for bad in ("C 1", "C\u00a01", "C\u200b1", "C\n1", "C\x1f1"):
        assert value(Type.ID, bad) is None


def test_json_must_be_an_object(value: Typed) -> None:
    assert value(Type.JSON, '{"a": 1}') == {"a": 1}
    assert [value(Type.JSON, text) for text in ("[1]", "1", '"a"', "{", '{"a": "\\u0000"}')] == [None] * 5


ZONE = r"(Z|[+-][01][0-9](:?[03]0)?)?"


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from([kind for kind in Type if kind is not Type.TEXT]),
    text=st.one_of(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
        st.text("0123456789-+:. TZ,/eE", max_size=30),
        st.from_regex(r"\A[12][0-9]{3}-[01][0-9]-[0-3][0-9]([ T][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,7})?)?" + ZONE + r")?\Z"),
    ),
    reading=st.builds(
        Reading,
        timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
        missing=st.sampled_from([("",), ("", "NA", "0")]),
        date_order=st.sampled_from(["ymd", "dmy", "mdy"]),
        decimal_comma=st.booleans(),
        lower_case_ids=st.booleans(),
    ),
)
def test_no_text_ever_raises_and_each_has_a_value_or_a_reason(
    connection: psycopg.Connection[Any], kind: Type, text: str, reading: Reading
) -> None:
    # One text that raises would stop the whole batch, and with it every good row in it.
    clean = cleaned("given", reading)
    columns = f"{clean}, {typed(kind, 'given', reading)}, {misfit(kind, clean, reading)}"
    query = f"select {columns} from (select {literal(text)}::text as given offset '0') as row"
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    cleaned_text, value, reason = row
    assert value is None or cleaned_text is not None
    assert reason
