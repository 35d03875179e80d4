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


class _OnlyWords(dict[int, int]):
    """For `str.translate`: what belongs to no word becomes a blank."""

    def __missing__(self, letter: int) -> int:
        self[letter] = letter if chr(letter).isalnum() or letter == ord("_") else ord(" ")
        return self[letter]


_ONLY_WORDS = _OnlyWords()
_PIECE = re.compile(r"[\w*]*\w[\w*]*(\|[\w*]*\w[\w*]*)*")


def words_of(text: str) -> list[str]:
    """The words of a text in small letters; "don't" is two."""
    folded = text.casefold()
    return _WORD.findall(folded) if "[" in folded else folded.translate(_ONLY_WORDS).split()


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
    """A pattern, ready to be looked for in words joined by blanks. `key` is the piece that tells best where it may stand.

    `beside` are words of another piece, one of which must stand somewhere; empty where none are known in full.
    """

    key: str
    beside: frozenset[str]
    is_one_word: bool
    regex: re.Pattern[str]

    @classmethod
    def parsed(cls, pattern: str) -> Pattern:
        """Raises ValueError for what is no pattern."""
        if what := mistake_in(pattern):
            raise ValueError(f"{pattern!r}: {what}")
        pieces = _pieces(pattern)
        spelled = "".join(rf"(?: \S+){{0,{MOST_BETWEEN}}}" if piece == GAP else " " + _regex(piece) for piece in pieces)
        *others, key = sorted((piece for piece in pieces if piece != GAP), key=_literal_letters)
        known = [piece for piece in others if "*" not in piece]
        beside = frozenset(known[-1].split("|") if known else ())
        return cls(key, beside, len(pieces) == 1, re.compile(rf"{spelled}(?= )"))


class _Met(dict[str, tuple[tuple[str, Pattern], ...]]):
    """Word → the patterns whose key it is, with their themes. What has been met once is looked up and no more: the words of a language
    are few beside the words that are written."""

    def __init__(self, keys: Iterable[tuple[str, tuple[str, Pattern]]]) -> None:
        super().__init__()
        self._exact: dict[str, list[tuple[str, Pattern]]] = {}
        self._wild: list[tuple[re.Pattern[str], tuple[str, Pattern]]] = []
        for word, pattern in keys:
            if "*" in word:
                self._wild.append((re.compile(word.replace("*", r"\w*")), pattern))
            else:
                self._exact.setdefault(word, []).append(pattern)
        self._any_wild = re.compile("|".join(regex.pattern for regex, _ in self._wild) or "(?!)")

    def __missing__(self, word: str) -> tuple[tuple[str, Pattern], ...]:
        if len(self) >= MOST_WORDS_KNOWN:
            self.clear()
        found = tuple(self._exact.get(word, ()))
        if self._any_wild.match(word):
            found += tuple(one for regex, one in self._wild if regex.fullmatch(word))
        self[word] = found
        return found


class Matcher:
    """The themes of one language: theme → patterns that mention it, and patterns inside of which no mention counts."""

    def __init__(self, themes: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> None:
        self._excluded = {theme: [Pattern.parsed(one).regex for one in exclude] for theme, (_, exclude) in themes.items() if exclude}
        patterns = ((theme, Pattern.parsed(one)) for theme, (include, _) in themes.items() for one in include)
        self._met = _Met((word, (theme, pattern)) for theme, pattern in patterns for word in pattern.key.split("|"))

    def themes_in(self, text: str) -> set[str]:
        """The themes that a text mentions. A mention inside of an excluded phrase is none; another one beside it is."""
        words = words_of(text)
        found: set[str] = set()
        joined = ""
        for patterns in filter(None, map(self._met.__getitem__, words)):
            for theme, pattern in patterns:
                if theme in found:
                    continue
                if pattern.is_one_word and theme not in self._excluded:
                    found.add(theme)
                    continue
                if pattern.beside and pattern.beside.isdisjoint(words):
                    continue
                joined = joined or f" {' '.join(words)} "
                if pattern.regex.search(joined) and (theme not in self._excluded or self._is_outside(joined, theme, pattern)):
                    found.add(theme)
        return found

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
