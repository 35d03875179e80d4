"""What gives a person away in a text, written down twice: as a pattern for Postgres, which finds, and one for Python, which removes."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any
from uuid import UUID

from shopkeeper.privacy.erasure.person import Person

ERASED = "[erased]"
UUID_PATTERN = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
SHORTEST_ID, SHORTEST_PHONE, NATIONAL = 6, 7, 9  # characters; digits; digits that remain without country code and trunk prefix
ABOUT = "(customer|client|contact|person|member|user|kunde)"  # in the name of a key whose value is a customer's id
_UUID = re.compile(UUID_PATTERN)
_NOTHING = "(?!)"
_NO_MATCH = "$.^"  # the same for Postgres


class Traces:
    """Knows a person's ids, names, addresses, telephone numbers and words in any text.

    A customer's id is looked for inside texts where it is long enough to be nothing else; a short one (`7`, `2024`) in JSON only, under
    a key that is about customers. A name of one word is looked for as a whole value.
    """

    def __init__(self, person: Person) -> None:
        self.person = person
        self.inside = tuple(one for one in person.customers if len(one) >= SHORTEST_ID and not one.isalpha())
        self.short = tuple(one for one in person.customers if one not in self.inside)
        self.whole = tuple(sorted(name for name in person.names if len(name.split()) == 1))

    # --- for Postgres -------------------------------------------------------------------------------------------------

    @cached_property
    def pattern(self) -> str:
        """A case-blind advanced regular expression of Postgres for what gives the person away inside a text."""
        return self._pattern(self.inside)

    @cached_property
    def words(self) -> str:
        """The same without ids, for columns with ids of something else."""
        return self._pattern(())

    def _pattern(self, ids: Iterable[str]) -> str:
        bounded = [*map(_escaped, ids), *(written for name in self._full_names for written in _orders(name, r"[\s,]+", _escaped))]
        parts = [f"(^|[^[:alnum:]_])({'|'.join(bounded)})($|[^[:alnum:]_])"] if bounded else []
        parts += [f"(^|[^[:alnum:]_.+-]){_escaped(one)}($|[^[:alnum:]_])" for one in self.person.emails]
        parts += [_digits(phone, "[^0-9]{0,3}", "(^|[^0-9])", "($|[^0-9])") for phone in self._phones]
        parts += [re.sub(r"(?:\\ )+", r"\\s+", _escaped(line)) for line in self.person.lines]
        return "|".join(parts) or _NO_MATCH

    @cached_property
    def quoted(self) -> str:
        """The same for a JSON text: what is looked for as a whole value stands there in quotes, and ids stand beside their keys."""
        values, ids = ("|".join(map(_escaped, ones)) for ones in (self.whole, self.short))
        return "|".join(
            [self.pattern, *([f'"({values})"'] if values else []), *([f'"[^"]*{ABOUT}[^"]*" *: *"?({ids})"?[]}},]'] if ids else [])]
        )

    # --- for texts in this process ------------------------------------------------------------------------------------

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return self._expression(self.inside)

    @cached_property
    def _compiled_words(self) -> re.Pattern[str]:
        return self._expression(())

    def _expression(self, ids: Iterable[str]) -> re.Pattern[str]:
        bounded = [*map(re.escape, ids)]  # ids look the same in HTML and JSON
        bounded += [written for name in self._full_names for written in _orders(name, r"(?:[\s,]|&nbsp;|%20|\+)+", _spelled)]
        parts = [rf"(?<![^\W_])(?:{'|'.join(bounded)})(?![^\W_])"] if bounded else []
        parts += [rf"(?<![\w.+-])(?:{_spelled(one)}|{_spelled(one.replace('@', '%40'))})(?!\w)" for one in self.person.emails]
        parts += [_digits(phone, "[^0-9]{0,3}", "(?<![0-9])", "(?![0-9])") for phone in self._phones]
        parts += [r"\s+".join(_spelled(word) for word in line.split()) for line in self.person.lines]
        return re.compile("|".join(f"(?:{part})" for part in parts) or _NOTHING, re.IGNORECASE)

    def clean(self, text: str, instead: Callable[[str], str] = lambda found: ERASED) -> str:
        """The text without the person; `instead` says what comes in place of what was found."""
        handles = self.person.handles

        def unless_others(match: re.Match[str]) -> str:
            return instead(match.group()) if UUID(match.group()) in handles else match.group()

        if handles and "-" in text:
            text = _UUID.sub(unless_others, text)
        return self._compiled.sub(lambda match: instead(match.group()), text)

    def clean_words(self, value: Any) -> Any:
        """The same for a column with an id of something else, which may look like the customer's."""
        return self._compiled_words.sub(ERASED, value) if isinstance(value, str) else value

    def clean_value(self, value: Any) -> Any:
        """The same for a value of a column or of JSON: lists and objects part by part."""
        if isinstance(value, str):
            return ERASED if value in self.whole else self.clean(value)
        if isinstance(value, list):
            return [self.clean_value(part) for part in value]
        if isinstance(value, dict):
            return {self.clean(key): ERASED if self._is_id(key, part) else self.clean_value(part) for key, part in value.items()}
        return value

    def _is_id(self, key: str, value: Any) -> bool:
        return str(value) in self.short and re.search(ABOUT, key, re.IGNORECASE) is not None

    def are_in(self, text: str) -> bool:
        return self.clean(text) != text

    @property
    def _full_names(self) -> list[str]:
        return [name for name in self.person.names if len(name.split()) > 1]

    @property
    def _phones(self) -> list[str]:
        return [phone for phone in self.person.phones if sum(letter.isdigit() for letter in phone) >= SHORTEST_PHONE]


def _escaped(text: str) -> str:
    """A text as it is in an advanced regular expression: letters, digits and `_` alone need no backslash."""
    return "".join(letter if letter.isalnum() or letter == "_" else f"\\{letter}" for letter in text)


def _spelled(text: str) -> str:
    """The text as it is, and as HTML and JSON write it."""
    written = dict.fromkeys((text, html.escape(text), html.escape(text, quote=False), json.dumps(text)[1:-1]))
    return f"(?:{'|'.join(re.escape(one) for one in written)})"


def _orders(name: str, between: str, written: Callable[[str], str]) -> Iterable[str]:
    """`Anna Maria Schmidt`, and with the last word first."""
    words = name.split()
    for order in (words, [words[-1], *words[:-1]]):
        yield between.join(written(word) for word in order)


def _digits(phone: str, gap: str, before: str, after: str) -> str:
    """The number however it is spaced, and with whatever stands for the country."""
    digits = "".join(letter for letter in phone if letter.isdigit())
    if len(digits) > NATIONAL:
        digits, before = digits[-NATIONAL:], ""
    return before + gap.join(digits) + after
