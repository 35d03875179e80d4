"""Patterns against readers: in which labelled texts both find a theme, by label set and language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa

from shopkeeper.analysis.themes.taxonomy import Taxonomy
from shopkeeper.warehouse.theme_tables import THEME_EXAMPLES

OWN = "own"  # the label set of ./shopkeeper label


class Read(NamedTuple):
    """One text that a reader and the patterns both judged."""

    label_set: str
    language: str
    labelled: frozenset[str]
    found: frozenset[str]


def measure(read: Iterable[Read], themes: Iterable[str]) -> list[dict[str, Any]]:
    """Counts per label set, theme (and `all`: every theme of every text) and language; precision and recall follow from them."""
    names = tuple(themes)
    texts: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for one in read:
        texts[one.label_set, one.language] += 1
        for what, found in (("labelled", one.labelled), ("found", one.found), ("agreed", one.labelled & one.found)):
            for theme in found:
                counts[one.label_set, one.language, theme, what] += 1
                counts[one.label_set, one.language, "all", what] += 1
    return [
        {
            "label_set": label_set,
            "theme": theme,
            "language": language,
            "n": number,
            **{what: counts[label_set, language, theme, what] for what in ("labelled", "found", "agreed")},
        }
        for (label_set, language), number in sorted(texts.items())
        for theme in ("all", *names)
    ]


def labelled_texts(connection: sa.Connection, known: Taxonomy) -> Iterator[Read]:
    """The sentences of theme_labels.csv, and answers that people of the company labelled; of these only what was drawn at random."""
    for row in connection.execute(sa.select(THEME_EXAMPLES).order_by(THEME_EXAMPLES.c.position)):
        yield Read(row.label_set, row.language, _rolled_up(row.themes, known), known.themes_in(row.text, row.language))
    for row in connection.execute(sa.text(_OWN)):
        yield Read(OWN, row.language, _rolled_up(row.labelled, known), frozenset(row.found))


def _rolled_up(themes: str, known: Taxonomy) -> frozenset[str]:
    """Labels name what a text is about; who mentions a part mentions the whole. Themes that are no more are left out."""
    from shopkeeper.company.theme_patterns import with_parents

    return frozenset(with_parents([theme for theme in themes.split() if theme in known.parents], known.parents))


_OWN = """
    select readings.language, labels.themes as labelled, readings.themes as found
    from ops.theme_labels as labels
    inner join analysis.theme_readings as readings on labels.response_id = readings.response_id and labels.words = readings.words
    where labels.is_random and readings.language in (select language from ops.theme_languages)
    order by labels.response_id
"""
