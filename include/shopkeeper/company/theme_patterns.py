"""How themes.yml says which words mention a theme, and which themes a text mentions.

A pattern is words that stand next to each other, in any case: `call* back`. `*` stands for any letters or none, `this|that` for either
word, and `...` for up to four words between. A text is cut into words once; a pattern is looked for only where its rarest-looking word
stands, so a long taxonomy costs hardly more than a short one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

GAP, MOST_BETWEEN = "...", 4
MOST_WORDS_KNOWN = 200_000  # more than a language has; typing errors are without end
# What redaction put in the place of a name stays one word of its own: "[name]" is no mention of the word name.
_WORD = re.compile(r"\[\w+\]|\w+")
_PIECE = re.compile(r"[\w*]*\w[\w*]*(\|[\w*]*\w[\w*]*)*")


def words_of(text: str) -> list[str]:
    """The words of a text in small letters; "don't" is two."""
    return _WORD.findall(text.casefold())


def mistake_in(pattern: str) -> str | None:
    """What is wrong with a pattern, or None."""
    pieces = _pieces(pattern)
    if not pieces or all(piece == GAP for piece in pieces):
        return "holds no word"
    if GAP in (pieces[0], pieces[-1]):
        return f"{GAP} stands between words"
    wrong = [piece for piece in pieces if piece != GAP and not _PIECE.fullmatch(piece)]
    return f"{wrong[0]!r} is no word: letters, digits, * for any letters, | between words" if wrong else None


def _pieces(pattern: str) -> list[str]:
    return pattern.casefold().replace("'", " ").replace("’", " ").replace("-", " ").split()


def _regex(piece: str) -> str:
    spelled = "|".join(re.escape(word).replace(r"\*", r"\w*") for word in piece.split("|"))
    return rf"(?:{spelled})"


def _literal_letters(piece: str) -> int:
    return min(len(word.replace("*", "")) for word in piece.split("|"))


@dataclass(frozen=True)
class Pattern:
    """A pattern, ready to be looked for in words joined by blanks. `key` is the piece that tells best where it may stand."""

    key: str
    is_one_word: bool
    regex: re.Pattern[str]

    @classmethod
    def parsed(cls, pattern: str) -> Pattern:
        """Raises ValueError for what is no pattern."""
        if what := mistake_in(pattern):
            raise ValueError(f"{pattern!r}: {what}")
        pieces = _pieces(pattern)
        spelled = "".join(rf"(?: \S+){{0,{MOST_BETWEEN}}}" if piece == GAP else " " + _regex(piece) for piece in pieces)
        key = max((piece for piece in pieces if piece != GAP), key=_literal_letters)
        return cls(key, len(pieces) == 1, re.compile(rf"{spelled}(?= )"))


class Matcher:
    """The themes of one language: theme → patterns that mention it, and patterns inside of which no mention counts."""

    def __init__(self, themes: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> None:
        self._excluded = {theme: [Pattern.parsed(one).regex for one in exclude] for theme, (_, exclude) in themes.items() if exclude}
        self._exact: dict[str, list[tuple[str, Pattern]]] = {}
        self._wild: list[tuple[re.Pattern[str], tuple[str, Pattern]]] = []
        for theme, (include, _) in themes.items():
            for pattern in map(Pattern.parsed, include):
                for word in pattern.key.split("|"):
                    if "*" in word:
                        self._wild.append((re.compile(word.replace("*", r"\w*")), (theme, pattern)))
                    else:
                        self._exact.setdefault(word, []).append((theme, pattern))
        # Words that have been met, and of those that may belong to a pattern: which ones. The words of a language are few beside the
        # words that are written, so nearly every word is known already, and nearly every text is done with two operations on sets.
        self._met: set[str] = set()
        self._patterns: dict[str, tuple[tuple[str, Pattern], ...]] = {}

    def themes_in(self, text: str) -> set[str]:
        """The themes that a text mentions. A mention inside of an excluded phrase is none; another one beside it is."""
        words = words_of(text)
        different = set(words)
        if not different <= self._met:
            self._meet(different - self._met)
        found: set[str] = set()
        joined = ""
        for word in different & self._patterns.keys():
            for theme, pattern in self._patterns[word]:
                if theme in found:
                    continue
                if pattern.is_one_word and theme not in self._excluded:
                    found.add(theme)
                    continue
                joined = joined or f" {' '.join(words)} "
                if pattern.regex.search(joined) and (theme not in self._excluded or self._is_outside(joined, theme, pattern)):
                    found.add(theme)
        return found

    def _meet(self, words: set[str]) -> None:
        if len(self._met) >= MOST_WORDS_KNOWN:
            self._met.clear()
            self._patterns.clear()
        for word in words:
            if found := (*self._exact.get(word, ()), *(one for regex, one in self._wild if regex.fullmatch(word))):
                self._patterns[word] = found
        self._met |= words

    def _is_outside(self, joined: str, theme: str, pattern: Pattern) -> bool:
        spans = [match.span() for one in self._excluded[theme] for match in one.finditer(joined)]
        mentions = pattern.regex.finditer(joined)
        return not spans or any(not any(low < match.end() and match.start() < high for low, high in spans) for match in mentions)


def with_parents(found: Iterable[str], parents: Mapping[str, str | None]) -> Iterator[str]:
    """Themes and those above them, each once: who mentions a part mentions the whole."""
    told: set[str] = set()
    for theme in found:
        above: str | None = theme
        while above is not None and above not in told:
            told.add(above)
            yield above
            above = parents[above]
