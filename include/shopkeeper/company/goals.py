"""goals.csv: which score a part of the company wants to have in which period, and of which goal that is a part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from shopkeeper.company.base import Model, did_you_mean
from shopkeeper.company.rows import rows_of, text_of
from shopkeeper.company.stated import MONTHS
from shopkeeper.errors import Problem

GOALS_FILE = "goals.csv"
EVERYBODY = "all"
# Dimensions of nps_by_segment → the next wider one that the same answers lie in, where there is one.
DIMENSIONS: Mapping[str, str | None] = {
    EVERYBODY: None,
    "segment": None,
    "region": "country",
    "country": None,
    "product": "product_category",
    "product_category": None,
    "channel": None,
    "interaction_type": None,
    "outcome": None,
    "team": "branch",
    "branch": "org_region",
    "org_region": "company",
    "company": None,
    "tenure_band": None,
    "value_band": None,
    "share_of_wallet_band": None,
    "resolution_band": None,
}


class Goal(Model):
    """One row of goals.csv: a score to be reached by the answers of one cell in one period."""

    goal_id: str = Field(description="short and lasting, such as `north-2026-q3`; letters, digits, `-`, `_` and `.`")
    parent_goal_id: str | None = Field(None, description="goal that this one is a part of; its cell and period lie inside that one's")
    programme: str = Field(description="survey programme whose answers count; none of employees")
    metric: str = Field(description="metric of a scale of company.yml, such as nps")
    owner: str = Field(description="department or role that answers for it, such as Claims; never a person")
    dimension: str = Field(EVERYBODY, description="`all`, or a dimension of nps_by_segment: whose answers count")
    dimension_value: str = Field(EVERYBODY, description="value of the dimension; `all` for `all`")
    second_dimension: str | None = Field(None, description="another dimension, where both have to hold")
    second_value: str | None = Field(None, description="value of the second dimension")
    period_grain: Literal["month", "quarter", "year"] = Field(description="of the calendar")
    period_starts_on: date = Field(description="first day of the period, such as 2026-07-01")
    target: Decimal = Field(description="score to reach, in points from -100 to 100, with two decimals at most")

    @property
    def period_ends_on(self) -> date:
        """Last day of the period."""
        month = self.period_starts_on.month - 1 + MONTHS[self.period_grain]
        return date(self.period_starts_on.year + month // 12, month % 12 + 1, 1) - timedelta(days=1)

    @property
    def cell(self) -> dict[str, str]:
        """Dimension → value: what has to hold of an answer; nothing for everybody."""
        pairs = ((self.dimension, self.dimension_value), (self.second_dimension, self.second_value))
        return {dimension: value for dimension, value in pairs if dimension and value and dimension != EVERYBODY}


COLUMNS = tuple(Goal.model_fields)
_MAY_BE_EMPTY = {"parent_goal_id", "dimension", "dimension_value", "second_dimension", "second_value"}
_ID_LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@dataclass(frozen=True)
class Known:
    """What goals may name. `programmes` empty: whatever answers carry. `values` holds dimensions whose values the company declares."""

    programmes: tuple[str, ...]
    employee_programmes: tuple[str, ...]
    metrics: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]


def read_goals(path: Path, known: Known) -> tuple[tuple[Goal, ...], tuple[Problem, ...]]:
    """The goals of a company folder in the order of their rows, and beside them every mistake, with its row and column.

    Without the file there are none. A goal that is wrong in itself is left out, and nothing is said of its parts.
    """
    text, problems = text_of(path)
    return ((), problems) if text is None else parse_goals(text, known, path.name)


def parse_goals(text: str, known: Known, name: str = GOALS_FILE) -> tuple[tuple[Goal, ...], tuple[Problem, ...]]:
    """The same from the file's text. Problems say `goals.csv row 7 › target`; the heads are row 1."""
    problems: list[Problem] = []
    found: list[tuple[str, Goal]] = []
    named: set[str] = set()
    for row in rows_of(text, name, COLUMNS, [column for column in COLUMNS if column not in _MAY_BE_EMPTY]):
        if isinstance(row, Problem):
            problems.append(row)
            continue
        named.add(row.cells["goal_id"])
        mistakes = _wrong_in_itself(row.cells, known)
        wrong = [row.wrong] if row.wrong else [Problem(f"{row.where} › {column}", what, hint) for column, what, hint in mistakes]
        problems += wrong
        if not wrong:
            found.append((row.where, _goal(row.cells)))
    return tuple(goal for _, goal in found), (*problems, *_wrong_together(found, named))


def _goal(row: Mapping[str, str]) -> Goal:
    return Goal.model_validate({column: value for column, value in row.items() if value})


# --- one row by itself -------------------------------------------------------------------------------------------------


def _wrong_in_itself(row: Mapping[str, str], known: Known) -> Iterator[tuple[str, str, str]]:
    """Column, what is wrong, and what to do."""
    empty = {column for column in COLUMNS if column not in _MAY_BE_EMPTY and not row[column]}
    yield from ((column, "is empty", Goal.model_fields[column].description or "") for column in COLUMNS if column in empty)
    if set(row["goal_id"]) - _ID_LETTERS:
        yield "goal_id", f"{row['goal_id']} has other signs than letters, digits, - _ and .", "such as north-2026-q3"
    if "@" in row["owner"] or len(row["owner"]) > 80:
        yield "owner", "is no department or role", "name a department or role, never a person"
    if row["metric"] and row["metric"] not in known.metrics:
        yield "metric", f"no scale of company.yml has the metric {row['metric']}", did_you_mean(row["metric"], list(known.metrics))
    yield from _wrong_programme(row["programme"], known)
    yield from _wrong_cell(row, known)
    yield from _wrong_period(row)
    yield from _wrong_target(row["target"])


def _wrong_programme(programme: str, known: Known) -> Iterator[tuple[str, str, str]]:
    if programme in known.employee_programmes:
        yield "programme", f"{programme} asks employees", "their scores are in employee_nps alone; take the goal out"
    elif programme and known.programmes and programme not in known.programmes:
        yield "programme", f"there is no programme {programme}", did_you_mean(programme, list(known.programmes))


def _wrong_cell(row: Mapping[str, str], known: Known) -> Iterator[tuple[str, str, str]]:
    first, value = row.get("dimension") or EVERYBODY, row.get("dimension_value", "")
    second, second_value = row.get("second_dimension", ""), row.get("second_value", "")
    for column, dimension, held in (("dimension", first, value), ("second_dimension", second, second_value)):
        value_column = "dimension_value" if column == "dimension" else "second_value"
        if not dimension and not held:
            continue
        if not dimension:
            yield column, f"is empty, and {value_column} is not", "name the dimension, or take its value out"
        elif dimension not in DIMENSIONS:
            yield column, f"there is no dimension {dimension}", did_you_mean(dimension, list(DIMENSIONS))
        elif dimension == EVERYBODY:
            if column == "second_dimension" or held not in ("", EVERYBODY):
                yield value_column, f"{EVERYBODY} has no parts", f"leave it {EVERYBODY}, or name another dimension"
        elif not held:
            yield value_column, "is empty", f"write which {dimension}"
        elif dimension in known.values and held not in known.values[dimension]:
            yield value_column, f"there is no {dimension} {held}", did_you_mean(held, list(known.values[dimension]))
    if second and second == first:
        yield "second_dimension", f"is {first} again", "name another dimension, or leave it empty"
    elif second and first == EVERYBODY:
        yield "dimension", "is everybody, and there is a second dimension", "write the one dimension here, and leave the second empty"


def _wrong_period(row: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    grain, written = row["period_grain"], row["period_starts_on"]
    if grain and grain not in MONTHS:
        yield "period_grain", f"{grain} is none", f"one of {', '.join(MONTHS)}"
    if not written:
        return
    try:
        first = date.fromisoformat(written) if len(written) == len("2026-07-01") else None
    except ValueError:
        first = None
    if first is None:
        yield "period_starts_on", f"{written} is no day", "write it as 2026-07-01"
    elif grain in MONTHS and (first.day != 1 or (first.month - 1) % MONTHS[grain]):
        yield "period_starts_on", f"no {grain} of the calendar starts on {first}", "write the first day of the period"


def _wrong_target(written: str) -> Iterator[tuple[str, str, str]]:
    if not written:
        return
    try:
        target = Decimal(written)
    except InvalidOperation:
        yield "target", f"{written} is no number", "write points, such as 35 or 35.5"
        return
    if not target.is_finite() or not -100 <= target <= 100:
        yield "target", f"{written} is not between -100 and 100", "a score is the share of promoters less that of detractors, in points"
    elif target != round(target, 2):
        yield "target", f"{written} has more than two decimals", "round it"


# --- the rows together -------------------------------------------------------------------------------------------------


def _wrong_together(rows: list[tuple[str, Goal]], named: set[str]) -> Iterator[Problem]:
    """Ids and cells that stand twice, parents that are not there, circles, and children outside of their parents."""
    by_id: dict[str, Goal] = {}
    cells: dict[tuple[Any, ...], str] = {}
    for where, goal in rows:
        if goal.goal_id in by_id:
            yield Problem(f"{where} › goal_id", f"{goal.goal_id} stands twice", "give each goal an id of its own")
        by_id.setdefault(goal.goal_id, goal)
        cell = (goal.programme, goal.metric, frozenset(goal.cell.items()), goal.period_grain, goal.period_starts_on)
        if cell in cells:
            what = f"{cells[cell]} has the same programme, metric, dimensions and period"
            yield Problem(f"{where} › goal_id", what, "keep one of them")
        cells.setdefault(cell, goal.goal_id)
    for where, goal in rows:
        parent = by_id.get(goal.parent_goal_id or "")
        if goal.parent_goal_id and goal.parent_goal_id not in named:
            hint = did_you_mean(goal.parent_goal_id, sorted(by_id))
            yield Problem(f"{where} › parent_goal_id", f"there is no goal {goal.parent_goal_id}", hint)
        elif _is_above_itself(goal, by_id):
            yield Problem(f"{where} › parent_goal_id", f"{goal.goal_id} is a part of itself", "let one of the goals have no parent")
        elif parent is not None:
            yield from (Problem(f"{where} › {column}", what, hint) for column, what, hint in _outside(goal, parent))


def _is_above_itself(goal: Goal, by_id: Mapping[str, Goal]) -> bool:
    above, seen = goal.parent_goal_id, {goal.goal_id}
    while above is not None and above in by_id:
        if above in seen:
            return above == goal.goal_id
        seen.add(above)
        above = by_id[above].parent_goal_id
    return False


def _outside(goal: Goal, parent: Goal) -> Iterator[tuple[str, str, str]]:
    """Column, what and hint, where a goal's answers are not all among those of its parent."""
    for column in ("programme", "metric"):
        if getattr(goal, column) != getattr(parent, column):
            what = f"is {getattr(goal, column)}, and {parent.goal_id} has {getattr(parent, column)}"
            yield column, what, "a goal has parts of its own programme and metric alone"
    if goal.period_starts_on < parent.period_starts_on or goal.period_ends_on > parent.period_ends_on:
        lasts = f"{parent.goal_id} lasts from {parent.period_starts_on} to {parent.period_ends_on}"
        yield "period_starts_on", "the period is not inside the parent's", lasts
    for dimension, value in parent.cell.items():
        column = "second_value" if goal.second_dimension == dimension else "dimension_value"
        held = goal.cell.get(dimension)
        if held is not None and held != value:
            yield column, f"{dimension} is {held}, and in {parent.goal_id} it is {value}", "name the parent's, or choose another parent"
        elif held is None and dimension not in {wider for finer in goal.cell for wider in wider_than(finer)}:
            hint = f"put {dimension} {value} into one of the two dimensions, or choose another parent"
            yield "dimension", f"reaches beyond {parent.goal_id}, which is for {dimension} {value}", hint


def wider_than(dimension: str) -> Iterator[str]:
    """The dimensions in whose values those of this one lie: of a team its branch, region and company."""
    wider = DIMENSIONS.get(dimension)
    while wider is not None:
        yield wider
        wider = DIMENSIONS[wider]


def goal_settings(goals: tuple[Goal, ...]) -> list[dict[str, Any]]:
    """What a build writes down of them: rows of ops.goals."""
    return [{**goal.model_dump(), "period_ends_on": goal.period_ends_on, "position": place} for place, goal in enumerate(goals, 1)]
