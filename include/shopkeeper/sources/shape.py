"""What a mapping makes of the columns that a source turned out to have."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from shopkeeper.company import answers
from shopkeeper.company.base import did_you_mean
from shopkeeper.company.config import CompanyFolder, Mapping, Source
from shopkeeper.errors import Problem, ShopkeeperError
from shopkeeper.warehouse.batches import Span
from shopkeeper.warehouse.entities import ENTITIES, Entity, Type
from shopkeeper.warehouse.landing import Landing
from shopkeeper.warehouse.rows import Shape, constant
from shopkeeper.warehouse.typing import Reading, literal, name

# Other entities refer to these, so a made-up key would never match.
REFERENCED = {"customer_id", "account_id", "product_id", "org_unit_id", "employee_id"}


@dataclass(frozen=True)
class Columns:
    """Source columns: those of this read, and those of the last read of the same source (None before the first)."""

    seen: Collection[str]
    before: Collection[str] | None = None

    @property
    def added(self) -> list[str]:
        return sorted(set(self.seen) - set(self.before)) if self.before is not None else []

    @property
    def dropped(self) -> list[str]:
        return sorted(set(self.before or ()) - set(self.seen))

    def details(self) -> dict[str, list[str]]:
        """For the batch's record; a read that saw no columns at all (an empty file) leaves them as they were."""
        if not self.seen:
            return {"columns": sorted(self.before)} if self.before is not None else {}
        noted = {"columns": sorted(self.seen), "columns_added": self.added, "columns_dropped": self.dropped}
        return {key: value for key, value in noted.items() if value}


def reading(folder: CompanyFolder, source: Source, mapping: Mapping) -> Reading:
    return Reading(
        timezone=mapping.timezone or source.timezone,
        company_timezone=folder.company.timezone,
        missing=mapping.missing,
        lower_case_ids=mapping.lower_case_ids,
        date_order=mapping.date_order,
        decimal_comma=mapping.decimal_comma,
    )


def wanted(entity: Entity, mapping: Mapping) -> set[str]:
    """Source columns that the mapping could use."""
    documents = (mapping.answers, mapping.free_answers, mapping.attributes)
    named = {*mapping.columns.values(), *(column for document in documents for column in document.values())}
    same_name = {column.name for column in entity.columns if column.name not in mapping.columns and column.name not in mapping.constants}
    return named | (same_name - set(mapping.ignore))


def shape(
    folder: CompanyFolder,
    source_name: str,
    entity_name: str,
    landing: Landing,
    columns: Columns,
    *,
    where: str,
    window: Span | None = None,
    extra_document: str | None = None,
) -> Shape:
    """Say what each canonical column is made of.

    A column named in the mapping that the source has dropped is NULL from now on; where it is required, or where the
    source never had it, ShopkeeperError names it. `window` filters rows by the cursor, for sources that cannot.
    """
    source = folder.sources[source_name]
    mapping, entity = source.entities[entity_name], ENTITIES[entity_name]
    find = _Finder(landing, columns, where)
    texts = _texts(entity, mapping, find)
    documents = _documents(mapping, find)
    row_key = _row_key(entity, mapping, texts)
    for column in entity.columns:
        if column.required and column.name not in texts and column.name != row_key and column.name not in mapping.columns:
            find.miss(column.name)
    if row_key:
        find.need_distinct_files()
    if find.problems and not (landing.rows == 0 and not columns.seen):  # an empty file says nothing about columns
        raise ShopkeeperError(find.problems)

    used = {*texts.values(), *(text for document in documents.values() for text in document.values())}
    undeclared = {
        column: text
        for column, text in landing.columns.items()
        if column in columns.seen and text not in used and column not in mapping.ignore
    }
    return Shape(
        entity=entity,
        source=source_name,
        reading=reading(folder, source, mapping),
        texts=texts,
        documents=documents,
        extra=undeclared,
        extra_document=extra_document,
        row_key=row_key,
        rules=_rules(folder, entity, mapping),
        defaults=_defaults(entity, source_name),
        derived={"has_email": "email is not null"} if entity_name == "customers" and "email" in texts and "has_email" not in texts else {},
        window=_inside(entity, mapping, window, folder) if window and mapping.cursor else None,
        full_snapshot=mapping.full_snapshot,
    )


@dataclass
class _Finder:
    """Finds the landing columns of source columns, and notes those that are not there."""

    landing: Landing
    columns: Columns
    where: str
    problems: list[Problem] = field(default_factory=list)

    def landed(self, source_column: str, key: str, *, required: bool = False) -> str | None:
        if source_column in self.columns.seen:
            return self.landing.column(source_column)
        where = f"{self.where} › {key}"
        if source_column not in (self.columns.before or ()):
            hint = did_you_mean(source_column, sorted(self.columns.seen)) or "see that header, delimiter and encoding are right"
            self.problems.append(Problem(where, f"the source has no column {source_column}{self._files()}", hint))
        elif required:
            what = f"the source has dropped its column {source_column}, which is required{self._files()}"
            self.problems.append(Problem(where, what, "bring it back at the source, or name another column"))
        return None

    def miss(self, column: str) -> None:
        """Nothing gives a required column."""
        dropped = column in (self.columns.before or ())
        what = f"the source has dropped its column {column}, which is required" if dropped else f"nothing gives {column}, which is required"
        hint = f"name its source column; the source has {', '.join(sorted(self.columns.seen)) or 'no columns'}"
        self.problems.append(Problem(f"{self.where} › columns › {column}", what + self._files(), hint))

    def need_distinct_files(self) -> None:
        """Rows without an id are known by their file's name, so two files of one name would be taken for one."""
        names = [file.name for file in self.landing.files]
        if twice := sorted({name for name in names if name and names.count(name) > 1}):
            hint = "give them different names, or name a column with an id under columns"
            self.problems.append(Problem(f"{self.where} › path", f"two files are called {twice[0]}, and their rows have no id", hint))

    def _files(self) -> str:
        names = [file.name for file in self.landing.files if file.name]
        return f" ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else ""


def _texts(entity: Entity, mapping: Mapping, find: _Finder) -> dict[str, str]:
    """Canonical column → SQL for its text: a constant, the column that the mapping names, or the one of the same name."""
    texts: dict[str, str] = {}
    claimed = {*mapping.columns.values(), *mapping.answers.values(), *mapping.free_answers.values(), *mapping.attributes.values()}
    for column in entity.columns:
        if column.name in mapping.constants:
            texts[column.name] = constant(mapping.constants[column.name])
        elif column.name in mapping.columns:
            if text := find.landed(mapping.columns[column.name], f"columns › {column.name}", required=column.required):
                texts[column.name] = text
        elif column.name in find.columns.seen and column.name not in claimed and column.name not in mapping.ignore:
            texts[column.name] = find.landing.column(column.name)
    for end, day in zip(("period_from", "period_to"), mapping.period or (), strict=False):
        texts.setdefault(end, constant(day.isoformat()))
    return texts


def _documents(mapping: Mapping, find: _Finder) -> dict[str, dict[str, str]]:
    """JSON column → key → landing column."""
    documents: dict[str, dict[str, str]] = {}
    for part in ("answers", "free_answers", "attributes"):
        found = {key: find.landed(column, f"{part} › {key}") for key, column in getattr(mapping, part).items()}
        if given := {key: text for key, text in found.items() if text}:
            documents[part] = given
    return documents


def _row_key(entity: Entity, mapping: Mapping, texts: Collection[str]) -> str | None:
    """The key column that is made of file and row number: the id of a file's rows that have none, where nothing refers to it."""
    candidates = [key for key in entity.key if entity.column(key).type is Type.ID and key not in texts and key not in mapping.columns]
    return candidates[0] if mapping.path and candidates and candidates[0] not in REFERENCED else None


def _defaults(entity: Entity, source_name: str) -> dict[str, str]:
    if entity.name == "survey_responses":
        return answers.defaults(source_name)
    return {"programme": "'survey'"} if entity.name == "survey_invitations" else {}


def _rules(folder: CompanyFolder, entity: Entity, mapping: Mapping) -> list[tuple[str, str, str]]:
    if entity.name == "benchmark_responses":
        return [("score not between 0 and 10", "score", "is not on the scale 0-10")]
    if entity.name != "survey_responses":
        return []
    rules = answers.rules(folder.company)
    if mapping.mandatory_score:
        rules.append(("score is null and is_complete", "score", "is missing on a complete answer"))
    return rules


def _inside(entity: Entity, mapping: Mapping, window: Span, folder: CompanyFolder) -> str:
    assert mapping.cursor is not None
    cursor = name(mapping.cursor)
    moment = cursor
    if entity.column(mapping.cursor).type is Type.DATE:
        moment = f"({cursor}::timestamp at time zone {literal(folder.company.timezone)})"
    start, end = (f"{literal(edge.isoformat())}::timestamptz" for edge in window)
    return f"({cursor} is null or {moment} > {start} and {moment} <= {end})"
