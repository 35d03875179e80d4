"""Which entities the company maps, what is there of each, and how new it is. An absent one leaves its marts empty."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.warehouse.entities import ENTITIES, Entity, Type
from shopkeeper.warehouse.tables import ENTITY_AVAILABILITY, RAW


def refresh_availability(connection: sa.Connection, folder: CompanyFolder, build_id: int) -> None:
    """Write `quality.entity_availability` from the batches that a build froze. Set-based: one pass per entity."""
    sources: dict[str, list[str]] = {}
    for source, _, name, _ in folder.mappings():
        sources.setdefault(name, []).append(source)
    connection.execute(sa.delete(ENTITY_AVAILABILITY))
    for name, entity in ENTITIES.items():
        rows, newest = connection.execute(_counts(entity), {"build_id": build_id, "zone": folder.company.timezone}).one()
        connection.execute(
            sa.insert(ENTITY_AVAILABILITY).values(
                entity=name,
                is_mapped=name in sources,
                sources=", ".join(sources.get(name, [])),
                newest_record_at=newest,
                rows_current=rows,
            )
        )


def _counts(entity: Entity) -> sa.TextClause:
    """Keys whose latest version has not been deleted, and the newest business time (a date counts from its midnight)."""
    newest = "null::timestamptz"
    if entity.moment:
        is_date = entity.column(entity.moment).type is Type.DATE
        newest = f"max({entity.moment}{'::timestamp at time zone :zone' if is_date else ''})"
    frozen = "_batch_id in (select batch_id from ops.build_batches where build_id = :build_id)"
    updated = "updated_at desc nulls last, " if "updated_at" in RAW[entity.name].c else ""
    table = RAW[entity.name].fullname
    return sa.text(f"""
        with versions as (
            select * from {table} where {frozen}
        ),
        gone as (
            -- only keys that were ever deleted need their versions put in order
            select count(*) as keys
            from (
                select distinct on (_key) _is_deleted
                from versions
                where _key in (select _key from versions where _is_deleted)
                order by _key, {updated}_loaded_at desc, _batch_id desc
            ) as latest
            where _is_deleted
        )
        select count(distinct _key) - (select keys from gone), {newest} from versions
    """)
