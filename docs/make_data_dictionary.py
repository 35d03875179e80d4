"""Writes docs/data-dictionary.md from the dbt project's YAML: every mart, its grain, its columns.

.venv/bin/python docs/make_data_dictionary.py          writes the page
.venv/bin/python docs/make_data_dictionary.py --check  exits with 1 where the page is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "data-dictionary.md"

HEAD = """# Data dictionary

Generated from the dbt project by `docs/make_data_dictionary.py`; do not edit by hand.

Marts are in schema `marts`; those whose rows are about one employee are in schema `frontline`, where each reader sees
the own part. Scores and intervals are in points (−100 to 100), money in the company's currency, times in UTC; columns
that end in `_on` are dates in company time.
"""


def marts() -> list[dict[str, Any]]:
    """Every model described under models/marts, by name."""
    found: list[dict[str, Any]] = []
    for file in sorted((ROOT / "dbt_project" / "models" / "marts").rglob("*.yml")):
        found.extend((yaml.safe_load(file.read_text()) or {}).get("models", []))
    return sorted(found, key=lambda model: model["name"])


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def _summary(model: dict[str, Any]) -> str:
    """The first sentence that is not about the grain alone."""
    sentences = _cell(model.get("description")).split(". ")
    return (sentences[1] if sentences[0].startswith("Grain:") and len(sentences) > 1 else sentences[0]).rstrip(".")


def page() -> str:
    models = [model for model in marts() if not model["name"].startswith("_")]
    lines = [HEAD, "| mart | what it holds |", "| --- | --- |"]
    lines += [f"| [`{model['name']}`](#{model['name']}) | {_summary(model)} |" for model in models]
    for model in models:
        lines += ["", f"## {model['name']}", "", _cell(model.get("description")), "", "| column | type | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{c['name']}` | {c.get('data_type', '')} | {_cell(c.get('description'))} |" for c in model.get("columns", [])]
    return "\n".join(lines) + "\n"


def main() -> int:
    if "--check" in sys.argv:
        if PAGE.exists() and PAGE.read_text() == page():
            return 0
        print("docs/data-dictionary.md is out of date: run .venv/bin/python docs/make_data_dictionary.py")
        return 1
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
