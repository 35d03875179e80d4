"""What is to be made of landed texts, as SQL over a row of the landing table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.dialects import postgresql

from shopkeeper.warehouse.entities import Column, Entity, Type
from shopkeeper.warehouse.landing import Landing
from shopkeeper.warehouse.tables import STORED_TYPE
from shopkeeper.warehouse.typing import BLANKS, Reading, cleaned, literal, misfit, name, typed, vouched

# Keeps Postgres from writing an inner expression out once per use. In quotes, because a plain 0 would be cast from
# integer, and then the planner takes it for a real offset, which rules out a parallel plan.
FENCE = "offset '0'"
_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]


def constant(text: str) -> str:
    """SQL for a text that is the same in every row; tied to the row, because Postgres would try a constant's casts while it plans."""
    return f"case when _row > 0 then {literal(text)} end"


@dataclass(frozen=True)
class Shape:
    """What is to be made of a landing table.

    `texts`: canonical column → SQL for its text (a landing column or a `constant`). `documents`: canonical JSON column →
    key → landing column. `extra`: undeclared source column → landing column; `extra_document`: landing column that
    holds them as JSON. `row_key`: the key column that is made of file and row number. `rules`: (SQL that is true where
    a row breaks the rule, column, reason). `defaults` and `derived`: SQL for a value where none came; `derived` may
    name other columns. `window`: SQL that is true for rows inside the batch's window.
    """

    entity: Entity
    source: str
    reading: Reading
    texts: Mapping[str, str]
    documents: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    extra_document: str | None = None
    row_key: str | None = None
    rules: Sequence[tuple[str, str, str]] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, str] = field(default_factory=dict)
    window: str | None = None
    full_snapshot: bool = False

    @property
    def holds_pii(self) -> bool:
        given = {*self.texts, *self.documents}
        return bool(self.extra or self.extra_document or any(column.name in given for column in self.entity.pii_columns))


class Rows:
    """The SQL of one batch's rows. `with_pii` is false where neither this batch nor an earlier one holds personal data."""

    def __init__(self, landing: Landing, shape: Shape, *, with_pii: bool) -> None:
        self.landing, self.shape, self.with_pii = landing, shape, with_pii
        entity = shape.entity
        self.namespace = literal(f"{entity.name}:{shape.source}")
        self.plain = ", ".join(name(column.name) for column in entity.plain_columns)
        self.personal = ", ".join([*(name(column.name) for column in entity.pii_columns), "extra"])

    def identified(self) -> str:
        """A query for what a row is known by (place, key, hashes) without typing it.

        A row that could not be read as one has no texts, so its hash is that of no version with an updated_at.
        """
        key = ", ".join(f"({self._value(self.shape.entity.column(key))})::text" for key in self.shape.entity.key)
        return f"""
            select {self.row_number()} as _row_number, _file, _row,
                ops.stable_id({self.namespace}, concat_ws(chr(31), {key})) as _key,
                {self._row_hash()} as _row_hash, {self._pii_hash(self._extra())} as _pii_hash
            from {self.landing.table}
            {FENCE}
        """

    def typed(self, where: str) -> str:
        """A query for typed rows with key, hashes and what is wrong with them."""
        shape, entity = self.shape, self.shape.entity
        values = [f"{self._value(column)} as {name(column.name)}" for column in entity.columns if column.name not in shape.derived]
        # A default would hide that the text did not fit.
        values += [f"{self._typed(column)} as _own_{column.name}" for column in self._checked() if column.name in shape.defaults]
        derived = "".join(f", {expression} as {name(column)}" for column, expression in shape.derived.items())
        key = ", ".join(f"{name(column)}::text" for column in entity.key)
        return f"""
            select
                {self.row_number()} as _row_number, _file, _row, {self.plain}, {self.personal},
                ops.stable_id({self.namespace}, _natural_key) as _key,
                {self._row_hash()} as _row_hash, {self._pii_hash("extra")} as _pii_hash,
                {f"num_nonnulls({self.personal}) > 0" if self.with_pii else "false"} as _has_pii,
                {self._flags()} as _flags,
                case when _wrong is not null then _natural_key end as _natural_key,
                split_part(_wrong, chr(31), 1) as _column, split_part(_wrong, chr(31), 2) as _reason,
                case when _wrong is not null then {self._payload()} end as _payload,
                _retry_of
            from (
                select *, {self._wrong()} as _wrong,
                    case when {self._key_is_readable()} then concat_ws(chr(31), {key}) end as _natural_key
                from (
                    select * {derived} from (
                        select *, {", ".join(values)}, {self._extra()} as extra from {self.landing.table} as landed where {where} {FENCE}
                    ) as typed {FENCE if derived else ""}
                ) as whole
                where {shape.window or "true"}
                {FENCE}
            ) as judged
        """

    def row_number(self) -> str:
        """SQL for a row's place in the batch: the rows before its file, and its number in it."""
        before, offsets = 0, []
        for file in self.landing.files:
            offsets.append(before)
            before += file.rows
        return f"('{{{','.join(map(str, offsets))}}}'::bigint[])[_file] + _row" if len(offsets) > 1 else "_row"

    def file_name(self) -> str:
        names = [file.name for file in self.landing.files]
        return f"(array[{', '.join(literal(each) for each in names)}]::text[])[_file]" if names else "null::text"

    # --- hashes -------------------------------------------------------------------------------------------------------

    def _row_hash(self) -> str:
        """Over the texts as they came, and how they are read: equal hashes mean equal values, without typing them."""
        texts = [column.name for column in self.shape.entity.plain_columns]
        return self._hash([*self._texts(texts), *self._derived_texts()])

    def _pii_hash(self, extra: str) -> str:
        if not self.with_pii:
            return "null::uuid"
        return self._hash([*self._texts([*(column.name for column in self.shape.entity.pii_columns), "updated_at"]), f"({extra})::text"])

    def _hash(self, texts: Sequence[str]) -> str:
        how = literal(hashlib.md5(repr(self.shape.reading).encode(), usedforsecurity=False).hexdigest()[:8])
        return f"md5(row({', '.join([how, *texts])})::text)::uuid"

    def _texts(self, columns: Sequence[str]) -> list[str]:
        shape, given = self.shape, []
        for column in columns:
            keys = sorted(shape.documents.get(column, {}).items())
            given += [shape.texts.get(column, "null"), *(part for key, text in keys for part in (literal(key), text))]
        return given

    def _derived_texts(self) -> list[str]:
        return [f"{cleaned(self.shape.texts['email'], self.shape.reading)} is null"] if "has_email" in self.shape.derived else []

    # --- values -------------------------------------------------------------------------------------------------------

    def _checked(self) -> list[Column]:
        """Columns whose text may not fit."""
        shape = self.shape
        return [column for column in shape.entity.columns if column.name in shape.texts and column.type is not Type.TEXT]

    def _typed(self, column: Column) -> str:
        text, reading = self.shape.texts[column.name], self.shape.reading
        known = vouched(column.type, text, self.landing.written.get(text, ""), reading)
        return known or typed(column.type, text, reading)

    def _value(self, column: Column) -> str:
        """SQL for a column's value: typed text, JSON made of several columns, file and row, default, in this order."""
        shape = self.shape
        values = [self._typed(column)] if column.name in shape.texts else []
        if column.name in shape.documents:
            document = self._document(shape.documents[column.name])
            values = [f"coalesce({values[0]} || {document}, {values[0]}, {document})"] if values else [document]
        if column.name == shape.row_key:
            values.append(f"concat_ws(':', {self.file_name()}, _row)")
        if column.name in shape.defaults:
            values.append(shape.defaults[column.name])
        if not values:
            return f"null::{STORED_TYPE[column.type].compile(dialect=_POSTGRES)}"
        return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"

    def _document(self, keys: Mapping[str, str]) -> str:
        """Keys with a value, as a JSON object of texts; NULL where there is none."""
        names = ", ".join(literal(key) for key in keys)
        texts = ", ".join(cleaned(column, self.shape.reading) for column in keys.values())
        return f"nullif(jsonb_strip_nulls(jsonb_object(array[{names}], array[{texts}])), '{{}}')"

    def _extra(self) -> str:
        parts = [self._document(self.shape.extra)] if self.shape.extra else []
        parts += [f"{self.shape.extra_document}::jsonb"] if self.shape.extra_document else []
        whole = " || ".join(f"coalesce({part}, '{{}}')" for part in parts)
        return f"nullif({whole}, '{{}}')" if parts else "null::jsonb"

    def _wrong(self) -> str:
        """SQL for column and reason of the first thing wrong with a row, joined by chr(31); NULL where nothing is."""
        shape, separator = self.shape, " || chr(31) || "
        cases = ["when _fault is not null then chr(31) || _fault"]
        for column in self._checked():
            text, value = cleaned(shape.texts[column.name], shape.reading), name(column.name)
            value = f"_own_{column.name}" if column.name in shape.defaults else value
            why = literal(column.name) + separator + misfit(column.type, text, shape.reading)
            cases.append(f"when {value} is null and {text} is not null then {why}")
        cases += [
            f"when {name(column.name)} is null then {literal(column.name)}{separator}'is missing'"
            for column in shape.entity.columns
            if column.required
        ]
        cases += [f"when {broken} then {literal(column)}{separator}{literal(reason)}" for broken, column, reason in shape.rules]
        return f"case {' '.join(cases)} end"

    def _key_is_readable(self) -> str:
        shape = self.shape
        unreadable = ["_fault is not null"]
        unreadable += [f"{name(key)} is null" for key in shape.entity.key if shape.entity.column(key).required]
        unreadable += [
            f"({name(column.name)} is null and {cleaned(shape.texts[column.name], shape.reading)} is not null)"
            for column in self._checked()
            if column.name in shape.entity.key and not column.required
        ]
        return f"not ({' or '.join(unreadable)})"

    def _flags(self) -> str:
        text = self.shape.texts.get("score")
        if text is None:
            return "null::text"
        trimmed = f"{text} <> score::text and {text} <> btrim({text}, {literal(BLANKS)})"
        return f"case when score is not null and {trimmed} then 'score_trimmed' end"

    def _payload(self) -> str:
        """The row as it came: source column → text; a row that could not be read as one: its cells."""
        columns = self.landing.columns
        if not columns:
            return "jsonb_build_object('_cells', _cells)"
        names, texts = ", ".join(literal(column) for column in columns), ", ".join(columns.values())
        whole = f"jsonb_strip_nulls(jsonb_object(array[{names}], array[{texts}]))"
        if self.shape.row_key:  # two equal rows without an id are two rows
            whole += f" || jsonb_build_object('_row', concat_ws(':', {self.file_name()}, _row))"
        return f"case when _fault is null then {whole} else jsonb_build_object('_cells', _cells) end"
