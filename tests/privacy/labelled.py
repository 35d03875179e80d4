"""Synthetic verbatims of which every place that could name a person is marked: ⟦kind:what stands there⟧. All persons are invented."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MARKED = re.compile(r"⟦(\w+):(.+?)⟧")
STAFF = (
    *("Erika Winter", "Tobias Krüger", "Svetlana Novak", "Nguyen Thi Lan"),
    *("Fatma Demir", "Oliver Marsh", "Beatriz Quintela", "Benoît Charrier"),
)


@dataclass(frozen=True)
class Labelled:
    """`own` is the name of who wrote it; `marked` what stands in it, as (kind, text); `expected` the text as it should come out."""

    language: str
    own: str
    text: str
    marked: tuple[tuple[str, str], ...]
    expected: str


def verbatims() -> list[Labelled]:
    found = []
    for line in (Path(__file__).parent / "labelled.tsv").read_text(encoding="utf-8").splitlines():
        language, own, written = line.split("\t")
        written = written.replace("\\n", "\n")
        found.append(
            Labelled(
                language,
                own,
                MARKED.sub(lambda match: match.group(2), written),
                tuple((match.group(1), match.group(2)) for match in MARKED.finditer(written)),
                MARKED.sub(lambda match: f"[{match.group(1).replace('stranger', 'name')}]", written),
            )
        )
    return found
