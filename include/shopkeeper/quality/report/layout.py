"""What pages of the report are made of: sections with text, pictures and tables. One table is shown, downloaded and printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

Row = dict[str, Any]
Names = dict[tuple[str, str], str]  # (dimension, value) → what people call it
Kind = Literal["text", "words", "code", "count", "points", "change", "share", "number", "p", "day", "flag"]
NUMBERS = ("count", "points", "change", "share", "number", "p")
SHOWN = 30  # rows of a table on a page; the download has all


@dataclass(frozen=True)
class Column:
    """`name` is the mart's, `title` what people read. Points are × 100, shares 0 to 1; words are text of some length."""

    name: str
    title: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """`name` is that of its file and sheet. Rows may carry `trace`, the command that follows the row's number to the answers."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    shown: int = SHOWN
    note: str = ""
    query: str = ""  # what to ask the marts for more than the rows say

    @property
    def is_traced(self) -> bool:
        return any(row.get("trace") for row in self.rows)


@dataclass(frozen=True)
class Picture:
    """`told` says in words what it shows. `narrow` is there where a phone needs another SVG than a desk."""

    title: str
    told: str
    svg: str
    narrow: str = ""


@dataclass(frozen=True)
class Cell:
    """One field of a grid: its figure, what stands below it in small letters, a colour (-3 orange to 3 blue), and a mark in words."""

    figure: str
    small: str = ""
    step: int = 0
    mark: str = ""


@dataclass(frozen=True)
class Grid:
    """Figures by two things: `down` and `across` name them, `cells` is (value of down, value of across) → cell; missing ones are empty."""

    title: str
    down: str
    across: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], Cell]


@dataclass(frozen=True)
class Section:
    """`anchor` is its place on the page; `empty` stands there when there is nothing to show.

    Of several grids a reader with a script picks one; without one they stand below each other.

    Sections of a `programme` come in the order of the first page.
    """

    anchor: str
    title: str
    text: str = ""
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    grids: tuple[Grid, ...] = ()
    empty: str = ""
    programme: str = ""


@dataclass(frozen=True)
class Page:
    """`name` is its file without .html; `question` is what it answers, `answer` the short of it.

    `begins` is where the list of pages starts a new line: what the pages from here on are about.
    """

    name: str
    title: str
    question: str
    answer: str = ""
    sections: tuple[Section, ...] = field(default=())
    begins: str = ""

    @property
    def tables(self) -> list[Table]:
        return [table for section in self.sections for table in section.tables if table.rows]


def written(value: Any, kind: Kind = "text") -> str:  # noqa: PLR0911
    """A value as people read it; nothing known is a dash."""
    if value is None:
        return "–"
    match kind:
        case "count":
            return f"{int(value):,}"
        case "points":
            return _signless(f"{float(value):.1f}")
        case "change":
            return _signless(f"{float(value):+.1f}")
        case "share":
            return f"{_signless(f'{100 * float(value):.1f}')} %"
        case "number":
            return _signless(f"{float(value):.2f}")
        case "p":
            return "< 0.001" if float(value) < 0.001 else f"{float(value):.3f}"
        case "code":
            return spoken(value)
        case "flag":
            return "yes" if value else "no"
        case "day" if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M}"
        case _:
            return f"{value:%Y-%m-%d}" if isinstance(value, date) else str(value)


def _signless(text: str) -> str:
    """Nought without a sign, and the sign that printers use."""
    zero = text.lstrip("+-").strip("0.") == ""
    return text.lstrip("+-") if zero else text.replace("-", "−")


def spoken(code: str | None) -> str:
    """A code of the marts, such as not_mature, as words."""
    return {"rolling_90_days": "90 days"}.get(code or "", (code or "").replace("_", " "))


def metric_name(metric: str) -> str:
    return "NPS" if metric == "nps" else spoken(metric)


def by(rows: Sequence[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by their values of these columns, in the order in which they come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def first(row: Mapping[str, Any], *names: str) -> Any:
    """The first of these columns that has a value."""
    return next((row[name] for name in names if row[name] is not None), None)
