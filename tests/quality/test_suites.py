"""The committed suites: complete, reviewed, and saying nothing that a dbt test says already."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from shopkeeper.quality.judge import EXPECTATIONS, context_copy, read_suites
from shopkeeper.warehouse.entities import ENTITIES

MODELS = EXPECTATIONS.parent / "dbt_project" / "models" / "marts"
NOT_NULL, IN_SET, UNIQUE = "expect_column_values_to_not_be_null", "expect_column_values_to_be_in_set", "expect_column_values_to_be_unique"
# These report counts and keys; others would bring values of the data into results.
SAFE = {
    NOT_NULL,
    IN_SET,
    "expect_column_values_to_be_null",
    "expect_column_values_to_be_between",
    "expect_column_values_to_match_regex",
    "expect_column_pair_values_a_to_be_greater_than_b",
    "unexpected_rows_expectation",
}


def suites() -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text()) for file in sorted((EXPECTATIONS / "suites").glob("*.json"))}


def dbt_models() -> dict[str, dict[str, Any]]:
    found = {}
    for file in MODELS.rglob("*.yml"):
        for model in yaml.safe_load(file.read_text()).get("models", []):
            found[model["name"]] = model
    return found


def test_every_entity_and_every_published_mart_has_a_suite() -> None:
    tables = {suite.table for suite in read_suites().values()}
    files = [file for file in MODELS.rglob("*.sql") if not file.stem.startswith("_")]
    marts = {f"{'frontline' if 'frontline' in file.parts else 'marts'}.{file.stem}" for file in files}
    assert len(marts) >= 14, "the models are not where this test looks"
    assert tables == {f"raw.{name}" for name in ENTITIES} | marts | {"ops.batches"}


def test_a_required_column_stops_its_batch() -> None:
    for name, entity in ENTITIES.items():
        stops = {
            one["kwargs"]["column"]
            for one in suites()[f"raw_{name}"]["expectations"]
            if one["type"] == NOT_NULL and one["severity"] == "critical" and one["kwargs"].get("mostly", 1) == 1
        }
        assert {column.name for column in entity.plain_columns if column.required} == stops, name


def test_columns_of_raw_suites_exist() -> None:
    # A check of a column that is not there would fail every batch.
    for name, entity in ENTITIES.items():
        there = {column.name for column in entity.plain_columns}
        for one in suites()[f"raw_{name}"]["expectations"]:
            used = {one["kwargs"][key] for key in ("column", "column_A", "column_B") if key in one["kwargs"]}
            assert used <= there, f"{name}: {used - there}"


def test_each_expectation_says_how_grave_it_is_and_why() -> None:
    ids = []
    for name, suite in suites().items():
        assert suite["name"] == name
        for one in suite["expectations"]:
            assert one["severity"] in ("critical", "warning"), name
            assert one["description"].endswith("."), f"{name}: {one['description']}"
            assert one["type"] in SAFE, f"{name}: {one['type']} may bring values into results"
            ids.append(one["id"])
    assert len(ids) == len(set(ids))


def test_queries_bring_back_keys_alone() -> None:
    # What such a query selects is stored as evidence, so it must be nothing but the key.
    for name, suite in suites().items():
        for one in suite["expectations"]:
            if query := one["kwargs"].get("unexpected_rows_query"):
                last = re.findall(
                    r"select (.+?)(?:\s+from |\s+where )", query if query.startswith("select") else query.rsplit("\n", 1)[-1]
                )[0]
                columns = [re.sub(r"^cast\(null as \w+\) as ", "", column.strip()) for column in last.split(", ")]
                assert columns == suite["meta"]["key"], f"{name}: {query}"
                assert "%" not in query, f"{name}: a percent sign means a parameter to the driver"


def test_no_rule_stands_both_here_and_in_dbt() -> None:
    # Two homes of one rule drift apart, and then nobody knows which one holds.
    models = dbt_models()
    for name, suite in suites().items():
        if not name.startswith("mart_"):
            continue
        in_dbt = {
            (column["name"], test if isinstance(test, str) else next(iter(test)))
            for column in models[name.removeprefix("mart_")]["columns"]
            for test in column.get("data_tests", [])
        }
        names = {NOT_NULL: "not_null", UNIQUE: "unique", IN_SET: "accepted_values"}
        here = {(one["kwargs"].get("column"), names.get(one["type"])) for one in suite["expectations"]}
        assert not here & in_dbt, name


def test_great_expectations_reads_the_suites_and_leaves_the_folder_alone() -> None:
    def state() -> dict[Path, tuple[int, bytes]]:
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in EXPECTATIONS.rglob("*") if path.is_file()}

    before = state()
    with context_copy() as context:
        for name, suite in read_suites().items():
            assert len(context.suites.get(name).expectations) == suite.expectations
        with pytest.raises(Exception, match="nowhere"):
            context.suites.get("nowhere")
    assert state() == before
