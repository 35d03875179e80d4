"""The import rule, the deny-list of SQL that only one engine knows, and what the project never says."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "include" / "shopkeeper"

# From the ground up; nothing imports upward, and the rooms of one floor meet in the warehouse only.
FLOORS = (
    {"company", "warehouse"},
    {"sources", "survey", "privacy", "pictures"},
    {"messages"},
    {"analysis", "closed_loop", "distribution", "quality"},
    {"pipeline"},
    {"web", "airflow", "demo"},
    {"cli"},
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ANYONE_MAY = {"errors"}


def imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: write absolute imports"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_imported(file: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(file) if name.startswith("shopkeeper.")} - ANYONE_MAY - {"__version__"}


def python_files() -> list[Path]:
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 20, "the package is not where this test looks"
    return files


def test_nothing_imports_upward_and_rooms_of_one_floor_stay_apart() -> None:
    # An upward import makes two rooms one; then neither can be changed, tested or replaced alone.
    wrong = []
    for file in python_files():
        room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in {"__init__", "__main__", "errors"}:
            continue
        floor = FLOOR_OF[room]
        for other in rooms_imported(file) - {room}:
            ground = floor == 0 and FLOOR_OF[other] == 0  # company and warehouse are one floor that is shared
            if not ground and FLOOR_OF[other] >= floor:
                wrong.append(f"{file.relative_to(ROOT)} imports {other}")
    assert not wrong, wrong


def test_airflow_is_imported_in_one_place_only() -> None:
    wrong = [
        str(file.relative_to(ROOT))
        for file in python_files()
        if any(name == "airflow" or name.startswith("airflow.") for name in imports(file))
        and "airflow" not in file.relative_to(PACKAGE).parts
    ]
    assert not wrong, wrong


DENIED = {
    "::bit": r"::\s*bit",
    "distinct on": r"distinct\s+on\s*\(",
    "->": r"->",
    "ranges": r"\b(?:ts|tstz|num|int4|int8|date)range\b",
    "age": r"\bage\s*\(",
    "unsized numeric": r"(?:::|\bas)\s*numeric\b(?!\s*\()",
}


def models() -> list[Path]:
    files = [
        file
        for folder in ("models", "macros", "tests")
        for file in sorted((ROOT / "dbt_project" / folder).rglob("*.sql"))
        if "engine" not in file.parts
    ]
    assert len(files) > 30, "dbt models are not where this test looks"
    return files


def without_comments(sql: str) -> str:
    return re.sub(r"\{#.*?#\}|--[^\n]*|/\*.*?\*/", "", sql, flags=re.DOTALL)


@pytest.mark.parametrize("name", DENIED)
def test_models_keep_to_sql_that_other_engines_know(name: str) -> None:
    # What differs between engines lives in dispatched macros under macros/engine, so that the next engine needs those alone.
    found = [
        f"{file.relative_to(ROOT)}: {match.group(0)}"
        for file in models()
        if (match := re.search(DENIED[name], without_comments(file.read_text()), re.IGNORECASE))
    ]
    assert not found, found


def test_models_never_ask_the_clock() -> None:
    # The same batches and clocks must give the same marts, byte for byte.
    clock = re.compile(r"\b(?:now\s*\(|current_timestamp|current_date|clock_timestamp|localtimestamp)", re.IGNORECASE)
    found = [str(file.relative_to(ROOT)) for file in models() if clock.search(without_comments(file.read_text()))]
    assert not found, found


def test_every_model_says_its_grain() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in models()
        if "models" in file.parts and not re.match(r"\s*-- one row( per |: )", file.read_text())
    ]
    assert not silent, silent


def test_tracked_files_are_small_and_hold_no_secrets() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    files = [ROOT / name for name in listed if name]
    assert files
    large = [str(file) for file in files if file.exists() and file.stat().st_size > 1_000_000]
    assert not large, large
    secret = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}")
    found = [str(file) for file in files if file.exists() and file.suffix != ".png" and secret.search(file.read_bytes())]
    assert not found, found
