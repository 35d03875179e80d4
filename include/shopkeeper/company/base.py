"""What the models of a company folder are made of: names, and mistakes that several parts make together."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from shopkeeper.warehouse.entities import ENTITIES


def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA timezone, such as Europe/Berlin")
    return name


def _codec(name: str) -> str:
    try:
        codecs.lookup(name)
    except LookupError:
        raise ValueError(f"{name!r} is no codec that Python knows, such as utf-8, cp1252, latin-1, cp850") from None
    return name


def _entity(name: str) -> str:
    if name not in ENTITIES:
        raise ValueError(f"{name!r} is no entity; {did_you_mean(name, list(ENTITIES))}")
    return name


TimezoneName = Annotated[str, AfterValidator(_timezone)]
CodecName = Annotated[str, AfterValidator(_codec)]
EntityName = Annotated[str, AfterValidator(_entity)]
_PLAIN_NAME, _CURRENCY, _EMAIL = r"^[a-z][a-z0-9_]*$", r"^[A-Z]{3}$", r"^[^@\s<>]+@[^@\s<>]+$"
PATTERNS = {
    _PLAIN_NAME: "a name of small letters, digits and _",
    _CURRENCY: "three capital letters, such as EUR",
    _EMAIL: "an e-mail address",
}

PlainName = Annotated[str, Field(pattern=_PLAIN_NAME)]
CurrencyCode = Annotated[str, Field(pattern=_CURRENCY)]
EmailAddress = Annotated[str, Field(pattern=_EMAIL)]

MISFITS = "misfits"


@dataclass(frozen=True)
class Misfit:
    """One thing inside a model that does not go with the rest of it.

    `path` leads to it from the model; `given` are the places it was judged by: where one of them was wrong itself,
    this says nothing new.
    """

    path: tuple[str | int, ...]
    what: str
    hint: str = ""
    given: tuple[tuple[str | int, ...], ...] = ()

    def below(self, *steps: str) -> Misfit:
        """The same, seen from further up."""
        return Misfit((*steps, *self.path), self.what, self.hint, tuple((*steps, *place) for place in self.given))


def raise_misfits(misfits: list[Misfit]) -> None:
    """Pydantic lets a validator report one error only; this one carries several, and `load` unpacks them."""
    if misfits:
        raise PydanticCustomError(MISFITS, "parts do not go together", {"misfits": misfits})


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def did_you_mean(name: str, known: list[str]) -> str:
    """A hint that names the nearest known name, or all of them where none is near."""
    if close := get_close_matches(name, known, n=1, cutoff=0.6):
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(known)}" if known else ""
