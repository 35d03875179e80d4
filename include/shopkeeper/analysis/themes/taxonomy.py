"""The taxonomy of a build, as freezing wrote it down."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

import sqlalchemy as sa

from shopkeeper.company.theme_patterns import Matcher, with_parents
from shopkeeper.warehouse.theme_tables import THEME_PATTERNS, THEMES

# Another version of how words are cut, matched or weighed: raise it, and all words are read anew.
METHOD = "1"


@dataclass(frozen=True)
class Taxonomy:
    """`method` names patterns and code together: words read by another one are read anew."""

    parents: dict[str, str | None]
    matchers: dict[str, Matcher]
    method: str
    _above: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)

    def themes_in(self, text: str, language: str) -> frozenset[str]:
        """The themes that a text mentions, those above them included; none in a language without patterns."""
        matcher = self.matchers.get(language)
        found = frozenset(matcher.themes_in(text)) if matcher else frozenset()
        with_those_above = self._above.get(found)
        if with_those_above is None:
            self._above[found] = with_those_above = frozenset(with_parents(found, self.parents))
        return with_those_above


def read_taxonomy(connection: sa.Connection) -> Taxonomy:
    """Of the current build; without themes.yml it finds nothing."""
    parents = {row.theme: row.parent for row in connection.execute(sa.select(THEMES).order_by(THEMES.c.position))}
    rows = connection.execute(sa.select(THEME_PATTERNS).order_by(*THEME_PATTERNS.primary_key.columns)).all()
    return taxonomy(parents, [(row.theme, row.language, row.is_excluded, row.pattern) for row in rows])


def taxonomy(parents: dict[str, str | None], patterns: list[tuple[str, str, bool, str]]) -> Taxonomy:
    """From patterns as (theme, language, is_excluded, pattern)."""
    by_language: dict[str, dict[str, tuple[list[str], list[str]]]] = {}
    for theme, language, is_excluded, pattern in patterns:
        by_language.setdefault(language, {}).setdefault(theme, ([], []))[is_excluded].append(pattern)
    told = json.dumps([METHOD, parents, patterns])
    matchers = {language: Matcher(themes) for language, themes in by_language.items()}
    return Taxonomy(parents, matchers, hashlib.sha256(told.encode()).hexdigest()[:16])
