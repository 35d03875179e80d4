"""goals.csv: a mistake in it is told by row and column before anything runs; what is right is read as it stands."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.company.goals import COLUMNS, DIMENSIONS, Known, parse_goals
from shopkeeper.company.load import load
from shopkeeper.errors import ShopkeeperError

PROJECT = Path(__file__).parents[2]
KNOWN = Known(
    programmes=("relationship", "transactional"),
    employee_programmes=("colleagues",),
    metrics=("nps",),
    values={"tenure_band": ("under 1 year", "over 1 year")},
)
GOOD = [
    "year,,transactional,nps,Board,all,all,,,year,2026-01-01,40",
    "north,year,transactional,nps,Region North,org_region,R1,,,year,2026-01-01,42.5",
    "north-private,north,transactional,nps,Private customers,org_region,R1,segment,private,quarter,2026-07-01,45",
    "b7,north,transactional,nps,Branch 7,branch,B07,,,month,2026-09-01,38",
    "young,year,transactional,nps,Marketing,tenure_band,under 1 year,,,year,2026-01-01,-5",
]


def _file(*rows: str) -> str:
    return "\n".join([",".join(COLUMNS), *rows])


def _told(*rows: str) -> list[str]:
    return [str(problem) for problem in parse_goals(_file(*rows), KNOWN)[1]]


def test_what_is_right_is_read_as_it_stands() -> None:
    goals, problems = parse_goals(_file(*GOOD), KNOWN)
    assert problems == ()
    assert [goal.goal_id for goal in goals] == ["year", "north", "north-private", "b7", "young"]
    assert goals[2].cell == {"org_region": "R1", "segment": "private"}
    assert (goals[2].period_ends_on, goals[0].period_ends_on, goals[3].period_ends_on) == (
        date(2026, 9, 30),
        date(2026, 12, 31),
        date(2026, 9, 30),
    )
    assert goals[4].target == Decimal(-5)


# A goal that is read otherwise than its owner meant it rewards the wrong people for a year.
@pytest.mark.parametrize(
    ("row", "place", "what", "hint"),
    [
        ("x,,transactionl,nps,A,all,all,,,year,2026-01-01,1", "programme", "there is no programme transactionl", "transactional?"),
        ("x,,colleagues,nps,A,all,all,,,year,2026-01-01,1", "programme", "asks employees", "employee_nps"),
        ("x,,transactional,npss,A,all,all,,,year,2026-01-01,1", "metric", "no scale", "did you mean nps?"),
        ("x,,transactional,nps,jo@example.com,all,all,,,year,2026-01-01,1", "owner", "no department", "never a person"),
        ("x,,transactional,nps,A,segmnt,a,,,year,2026-01-01,1", "dimension", "there is no dimension segmnt", "did you mean segment?"),
        ("x,,transactional,nps,A,segment,,,,year,2026-01-01,1", "dimension_value", "is empty", "which segment"),
        (
            "x,,transactional,nps,A,tenure_band,under a year,,,year,2026-01-01,1",
            "dimension_value",
            "there is no tenure_band",
            "under 1 year?",
        ),
        ("x,,transactional,nps,A,segment,a,segment,b,year,2026-01-01,1", "second_dimension", "is segment again", ""),
        ("x,,transactional,nps,A,all,all,segment,b,year,2026-01-01,1", "dimension", "is everybody", ""),
        ("x,,transactional,nps,A,all,all,,,week,2026-01-05,1", "period_grain", "week is none", "month, quarter, year"),
        ("x,,transactional,nps,A,all,all,,,quarter,2026-02-01,1", "period_starts_on", "no quarter of the calendar", ""),
        ("x,,transactional,nps,A,all,all,,,month,1.2.2026,1", "period_starts_on", "is no day", "2026-07-01"),
        ("x,,transactional,nps,A,all,all,,,year,2026-01-01,101", "target", "not between", ""),
        ("x,,transactional,nps,A,all,all,,,year,2026-01-01,NaN", "target", "not between", ""),
        ("x,,transactional,nps,A,all,all,,,year,2026-01-01,a lot", "target", "is no number", ""),
        ("x,,transactional,nps,A,all,all,,,year,2026-01-01,33.333", "target", "more than two decimals", ""),
        ("x,nobody,transactional,nps,A,country,FR,,,year,2026-01-01,1", "parent_goal_id", "there is no goal nobody", ""),
        ("year,,transactional,nps,A,country,DE,,,year,2026-01-01,1", "goal_id", "stands twice", ""),
        ("x,,transactional,nps,A,all,all,,,year,2026-01-01,1", "goal_id", "year has the same programme", "keep one"),
        ("x,year,relationship,nps,A,country,DE,,,year,2026-01-01,1", "programme", "year has transactional", ""),
        ("x,north,transactional,nps,A,org_region,R2,,,year,2026-01-01,1", "dimension_value", "in north it is R1", ""),
        ("x,north,transactional,nps,A,segment,private,,,year,2026-01-01,1", "dimension", "reaches beyond north", "put org_region R1"),
        (
            "x,north-private,transactional,nps,A,team,T1,,,month,2026-07-01,1",
            "dimension",
            "reaches beyond north-private",
            "segment private",
        ),
        (
            "x,north-private,transactional,nps,A,org_region,R1,segment,private,month,2026-06-01,1",
            "period_starts_on",
            "not inside",
            "2026-07-01",
        ),
        ("x,x,transactional,nps,A,country,DE,,,year,2026-01-01,1", "parent_goal_id", "is a part of itself", ""),
    ],
)
def test_a_mistake_is_told_by_row_and_column(row: str, place: str, what: str, hint: str) -> None:
    told = _told(*GOOD, row)
    assert len(told) == 1, told
    assert told[0].startswith(f"goals.csv row 7 › {place}: ")
    assert what in told[0]
    assert hint in told[0]


def test_heads_and_cells_are_counted() -> None:
    (wrong,) = parse_goals(_file(GOOD[0]).replace("target", "targt"), KNOWN)[1:]
    assert [problem.where for problem in wrong] == ["goals.csv row 1", "goals.csv row 1"]
    assert "did you mean target?" in str(wrong[1])
    assert "has 13 cells, not 12" in _told(GOOD[0] + ",more")[0]
    assert "is no valid CSV" in _told('"year,,transactional,nps')[0] or "cells, not 12" in _told('"year,,transactional,nps')[0]


# Circles of any length: a cascade without a top has nobody who answers for it.
@given(st.integers(2, 6), st.randoms(use_true_random=False))
def test_every_goal_of_a_circle_is_told(length: int, random: object) -> None:
    months = [f"g{n},g{(n + 1) % length},transactional,nps,A,all,all,,,year,{2020 + n}-01-01,1" for n in range(length)]
    random.shuffle(months)  # type: ignore[attr-defined]
    told = [line for line in _told(*months) if "is a part of itself" in line]
    assert len(told) == length


def test_the_folder_tells_goals_with_everything_else(tmp_path: Path) -> None:
    (tmp_path / "company.yml").write_text("name: Example\ntimezone: Europe/Berlin\ncurrency: EUR\n")
    answers = {"files": {"entities": {"survey_responses": {"path": "a.csv"}}}}
    (tmp_path / "sources.yml").write_text(yaml.safe_dump(answers))
    (tmp_path / "goals.csv").write_text(_file(*GOOD, "x,,any,nps,A,segmnt,a,,,year,2026-01-01,1"))
    with pytest.raises(ShopkeeperError, match=r"goals\.csv row 7 › dimension: there is no dimension segmnt"):
        load(tmp_path, {})
    (tmp_path / "goals.csv").write_text(_file("x,,any,nps,A,all,all,,,year,2026-01-01,1"))
    assert load(tmp_path, {}).goals[0].programme == "any"  # who asks nobody himself may name what answers carry


def test_dimensions_are_those_of_the_marts() -> None:
    macro = (PROJECT / "dbt_project" / "macros" / "dimensions.sql").read_text(encoding="utf-8")
    told = re.findall(r"^    '(\w+)': ", macro.partition("survey_dimensions")[2].partition("endmacro")[0], re.MULTILINE)
    assert list(DIMENSIONS) == told
