"""Synthetic verbatims of which every place that could name a person is marked: ⟦kind:what stands there⟧. All persons are invented."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from shopkeeper.privacy.names import Names, People
from shopkeeper.privacy.redaction import redact_text

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


def verbatims(name: str = "labelled") -> list[Labelled]:
    """`labelled` was written together with the rules; `held_out` after them, and no rule was made for it."""
    found = []
    for line in (Path(__file__).parent / f"{name}.tsv").read_text(encoding="utf-8").splitlines():
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


@dataclass(frozen=True)
class Measured:
    """Places by (kind, language): how many there are, how many were replaced; and by language how many were replaced that name nobody."""

    marked: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)

    def recall(self, kinds: Iterable[str]) -> float:
        marked = sum(count for (kind, _), count in self.marked.items() if kind in kinds)
        return sum(count for (kind, _), count in self.found.items() if kind in kinds) / marked

    def precision(self, language: str | None = None) -> float:
        found = sum(count for (_, one), count in self.found.items() if language in (None, one))
        false = sum(count for one, count in self.false.items() if language in (None, one))
        return found / (found + false)


def measure(given: Iterable[Labelled]) -> Measured:
    """Redact each as a build would, with what is known of who wrote it and of the staff, and hold it against its marks."""
    measured, staff = Measured(), People.named(STAFF)
    for verbatim in given:
        done = redact_text(verbatim.text, Names(People.named([verbatim.own]), staff))
        replaced = [kind for kind, value in verbatim.marked if value not in done.text]
        measured.marked.update((kind, verbatim.language) for kind, _ in verbatim.marked)
        measured.found.update((kind, verbatim.language) for kind in replaced)
        measured.false[verbatim.language] += max(0, done.replaced - len(replaced))
    return measured
