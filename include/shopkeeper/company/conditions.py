"""Conditions over records, as programmes.yml writes them, read into SQL.

    customer.status == 'active' and customer.tenure_days >= 30 and interaction.outcome in ('paid', 'rejected')

The notation is Python's, read by Python's own parser; what is not on the short list below is a mistake. A condition is
true or false, never unknown: an unknown value equals None and nothing else, and is neither more nor less than anything.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from shopkeeper.company.base import did_you_mean
from shopkeeper.warehouse.entities import ENTITIES, Type
from shopkeeper.warehouse.typing import name

RECORDS = {"customer": "customers", "interaction": "interactions", "employee": "employees"}
ABOUT = {
    "relationship": ("customer",),
    "transactional": ("customer", "interaction"),
    "post_call": ("customer", "interaction"),
    "employee": ("employee",),
}  # kind of programme → the records that its conditions may name

# Derived columns, as SQL; they need the bind `as_of_on`, a date in company time.
DERIVED = {("customer", "tenure_days"): (Type.INTEGER, "(cast(:as_of_on as date) - customer.joined_on)")}

_TEXTS, _NUMBERS, _TIMES = (Type.ID, Type.TEXT), (Type.INTEGER, Type.NUMERIC, Type.SCORE), (Type.DATE, Type.TIMESTAMP)
_KINDS = {
    **dict.fromkeys(_TEXTS, "text"),
    **dict.fromkeys(_NUMBERS, "number"),
    Type.BOOLEAN: "yes or no",
    Type.DATE: "date",
    Type.TIMESTAMP: "time",
}
_WRITE = {
    "text": "write a text in quotes, such as 'active'",
    "number": "write a number, such as 30",
    "yes or no": "write True or False",
    "date": "write a date in quotes, such as '2026-01-31'",
    "time": "write a date, or a date and time, in quotes, such as '2026-01-31' or '2026-01-31T08:00'",
}
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "is not distinct from",
    ast.NotEq: "is distinct from",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_SLIPS = {"true": "write True", "false": "write False", "none": "write None", "null": "write None"}
_GRAMMAR = "use and, or, not, ==, !=, <, <=, >, >=, in (…), is None, over columns, texts and numbers"


@dataclass(frozen=True)
class Condition:
    """SQL that is true or false of a row, over the aliases `customer`, `interaction` or `employee`, with its bound values.

    Besides `binds` it may need `as_of_on` (a date) and `timezone` (the company's).
    """

    sql: str
    binds: Mapping[str, Any]


@dataclass(frozen=True)
class Mistake:
    what: str
    hint: str = ""


@dataclass(frozen=True)
class _Value:
    """A column or a literal. `kind` is a word for what it holds; None for the literal None."""

    sql: str
    kind: str | None
    literal: Any = None
    is_column: bool = False


class Wrong(Exception):
    """One mistake, and where reading cannot go on below it."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.mistake = Mistake(what, hint)


def condition(text: str, about: Sequence[str], *, prefix: str = "condition") -> Condition:
    """The condition as SQL; an empty text is true of everything. `about` says which records it may name.

    Raises ValueError for a text that `mistakes` finds fault with; a loaded company folder holds none.
    """
    reader = _Reader(about, prefix)
    sql = reader.read(text)
    if reader.mistakes:
        raise ValueError("; ".join(mistake.what for mistake in reader.mistakes))
    return Condition(sql, reader.binds)


def mistakes(text: str, about: Sequence[str]) -> list[Mistake]:
    """Everything that is wrong with a condition, in the order of its text."""
    reader = _Reader(about, "condition")
    reader.read(text)
    return reader.mistakes


def grouping(text: str, about: Sequence[str]) -> str:
    """SQL for the column that makes groups, such as `customer.segment`, as a text. Raises `Wrong` where it cannot."""
    try:
        node = _parsed(text)
    except (SyntaxError, ValueError):
        raise Wrong("is no column", "write record.column, such as customer.segment") from None
    value = _column(node, about)
    if value.kind not in ("text", "yes or no"):
        raise Wrong(f"{text.strip()} holds a {value.kind}, which makes no groups", "name a column of texts, such as customer.segment")
    return f"cast({value.sql} as text)"


def _column(node: ast.expr, about: Sequence[str]) -> _Value:
    if isinstance(node, ast.Name):
        owner = next((record for record in about if node.id in _columns(record)), None)
        hint = f"write {owner}.{node.id}" if owner else _SLIPS.get(node.id.lower(), f"{_WRITE['text']}; {_GRAMMAR}")
        raise Wrong(f"{node.id} is no column", hint)
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        raise Wrong(f"{ast.unparse(node)} cannot be used here", _GRAMMAR)
    record, column = node.value.id, node.attr
    if record not in about:
        where = f"there is no {record} here"
        if record in RECORDS:
            raise Wrong(where, f"this kind of programme knows {' and '.join(about)} only")
        raise Wrong(where, did_you_mean(record, list(about)))
    if (record, column) in DERIVED:
        kind, sql = DERIVED[record, column]
        return _Value(sql, _KINDS[kind], is_column=True)
    entity = ENTITIES[RECORDS[record]]
    if any(column == personal.name for personal in entity.pii_columns):
        hint = "use customer.has_email" if column == "email" and record == "customer" else "choose another column"
        raise Wrong(f"{record}.{column} is personal and takes no part in choosing", hint)
    known = _columns(record)
    if column not in known:
        raise Wrong(f"{entity.name} has no column {column}", did_you_mean(column, known))
    declared = entity.column(column)
    if declared.type is Type.JSON:
        raise Wrong(f"{record}.{column} holds several values", "map the one that you need to a column of its own in sources.yml")
    return _Value(f"{record}.{name(column)}", _KINDS[declared.type], is_column=True)


def _columns(record: str) -> list[str]:
    plain = [column.name for column in ENTITIES[RECORDS[record]].plain_columns]
    return plain + [column for owner, column in DERIVED if owner == record]


@dataclass
class _Reader:
    about: Sequence[str]
    prefix: str
    binds: dict[str, Any] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def read(self, text: str) -> str:
        if not text.strip():
            return "true"
        try:
            return self.truth(_parsed(text))
        except SyntaxError as error:
            near = (error.text or "").strip().removeprefix("(")[max(0, (error.offset or 0) - 12) :][:24]
            self.mistakes.append(Mistake(f"is no condition; it cannot be read near {near!r}", _syntax_hint(text)))
        except (ValueError, RecursionError, MemoryError):
            self.mistakes.append(Mistake("is no condition", _GRAMMAR))
        return "false"

    def truth(self, node: ast.expr) -> str:
        """SQL for something that is true or false."""
        if isinstance(node, ast.BoolOp):
            word = " and " if isinstance(node.op, ast.And) else " or "
            return f"({word.join(self.truth(part) for part in node.values)})"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return f"(not {self.truth(node.operand)})"
        return self.noted(lambda: self.comparison(node) if isinstance(node, ast.Compare) else self.alone(node))

    def noted(self, read: Callable[[], str]) -> str:
        try:
            return read()
        except Wrong as wrong:
            self.mistakes.append(wrong.mistake)
            return "false"

    def alone(self, node: ast.expr) -> str:
        """A column of yes and no, or True or False, that stands by itself."""
        value = self.value(node)
        if value.kind != "yes or no":
            raise Wrong(f"{ast.unparse(node)} is neither true nor false", "compare it with something")
        return f"coalesce({value.sql}, false)"

    def comparison(self, node: ast.Compare) -> str:
        operands = [node.left, *node.comparators]
        pairs = zip(operands, node.ops, operands[1:], strict=False)
        return f"({' and '.join(self.pair(left, sign, right) for left, sign, right in pairs)})"

    def pair(self, left_node: ast.expr, sign: ast.cmpop, right_node: ast.expr) -> str:
        left = self.value(left_node)
        if isinstance(sign, ast.In | ast.NotIn):
            return self.membership(left, sign, right_node)
        right = self.value(right_node)
        if isinstance(sign, ast.Is | ast.IsNot):
            if right.kind is not None or not left.is_column:
                raise Wrong("`is` goes with a column and None only", "write == to compare")
            return f"({left.sql} is {'not ' if isinstance(sign, ast.IsNot) else ''}null)"
        left_sql, right_sql, kind = self.alike(left, right)
        if isinstance(sign, ast.Eq | ast.NotEq):
            return f"({left_sql} {_SIGNS[type(sign)]} {right_sql})"
        if kind not in ("number", "date", "time"):
            raise Wrong(f"{ast.unparse(left_node)} holds a {kind or 'None'}, which has no order", "compare it with == or in (…)")
        return f"coalesce({left_sql} {_SIGNS[type(sign)]} {right_sql}, false)"

    def membership(self, left: _Value, sign: ast.In | ast.NotIn, right: ast.expr) -> str:
        if not isinstance(right, ast.Tuple | ast.List | ast.Set) or not right.elts:
            raise Wrong(f"`in` needs a list, not {ast.unparse(right)}", "write in ('one', 'two'), or in ('one',) for one")
        values = [self.value(item) for item in right.elts]
        if any(value.kind is None or value.is_column for value in values):
            raise Wrong("a list holds texts or numbers only", "write `or column is None` beside it")
        found = ", ".join(self.alike(left, value)[1] for value in values)
        within = f"coalesce({left.sql} in ({found}), false)"
        return f"(not {within})" if isinstance(sign, ast.NotIn) else within

    def alike(self, left: _Value, right: _Value) -> tuple[str, str, str | None]:
        """SQL of both sides and the kind of value that they hold; a literal takes on the kind of its column."""
        if not (left.is_column or right.is_column):
            raise Wrong("two fixed values are compared", "name a column on one side")
        if left.is_column and right.is_column:
            if left.kind != right.kind:
                raise Wrong(f"a {left.kind} is compared with a {right.kind}", "compare columns that hold the same")
            return left.sql, right.sql, left.kind
        column, literal = (left, right) if left.is_column else (right, left)
        bound = "null" if literal.kind is None else self.bound(literal, str(column.kind))
        return (column.sql, bound, column.kind) if left.is_column else (bound, column.sql, column.kind)

    def value(self, node: ast.expr) -> _Value:
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            inner = self.value(node.operand)
            if inner.kind == "number":
                return _Value("", "number", -inner.literal)
        if not isinstance(node, ast.Constant):
            return _column(node, self.about)
        if node.value is None:
            return _Value("null", None)
        if isinstance(node.value, bool):
            return _Value("true" if node.value else "false", "yes or no", node.value)
        if isinstance(node.value, int | float):
            return _Value("", "number", node.value)
        if isinstance(node.value, str):
            return _Value("", "text", node.value)
        raise Wrong(f"{ast.unparse(node)} is no value that a column holds", _GRAMMAR)

    def bound(self, literal: _Value, kind: str) -> str:
        wrong = Wrong(f"{literal.literal!r} is compared with a {kind}", _WRITE[kind])
        if kind == literal.kind == "yes or no":
            return literal.sql
        value = literal.literal
        if kind in ("date", "time") and literal.kind == "text":
            try:
                value = date.fromisoformat(value) if kind == "date" else datetime.fromisoformat(value)
            except ValueError:
                raise wrong from None
        elif kind != literal.kind:
            raise wrong
        bind = f"{self.prefix}_{len(self.binds)}"
        self.binds[bind] = value
        if kind == "time" and value.tzinfo is None:  # as a person at the company would read it
            return f"(cast(:{bind} as timestamp) at time zone :timezone)"
        return {"text": f"cast(:{bind} as text)", "number": f"cast(:{bind} as numeric)", "date": f"cast(:{bind} as date)"}.get(
            kind, f"cast(:{bind} as timestamptz)"
        )


def _parsed(text: str) -> ast.expr:
    """Between brackets, so that a condition may go over several lines."""
    return ast.parse(f"({text.strip()}\n)", mode="eval").body


def _syntax_hint(text: str) -> str:
    for sign, instead in (("&&", "and"), ("||", "or"), ("<>", "!=")):
        if sign in text:
            return f"write {instead} in place of {sign}"
    try:  # one = alone is the usual slip
        _parsed(re.sub(r"(?<![=!<>])=(?!=)", "==", text))
    except (SyntaxError, ValueError):
        return _GRAMMAR
    return "write == to compare"
