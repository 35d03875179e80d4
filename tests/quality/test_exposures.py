"""Dashboards, exposures and marts agree: nothing that is shown rests on a column that is not there, or hides how sure it is."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "dbt_project" / "models"
ASSETS = ROOT / "explorer" / "assets"
# What our own pages read, by the folder that makes them.
PAGES = {"metric_quality_report": "quality/report", "economics_of_loyalty": "quality/economics", "distributed_feedback": "distribution"}
# What stands in the expressions of assets and is no column.
SQL = {"and", "case", "chr", "count", "distinct", "else", "end", "extract", "from", "greatest", "int", "is", "least", "max", "not", "null"}
SQL |= {"power", "replace", "round", "sqrt", "sum", "then", "when", "year"}


def read(file: Path) -> Any:
    return yaml.load(file.read_text(), yaml.CSafeLoader)  # ten times as fast as the default


@cache
def assets(kind: str) -> dict[str, dict[str, Any]]:
    """The assets of a kind, by uuid."""
    found = [read(file) for file in sorted((ASSETS / kind).rglob("*.yaml"))]
    assert found, f"no {kind}: this test looks at the wrong place"
    assert len({one["uuid"] for one in found}) == len(found), "two assets with one id: the second import takes the place of the first"
    return {one["uuid"]: one for one in found}


@cache
def marts() -> dict[str, dict[str, str]]:
    """Column → type of each mart, as dbt enforces them."""
    found = {}
    for file in (MODELS / "marts").rglob("_*.yml"):
        for model in (read(file) or {}).get("models") or ():
            if not model["name"].startswith("_"):
                found[model["name"]] = {column["name"]: column["data_type"] for column in model["columns"]}
    return found


def charts_of(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    places = [place for place in dashboard["position"].values() if isinstance(place, dict) and place["type"] == "CHART"]
    return [assets("charts")[place["meta"]["uuid"]] for place in places]


def dataset_of(chart: dict[str, Any]) -> dict[str, Any]:
    return assets("datasets")[chart["dataset_uuid"]]


def names_in(expression: str) -> set[str]:
    """Columns that a piece of SQL speaks of."""
    return set(re.findall(r"\b[a-z_]\w*", re.sub(r"'[^']*'", "", expression))) - SQL


def used(chart: dict[str, Any]) -> set[str]:
    """Columns that the chart shows, filters and sorts by; of metrics those that they are computed from."""
    saved = {metric["metric_name"]: metric["expression"] for metric in dataset_of(chart)["metrics"]}
    params = chart["params"]
    found = {one["subject"] for one in params["adhoc_filters"]} | {re.findall(r"\w+", one)[0] for one in params.get("order_by_cols", ())}
    shown = [
        *params.get("all_columns", ()),
        *params.get("groupby", ()),
        *params.get("metrics", ()),
        *([params["x_axis"]] if "x_axis" in params else []),
    ]
    for one in shown:
        if isinstance(one, dict):
            found |= names_in(one["sqlExpression"])
        else:
            found |= names_in(saved[one]) if one in saved else {one}
    return found


def test_data_sets_have_the_columns_of_their_marts() -> None:
    # A column that a mart no longer has, or has with another type, is an error in every chart of those who use it.
    for dataset in assets("datasets").values():
        mart = marts()[dataset["table_name"]]
        for column in dataset["columns"]:
            name = column["column_name"]
            if expression := column.get("expression"):
                assert names_in(expression) <= mart.keys(), f"{dataset['table_name']}.{name}"
            else:
                kind = mart.get(name, "not there").partition("(")[0].strip()
                assert column["type"] == kind.upper(), f"{dataset['table_name']}.{name}: run explorer/make_datasets.py"


def test_charts_use_the_columns_of_their_data_sets() -> None:
    for chart in assets("charts").values():
        missing = used(chart) - {column["column_name"] for column in dataset_of(chart)["columns"]}
        assert not missing, f"{chart['slice_name']}: {sorted(missing)}"


def test_no_estimate_is_shown_without_its_interval_or_n() -> None:
    # A dashboard is copied into slides: a score that loses its interval on the way is believed to the decimal.
    for chart in assets("charts").values():
        columns = {column["column_name"]: column["type"] for column in dataset_of(chart)["columns"]}
        shown = used(chart)
        bare = [
            name
            for name in shown
            if f"{name}_low" in columns and f"{name}_interval" not in shown and not {f"{name}_low", f"{name}_high"} <= shown
        ]
        assert not bare, f"{chart['slice_name']} shows {bare} without interval"
        counts = {name for name in shown if columns[name] in ("BIGINT", "INTEGER")}
        assert counts or any(name.endswith(("_interval", "_low", "low")) for name in shown), f"{chart['slice_name']} says no n"


def test_every_chart_is_on_a_dashboard_that_is_published() -> None:
    placed = [chart["uuid"] for dashboard in assets("dashboards").values() for chart in charts_of(dashboard)]
    assert sorted(placed) == sorted(assets("charts"))
    assert all(dashboard["published"] for dashboard in assets("dashboards").values()), "a draft is seen by its owner alone"


def exposures() -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in read(MODELS / "exposures.yml")["exposures"]}


def marts_of(exposure: dict[str, Any]) -> set[str]:
    return {re.fullmatch(r"ref\('(\w+)'\)", one)[1] for one in exposure["depends_on"]}  # type: ignore[index]


def test_exposures_say_what_dashboards_rest_on() -> None:
    # Who changes a mart asks dbt who reads it; a dashboard that is not told of breaks on a Monday morning.
    known = {name: marts_of(one) for name, one in exposures().items() if name not in PAGES}
    rests = {}
    for dashboard in assets("dashboards").values():
        filtered = [target["datasetUuid"] for one in dashboard["metadata"]["native_filter_configuration"] for target in one["targets"]]
        of = {*filtered, *(chart["dataset_uuid"] for chart in charts_of(dashboard))}
        rests[f"explorer_{dashboard['slug'].replace('-', '_')}"] = {assets("datasets")[one]["table_name"] for one in of}
    assert known == rests, "mend dbt_project/models/exposures.yml"


@pytest.mark.parametrize("name", PAGES)
def test_exposures_say_what_our_pages_read(name: str) -> None:
    files = [file for file in (ROOT / "include" / "shopkeeper" / PAGES[name]).rglob("*") if file.suffix in (".py", ".sql", ".j2")]
    assert files
    text = "\n".join(file.read_text() for file in files)
    named = set(re.findall(r"\w+", text)) & marts().keys()
    assert marts_of(exposures()[name]) == named, (
        f"what include/shopkeeper/{PAGES[name]} names is not what dbt_project/models/exposures.yml says"
    )
