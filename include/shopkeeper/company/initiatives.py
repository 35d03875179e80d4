"""initiatives.csv: what a company proposes to do about a cause, for whom, and what it is to be judged by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

from pydantic import Field

from shopkeeper.company.base import Model, did_you_mean
from shopkeeper.company.goals import DIMENSIONS, EVERYBODY
from shopkeeper.company.rows import rows_of, text_of
from shopkeeper.errors import Problem

INITIATIVES_FILE = "initiatives.csv"
MEASURES = ("nps", "promoters", "detractors")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Proposal(Model):
    """One row of initiatives.csv. It proposes; what becomes of it is said with `./shopkeeper initiative`, or on the leaders' page."""

    initiative_id: str = Field(description="short and lasting, such as `letters-in-plain-words`; small letters, digits and `-`")
    title: str = Field(description="what is to be done, in a few words that name nobody")
    owner: str | None = Field(None, description="department or role that answers for it, such as Claims; never a person")
    due_on: date | None = Field(None, description="by when it is to be done, such as 2026-09-30")
    budget: Decimal | None = Field(None, description="money that is set aside, in the company's currency")
    cost: Decimal | None = Field(None, description="what it will cost, in the company's currency; what it brings is divided by it")
    programme: str = Field(description="survey programme whose answers tell whom it is for; none of employees")
    dimension: str = Field(EVERYBODY, description="`all`, or a dimension of nps_by_segment: for whom it is done")
    dimension_value: str = Field(EVERYBODY, description="value of the dimension; `all` for `all`")
    theme: str | None = Field(None, description="theme of themes.yml that it is about")
    expected_effect: Decimal | None = Field(None, description="points of the measure that it is expected to bring")
    confidence: Decimal | None = Field(None, description="how sure of that whoever proposes it is, from 0 to 1")
    measure: Literal["nps", "promoters", "detractors"] | None = Field(
        None, description="what it is judged by, in points, among the same answers; before it starts, one has to be said"
    )
    measure_units: str | None = Field(
        None, description="teams, branches or regions where it is done, all of one kind, separated by blanks; the others compare"
    )


COLUMNS = tuple(Proposal.model_fields)
_REQUIRED = tuple(name for name, field in Proposal.model_fields.items() if field.is_required())
_NUMBERS = {"budget": (0, None), "cost": (0, None), "expected_effect": (-200, 200), "confidence": (0, 1)}


@dataclass(frozen=True)
class Known:
    """What initiatives may name. `programmes` empty: whatever answers carry. `values`: dimensions whose values are declared."""

    programmes: tuple[str, ...]
    employee_programmes: tuple[str, ...]
    themes: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]


def read_initiatives(path: Path, known: Known) -> tuple[tuple[Proposal, ...], tuple[Problem, ...]]:
    """The proposals of a company folder in the order of their rows, and beside them every mistake, with its row and column.

    Without the file there are none.
    """
    text, unread = text_of(path)
    if text is None:
        return (), unread
    problems: list[Problem] = []
    found: dict[str, Proposal] = {}
    for row in rows_of(text, path.name, COLUMNS, _REQUIRED):
        if isinstance(row, Problem):
            problems.append(row)
            continue
        mistakes = _wrong_in_row(row.cells, known, found)
        wrong = [row.wrong] if row.wrong else [Problem(f"{row.where} › {column}", what, hint) for column, what, hint in mistakes]
        problems += wrong
        if not wrong:
            found[row.cells["initiative_id"]] = Proposal.model_validate({column: value for column, value in row.cells.items() if value})
    return tuple(found.values()), tuple(problems)


Mistake = tuple[str, str, str]


def _wrong_in_row(row: Mapping[str, str], known: Known, before: Mapping[str, Proposal]) -> Iterator[Mistake]:
    """Column, what is wrong, and what to do."""
    yield from ((name, "is empty", Proposal.model_fields[name].description or "") for name in _REQUIRED if not row[name])
    name = row["initiative_id"]
    if name and not _NAME.fullmatch(name):
        yield "initiative_id", f"{name} is no name", "small letters, digits and -, such as letters-in-plain-words"
    if name in before:
        yield "initiative_id", f"{name} stands twice", "give each initiative an id of its own"
    if "@" in row["owner"] or len(row["owner"]) > 80:
        yield "owner", "is no department or role", "name a department or role, never a person"
    if row["due_on"]:
        try:
            date.fromisoformat(row["due_on"])
        except ValueError:
            yield "due_on", f"{row['due_on']} is no day", "write it as 2026-09-30"
    yield from _wrong_numbers(row)
    yield from _wrong_cell(row, known)
    yield from _wrong_measure(row)


def _wrong_numbers(row: Mapping[str, str]) -> Iterator[Mistake]:
    for column, (low, high) in _NUMBERS.items():
        if not row[column]:
            continue
        try:
            number = Decimal(row[column])
        except InvalidOperation:
            yield column, f"{row[column]} is no number", "write digits, with a point before decimals"
            continue
        if not number.is_finite() or number < low or (high is not None and number > high) or (high is None and number == 0):
            yield column, f"{row[column]} is not possible", "above 0" if high is None else f"from {low} to {high}"


def _wrong_cell(row: Mapping[str, str], known: Known) -> Iterator[Mistake]:
    programme, dimension, value, theme = (row[name] for name in ("programme", "dimension", "dimension_value", "theme"))
    if programme in known.employee_programmes:
        yield "programme", f"{programme} asks employees", "name one that asks customers"
    elif programme and known.programmes and programme not in known.programmes:
        yield "programme", f"there is no programme {programme}", did_you_mean(programme, list(known.programmes))
    dimension = dimension or EVERYBODY
    if dimension not in DIMENSIONS:
        yield "dimension", f"there is no dimension {dimension}", did_you_mean(dimension, list(DIMENSIONS))
    elif dimension == EVERYBODY:
        if value not in ("", EVERYBODY):
            yield "dimension_value", f"{EVERYBODY} has no parts", f"leave it {EVERYBODY}, or name another dimension"
    elif not value:
        yield "dimension_value", "is empty", f"write which {dimension}"
    elif dimension in known.values and value not in known.values[dimension]:
        yield "dimension_value", f"there is no {dimension} {value}", did_you_mean(value, list(known.values[dimension]))
    if theme and theme not in known.themes:
        yield "theme", f"there is no theme {theme}", did_you_mean(theme, list(known.themes))


def _wrong_measure(row: Mapping[str, str]) -> Iterator[Mistake]:
    measure, units = row["measure"], row["measure_units"]
    if measure and measure not in MEASURES:
        yield "measure", f"there is no measure {measure}", did_you_mean(measure, list(MEASURES))
    if measure and not units:
        yield "measure_units", "is empty", "name the teams, branches or regions where it is done: all others of the kind compare"
    if units and not measure:
        yield "measure", "is empty, and measure_units is not", f"one of {', '.join(MEASURES)}"
