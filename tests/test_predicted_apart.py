"""What is predicted stays apart from what was measured: who may read it, in the code and in dbt."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "include" / "shopkeeper"
MARTS = re.compile(r"\bpredicted_(nps|scores|quality|customers)\b")
# The analysis and its tables, the at-risk list that a company switches on, the report's last page, tracing, and planted against found.
READERS = {
    "analysis/predicted",
    "closed_loop/predicted.py",
    "demo/compared.py",
    "quality/report/silent.py",
    "quality/tracing/subject.py",
    "warehouse",
}


def test_nothing_but_what_is_named_reads_what_is_predicted() -> None:
    # A modelled score in an alert, a digest, on the intranet or on a first page is soon quoted as what customers said.
    files = [file for kind in ("*.py", "*.j2", "*.sql", "*.yml") for file in PACKAGE.rglob(kind)]
    found = {str(file.relative_to(PACKAGE)) for file in files if MARTS.search(file.read_text(encoding="utf-8"))}
    assert {reader for reader in READERS if any(name.startswith(reader) for name in found)} == READERS, "the test looks in the wrong place"
    assert [name for name in sorted(found) if not name.startswith(tuple(READERS))] == []


def test_no_measured_mart_is_made_of_what_is_predicted() -> None:
    # Once it is part of a mart that everybody reads, nobody can take it out again.
    models = ROOT / "dbt_project" / "models"
    made_of = re.compile(r"(ref|source|analysed_in_build)\([^)]*'(predicted_\w+|int_predicted__\w+)'")
    found = {str(file.relative_to(models)) for file in models.rglob("*.sql") if made_of.search(file.read_text(encoding="utf-8"))}
    assert len(found) == 3
    assert {str(Path(name).parent) for name in found} == {"marts/predicted"}
    named = [file for file in (models / "marts" / "metrics").rglob("*.yml") if "predicted" in file.read_text(encoding="utf-8")]
    assert named == [], "the semantic layer offers what was measured"
