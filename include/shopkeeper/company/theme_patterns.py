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
        self._excluded = {theme: [Pattern.parsed(one) for one in exclude] for theme, (_, exclude) in themes.items() if exclude}
        self._exact: dict[str, list[tuple[str, Pattern]]] = {}
        self._wild: list[tuple[re.Pattern[str], tuple[str, Pattern]]] = []
        self._known: dict[str, tuple[tuple[str, Pattern], ...]] = {}
        for theme, (include, _) in themes.items():
            for pattern in map(Pattern.parsed, include):
                for word in pattern.key.split("|"):
                    if "*" in word:
                        self._wild.append((re.compile(word.replace("*", r"\w*")), (theme, pattern)))
                    else:
                        self._exact.setdefault(word, []).append((theme, pattern))

    def themes_in(self, text: str) -> set[str]:
        """The themes that a text mentions. A mention inside of an excluded phrase is none; another one beside it is."""
        words = words_of(text)
        known = self._known
        candidates: list[tuple[str, Pattern]] = []
        for word in words:
            of_word = known.get(word)
            if of_word is None:
                of_word = self._learn(word)
            if of_word:
                candidates += of_word
        if not candidates:
            return set()
        joined = f" {' '.join(words)} "
        found: set[str] = set()
        for theme, pattern in candidates:
            if theme not in found and self._is_there(joined, theme, pattern):
                found.add(theme)
        return found

    def _learn(self, word: str) -> tuple[tuple[str, Pattern], ...]:
        """Which patterns a word may belong to; the words of a language are few beside the words that are written."""
        found = (*self._exact.get(word, ()), *(one for regex, one in self._wild if regex.fullmatch(word)))
        if len(self._known) >= MOST_WORDS_KNOWN:
            self._known.clear()
        self._known[word] = found
        return found

    def _is_there(self, joined: str, theme: str, pattern: Pattern) -> bool:
        excluded = self._excluded.get(theme)
        if not excluded:
            return pattern.is_one_word or pattern.regex.search(joined) is not None
        spans = [match.span() for one in excluded for match in one.regex.finditer(joined)]
        return any(not any(start < match.end() and match.start() < end for start, end in spans) for match in pattern.regex.finditer(joined))


def with_parents(found: Iterable[str], parents: Mapping[str, str | None]) -> Iterator[str]:
    """Themes and those above them, each once: who mentions a part mentions the whole."""
    told: set[str] = set()
    for theme in found:
        above: str | None = theme
        while above is not None and above not in told:
            told.add(above)
            yield above
            above = parents[above]
