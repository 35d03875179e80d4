"""The tables of the report to take along: a CSV file each, and one workbook. The same report gives the same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter

from shopkeeper.quality.report.layout import NUMBERS, Table

FORMATS = {
    "count": "#,##0",
    "points": "0.0",
    "change": "+0.0;-0.0;0.0",
    "share": "0.0%",
    "number": "0.00",
    "p": "0.000",
    "day": "yyyy-mm-dd",
}
SHEET_NAME = 31  # letters that Excel allows
WIDEST = 60


def as_csv(table: Table) -> bytes:
    """All rows with the marts' own names and digits, UTF-8 with the mark by which Excel knows it."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    names = [column.name for column in table.columns]
    writer.writerow([*names, *(["trace"] if table.is_traced else [])])
    for row in table.rows:
        writer.writerow([_cell(row.get(name)) for name in [*names, *(["trace"] if table.is_traced else [])]])
    return b"\xef\xbb\xbf" + lines.getvalue().encode()


def _cell(value: Any) -> Any:
    """As it stands in the mart; a text that a spreadsheet would take for a formula is kept a text."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def as_workbook(tables: Sequence[Table], about: Sequence[tuple[str, str]], as_of: datetime) -> bytes:
    """A sheet per table behind one that says what this is. `as_of` stands where a workbook says when it was made."""
    content = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(content, options) as book:
        book.set_properties({"title": "Metric quality", "created": as_of.replace(tzinfo=None)})
        head = book.add_format({"bold": True, "bottom": 1})
        formats = {kind: book.add_format({"num_format": code}) for kind, code in FORMATS.items()}
        first = book.add_worksheet("About")
        first.set_column(0, 0, 24)
        first.set_column(1, 1, 80)
        names = _sheet_names([table.name for table in tables])
        lines = [*about, ("", ""), *((name, table.title) for name, table in zip(names, tables, strict=True))]
        for number, (what, value) in enumerate(lines):
            first.write_row(number, 0, (what, value))
        for name, table in zip(names, tables, strict=True):
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            columns = [
                *((column.name, column.title, column.kind) for column in table.columns),
                *([("trace", "Trace", "text")] * table.is_traced),
            ]
            for place, (column, title, kind) in enumerate(columns):
                texts = [title, *(str(row.get(column) or "") for row in table.rows[:200])]
                sheet.set_column(
                    place,
                    place,
                    min(WIDEST, max(9, *(len(text) + 1 for text in texts))) if kind in ("text", "words") else 12,
                    formats.get(kind),
                )
                sheet.write(0, place, title, head)
                for line, row in enumerate(table.rows, 1):
                    _write(sheet, line, place, row.get(column), kind)
            if table.rows:
                sheet.autofilter(0, 0, len(table.rows), len(columns) - 1)
    return content.getvalue()


def _write(sheet: Any, line: int, place: int, value: Any, kind: str) -> None:
    if value is None:
        return
    if kind in NUMBERS and isinstance(value, int | float | Decimal):
        sheet.write_number(line, place, float(value))
    elif isinstance(value, datetime):
        sheet.write_string(line, place, f"{value:%Y-%m-%d %H:%M}")
    elif isinstance(value, date):
        sheet.write_datetime(line, place, value)
    elif isinstance(value, bool):
        sheet.write_string(line, place, "yes" if value else "no")
    else:
        sheet.write_string(line, place, str(value))


def _sheet_names(names: Sequence[str]) -> list[str]:
    """Short enough for Excel, and no two alike in any case."""
    taken: dict[str, int] = {"about": 0}
    found = []
    for name in names:
        short = name[:SHEET_NAME]
        number = 1
        while short.lower() in taken:
            number += 1
            short = f"{name[: SHEET_NAME - len(str(number)) - 1]}~{number}"
        taken[short.lower()] = 0
        found.append(short)
    return found
