"""themes.yml and theme_labels.csv: what customers write about, in which words, and sentences to hold the words against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from shopkeeper.company.base import Misfit, Model, PlainName, did_you_mean, raise_misfits
from shopkeeper.company.rows import rows_of, text_of
from shopkeeper.company.theme_patterns import Matcher, mistake_in, with_parents
from shopkeeper.errors import Problem

_LANGUAGE = r"^[a-z]{2,3}$"
Language = Annotated[str, Field(pattern=_LANGUAGE)]
LABELS_FILE = "theme_labels.csv"
_LABEL_COLUMNS = ("label_set", "language", "text", "themes")


class Patterns(Model):
    """How a theme is mentioned in one language: words side by side; `*` any letters, `this|that` either, `...` up to four words between."""

    include: tuple[str, ...] = Field(description="patterns that mention the theme")
    exclude: tuple[str, ...] = Field((), description="phrases inside of which no mention counts, such as `did not wait`")


class Example(Model):
    """A sentence that somebody reviewed. `./shopkeeper check` says which ones the patterns judge otherwise."""

    text: str = Field(description="an invented sentence, never a customer's")
    language: Language = Field("en", description="two or three letters, such as en")
    mentioned: bool = Field(True, description="whether it mentions the theme")


class Theme(Model):
    """Something that customers write about."""

    name: str = Field(min_length=1, description="as it stands in marts and reports")
    parent: PlainName | None = Field(None, description="theme that this one is a part of; who mentions it mentions both")
    patterns: dict[Language, Patterns] = Field({}, description="language → how it is mentioned; answers in other languages are not counted")
    examples: tuple[Example, ...] = Field((), description="reviewed sentences that mention it, or look as if they did")


class Themes(Model):
    """themes.yml: the taxonomy that carries audited counts."""

    themes: dict[PlainName, Theme] = Field({}, description="theme → its name and patterns")

    @model_validator(mode="after")
    def _fit(self) -> Themes:
        misfits: list[Misfit] = []
        for key, theme in self.themes.items():
            misfits += [misfit.below("themes", key) for misfit in _patterns_fit(theme)]
            if theme.parent is not None and theme.parent not in self.themes:
                hint = did_you_mean(theme.parent, list(self.themes))
                misfits.append(Misfit(("themes", key, "parent"), f"there is no theme {theme.parent}", hint))
            elif self._is_above_itself(key):
                misfits.append(Misfit(("themes", key, "parent"), "is a part of itself", "let one of them have no parent"))
        if not misfits:
            misfits = list(self._examples_fit())
        raise_misfits(misfits)
        return self

    def _is_above_itself(self, key: str) -> bool:
        above, seen = self.themes[key].parent, {key}
        while above is not None and above in self.themes:
            if above in seen:
                return True
            seen.add(above)
            above = self.themes[above].parent
        return False

    def _examples_fit(self) -> list[Misfit]:
        matchers = self.matchers()
        misfits = []
        for key, theme in self.themes.items():
            for place, example in enumerate(theme.examples):
                found = self.mentioned(matchers, example.text, example.language)
                if (key in found) != example.mentioned:
                    what = "no pattern finds it" if example.mentioned else "a pattern finds it"
                    misfits.append(Misfit(("themes", key, "examples", place), what, "mend the patterns, or the example"))
        return misfits

    def patterns_by_language(self) -> dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
        """Language → theme → (include, exclude)."""
        found: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {}
        for key, theme in self.themes.items():
            for language, patterns in theme.patterns.items():
                found.setdefault(language, {})[key] = (patterns.include, patterns.exclude)
        return found

    def matchers(self) -> dict[str, Matcher]:
        return {language: Matcher(themes) for language, themes in self.patterns_by_language().items()}

    def parents(self) -> dict[str, str | None]:
        return {key: theme.parent for key, theme in self.themes.items()}

    def mentioned(self, matchers: dict[str, Matcher], text: str, language: str) -> set[str]:
        """The themes that a text mentions, those above them included."""
        matcher = matchers.get(language)
        return set(with_parents(matcher.themes_in(text), self.parents())) if matcher else set()


def _patterns_fit(theme: Theme) -> list[Misfit]:
    return [
        Misfit(("patterns", language, kind, place), what, "docs/themes.md says how patterns are written")
        for language, patterns in theme.patterns.items()
        for kind in ("include", "exclude")
        for place, pattern in enumerate(getattr(patterns, kind))
        if (what := mistake_in(pattern))
    ]


class LabelledText(Model):
    """A sentence of theme_labels.csv, invented, with the themes that a reader found in it."""

    label_set: str = Field(description="which set it belongs to, such as reviewed or held_out; quality is told for each")
    language: str = Field(description="two or three letters, such as en")
    text: str = Field(description="an invented sentence, never a customer's")
    themes: tuple[str, ...] = Field(description="themes that a reader found in it, separated by blanks; empty: none")


def read_labels(path: Path, themes: Themes) -> tuple[tuple[LabelledText, ...], tuple[Problem, ...]]:
    """The labelled sentences of a company folder: CSV with label_set, language, text, themes (separated by blanks).

    Without the file there are none. Beside them every row that names no theme of themes.yml or lacks a column.
    """
    text, unread = text_of(path)
    if text is None:
        return (), unread
    problems: list[Problem] = []
    found: list[LabelledText] = []
    for row in rows_of(text, path.name, _LABEL_COLUMNS, _LABEL_COLUMNS[:3]):
        if isinstance(row, Problem):
            problems.append(row)
            continue
        missing = [name for name in _LABEL_COLUMNS[:3] if not row.cells[name]]
        if row.wrong or missing:
            columns = f"columns are {', '.join(_LABEL_COLUMNS)}"
            problems.append(row.wrong or Problem(row.where, f"has no {', '.join(missing)}", columns))
            continue
        where, label_set, language, written, listed = row.where, *(row.cells[name] for name in _LABEL_COLUMNS)
        named = tuple(listed.split())
        problems += [
            Problem(where, f"there is no theme {name}", did_you_mean(name, list(themes.themes)))
            for name in named
            if name not in themes.themes
        ]
        found.append(LabelledText(label_set=label_set, language=language, text=written, themes=named))
    return tuple(found), tuple(problems)


def _languages(themes: Themes) -> dict[str, set[str]]:
    """Language → the themes that can be found in it, those above them included."""
    parents = themes.parents()
    return {language: set(with_parents(read, parents)) for language, read in themes.patterns_by_language().items()}


def settings(themes: Themes, labelled: tuple[LabelledText, ...]) -> dict[str, list[dict[str, Any]]]:
    """What a build writes down of the taxonomy: rows of tables of schema ops, by the table's name."""
    return {
        "themes": [
            {"theme": key, "name": theme.name, "parent": theme.parent, "position": place}
            for place, (key, theme) in enumerate(themes.themes.items(), 1)
        ],
        "theme_patterns": [
            {"theme": key, "language": language, "is_excluded": is_excluded, "position": place, "pattern": pattern}
            for key, theme in themes.themes.items()
            for language, patterns in theme.patterns.items()
            for is_excluded, listed in ((False, patterns.include), (True, patterns.exclude))
            for place, pattern in enumerate(listed, 1)
        ],
        "theme_languages": [
            {"theme": key, "language": language} for language, read in sorted(_languages(themes).items()) for key in sorted(read)
        ],
        "theme_examples": [
            {"position": place, "label_set": one.label_set, "language": one.language, "text": one.text, "themes": " ".join(one.themes)}
            for place, one in enumerate(labelled, 1)
        ],
    }
