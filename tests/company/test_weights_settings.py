"""Margins decide whom a score speaks for: a misspelt one is refused before anything is built, and SQL and Python know the same ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shopkeeper.company.load import load
from shopkeeper.company.weights import VARIABLES, Weights
from shopkeeper.errors import ShopkeeperError

ROOT = Path(__file__).resolve().parents[2]


def written(folder: Path, **settings: Any) -> Path:
    company = {"name": "Example", "timezone": "Europe/Berlin", "currency": "EUR", **settings}
    (folder / "company.yml").write_text(yaml.safe_dump(company, allow_unicode=True))
    (folder / "sources.yml").write_text("survey: {entities: {survey_responses: {path: a.csv, columns: {score: nps}}}}")
    return folder


def test_margins_may_cross_variables_and_each_is_counted_once() -> None:
    how = Weights(margins=("segment * tenure_band", "recent_complaint", "segment × region"))
    assert how.variables == ("segment", "tenure_band", "recent_complaint", "region")


def test_what_cannot_be_weighted_to_is_refused_with_its_place(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        weights={"yearly": {"margins": ["segment", "tenure"]}, "visit": {"margins": []}, "call": {"margins": ["region"], "trim": 1}},
        sensitivity={"answering_from": 0, "goals": {"yearly": 101}},
    )
    with pytest.raises(ShopkeeperError) as caught:
        load(folder, {})
    told = str(caught.value)
    for place, what in {
        "company.yml › weights › yearly › margins": "did you mean tenure_band?",
        "company.yml › weights › visit › margins": "at least 1",
        "company.yml › weights › call › trim": "greater than 1",
        "company.yml › sensitivity › answering_from": "greater than 0",
    }.items():
        assert any(place in line and what in line for line in told.splitlines()), (place, told)


def test_weights_are_part_of_what_marts_depend_on(tmp_path: Path) -> None:
    # Other margins, other weights in every wave: kept marts must be made anew.
    one = load(written(tmp_path, weights={"yearly": {"margins": ["segment"]}}), {}).config_hash
    other = load(written(tmp_path, weights={"yearly": {"margins": ["region"]}}), {}).config_hash
    assert one != other


def test_sql_knows_the_same_variables() -> None:
    text = (ROOT / "dbt_project" / "macros" / "weighting.sql").read_text()
    listed = re.search(r"macro weighting_variables\(\).*?return\(\[(.*?)\]\)", text, re.DOTALL)
    assert listed
    assert tuple(re.findall(r"'(\w+)'", listed[1])) == VARIABLES
