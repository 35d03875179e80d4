"""What the project's files must say of themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from world import PROJECT

from shopkeeper.warehouse.entities import ENTITIES

MODELS = PROJECT / "models"
BOOKKEEPING = {"_key", "_batch_id", "_source", "_row_number", "_flags", "_is_deleted", "_loaded_at"}
FOLDERS = {
    "staging": ("staging",),
    "intermediate": tuple(f"intermediate/{name}" for name in ("closed_loop", "customers", "interactions", "nps", "org", "responses")),
    "marts": tuple(f"marts/{name}" for name in ("closed_loop", "dimensions", "frontline", "nps", "responses")),
}
FILES = [file for folders in FOLDERS.values() for folder in folders for file in sorted((MODELS / folder).glob("*.sql"))]


def described(folder: Path) -> dict[str, Any]:
    """Model → what the folder's YAML says of it."""
    return {model["name"]: model for file in folder.glob("*.yml") for model in (yaml.safe_load(file.read_text()) or {}).get("models", [])}


@pytest.mark.parametrize("entity", ENTITIES)
def test_staging_has_every_plain_column_of_its_entity_and_describes_it(entity: str) -> None:
    renamed = {"benchmark_responses": {"native_id": "response_id"}}.get(entity, {})
    expected = {renamed.get(column.name, column.name) for column in ENTITIES[entity].plain_columns} | BOOKKEEPING
    if entity == "survey_responses":
        expected.add("response_id")
    columns = {column["name"]: column["description"] for column in described(MODELS / "staging")[f"stg_{entity}"]["columns"]}
    assert columns.keys() == expected
    assert all(columns.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_model_says_its_grain_and_has_a_description(file: Path) -> None:
    comments = [line for line in file.read_text().splitlines() if line.startswith("-- one row per ")]
    assert comments, "the first comment says what one row is"
    assert described(file.parent)[file.stem]["description"]


@pytest.mark.parametrize("file", [file for file in FILES if "marts" in file.parts], ids=lambda file: file.stem)
def test_a_mart_describes_its_columns_and_tests_its_key(file: Path) -> None:
    model = described(file.parent)[file.stem]
    assert all(column.get("description") and column.get("data_type") for column in model["columns"])
    keys = [column["name"] for column in model["columns"] if {"not_null", "unique"} <= {str(test) for test in column.get("data_tests", [])}]
    assert keys or any("unique_together" in test for test in model.get("data_tests", []))
