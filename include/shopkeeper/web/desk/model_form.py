"""Forms made from the models of a company folder: one field per key, and what the company loader says of each beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shopkeeper.errors import Problem
from shopkeeper.web.desk.layout import Visit

Kind = Literal["one", "some", "in_order", "number", "text", "time", "day", "days"]


@dataclass(frozen=True)
class Field:
    """One key. `shown` is what stands in the form before anybody types: texts, several of them for lists."""

    name: str
    kind: Kind
    shown: tuple[str, ...]
    options: tuple[str, ...]
    is_needed: bool
    hint: str


def fields_of(
    model: type[BaseModel],
    current: BaseModel | None,
    *,
    without: Sequence[str] = (),
    options: Mapping[str, Sequence[str]] | None = None,
    in_order: Sequence[str] = (),
) -> list[Field]:
    """The fields of a model, filled with `current`, else with its defaults.

    `options` are choices that the model's types do not know, such as the company's programmes; `in_order` are lists whose order counts.
    """
    found = []
    for name, info in model.model_fields.items():
        if name in without:
            continue
        kind, choices = _kind(info.annotation)
        if options and name in options:
            kind, choices = ("some" if kind in ("some", "days") else "one"), tuple(options[name])
        if current is not None:
            value = getattr(current, name)
        else:
            value = None if info.is_required() else info.get_default(call_default_factory=True)
        found.append(Field(name, "in_order" if name in in_order else kind, texts(value), choices, _is_needed(info), info.description or ""))
    return found


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    """What kind of field a type asks for, and its choices."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(part for part in get_args(annotation) if part is not NoneType)
    if get_origin(annotation) is Literal:
        return "one", tuple(str(one) for one in get_args(annotation))
    if get_origin(annotation) is tuple:
        inner = get_args(annotation)[0]
        return ("days", ()) if inner is date else ("some", _kind(inner)[1])
    plain: dict[Any, Kind] = {int: "number", Decimal: "number", time: "time", date: "day"}
    return plain.get(annotation, "text"), ()


def _is_needed(info: FieldInfo) -> bool:
    return info.is_required() or (info.default is not None and not isinstance(info.default, tuple))


def texts(value: Any) -> tuple[str, ...]:
    """A value as it stands in a form."""
    if isinstance(value, tuple | list):
        return tuple(text for one in value for text in texts(one))
    if isinstance(value, time):
        return (f"{value:%H:%M}",)
    return () if value is None else (str(value),)


def typed(visit: Visit, fields: Sequence[Field]) -> dict[str, tuple[str, ...]]:
    """What a form says, field by field, in the shape of `Field.shown`."""
    found = {}
    for field in fields:
        values = [value.strip() for value in visit.chosen(field.name)]
        if field.kind == "days":
            values = [day.strip(" ,;") for value in values for day in re.split(r"[\s,;]+", value)]
        found[field.name] = tuple(value for value in values if value)
    return found


def plain(field: Field, values: tuple[str, ...]) -> Any:
    """What is written into the file. What is no number stays as it was typed: the loader says what is wrong with it."""
    if field.kind in ("some", "in_order", "days"):
        return list(dict.fromkeys(values))
    if not values:
        return None
    if field.kind == "number":
        written = values[0].replace(",", ".") if values[0].count(",") == 1 and "." not in values[0] else values[0]
        if re.fullmatch(r"-?\d{1,12}", written):
            return int(written)
        if re.fullmatch(r"-?\d{1,12}\.\d{1,6}", written):
            return float(written)
    return values[0]


def beside(problems: Sequence[Problem], start: tuple[str, ...]) -> dict[str, Problem]:
    """The problems of one place in a file by the name of their field; `start` leads there, such as closed_loop.yml, rules, low_score."""
    found: dict[str, Problem] = {}
    for problem in problems:
        steps = steps_of(problem)
        if steps[: len(start)] == start and len(steps) > len(start):
            found.setdefault(steps[len(start)], problem)
    return found


def steps_of(problem: Problem) -> tuple[str, ...]:
    """Where a problem is, step by step, without the line."""
    return tuple(re.sub(r" \(line \d+\)$", "", problem.where).split(" › "))
