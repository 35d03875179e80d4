"""The tables of docs/redaction.md, measured: `python docs/make_redaction_table.py` writes them between the page's markers."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "include")]

from tests.privacy.labelled import Measured, measure, verbatims  # noqa: E402

PAGE = ROOT / "docs" / "redaction.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
LANGUAGES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese"}
KINDS = {
    "email": "e-mail addresses",
    "phone": "telephone numbers",
    "card": "cards",
    "iban": "IBANs",
    "number": "other numbers",
    "name": "names of the customer, of staff, or after a title",
    "stranger": "strangers whom no record names",
}
SETS = {
    "held_out": "{count} verbatims that were written after the rules, and that no rule was made for",
    "labelled": "{count} verbatims that were written together with the rules",
}


def rewritten(page: str) -> str:
    """The page with the tables as they are measured now."""
    before, _, rest = page.partition(BEGIN)
    tables = "\n\n".join(_table(title.format(count=len(verbatims(name))), measure(verbatims(name))) for name, title in SETS.items())
    return f"{before}{BEGIN}\n{tables}\n{END}{rest.partition(END)[2]}"


def _table(title: str, measured: Measured) -> str:
    lines = [f"**{title[0].upper()}{title[1:]}** (found / there are):", ""]
    lines += [f"| | {' | '.join(LANGUAGES.values())} | recall |", "| --- |" + " --- |" * (len(LANGUAGES) + 1)]
    for kind, name in KINDS.items():
        cells = [f"{measured.found[kind, one]} / {measured.marked[kind, one]}" if measured.marked[kind, one] else "" for one in LANGUAGES]
        lines.append(f"| {name} | {' | '.join(cells)} | {measured.recall([kind]):.0%} |")
    precision = " | ".join(f"{measured.precision(one):.0%}" for one in LANGUAGES)
    lines.append(f"| precision: of what was replaced, what named somebody | {precision} | {measured.precision():.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
