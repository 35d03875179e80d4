"""What people decide about surveys: pauses, whom never to contact, and which waves may go out. Each decision keeps its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.warehouse.survey_tables import CONTACT_BLOCKS, PAUSES


@dataclass(frozen=True)
class Pause:
    """`programme` is None where everything is paused."""

    pause_id: int
    programme: str | None
    reason: str
    paused_by: str
    paused_at: datetime


@dataclass(frozen=True)
class Block:
    """One entry of the suppression list. An address is known by its hash alone and is shown nowhere."""

    block_id: int
    kind: str
    customer_id: str | None
    address_hash: str | None
    reason: str | None
    blocked_by: str
    blocked_at: datetime
    lifted_at: datetime | None
    lift_reason: str | None


# --- pauses ----------------------------------------------------------------------------------------------------------


_PAUSE = [PAUSES.c[name] for name in Pause.__dataclass_fields__]


def pause(engine: sa.Engine, *, programme: str | None, reason: str, actor: str, now: datetime) -> int:
    """Stop sending for one programme, or for all; returns the pause's id.

    Senders look before every e-mail, so nothing that has not been handed to a mail server by now goes out.
    """
    values = {"programme": programme, "reason": _reason("pause", reason), "paused_by": actor, "paused_at": now}
    with engine.begin() as connection:
        return int(connection.execute(sa.insert(PAUSES).values(values).returning(PAUSES.c.pause_id)).scalar_one())


def resume(engine: sa.Engine, *, programme: str | None, actor: str, now: datetime) -> tuple[Pause, ...]:
    """Close every open pause of the programme (None: those of everything); returns them.

    Raises ShopkeeperError when there is none. A programme stays paused while everything is.
    """
    is_meant = PAUSES.c.programme.is_not_distinct_from(programme)
    with engine.begin() as connection:
        closed = (
            connection.execute(
                sa.update(PAUSES).where(PAUSES.c.resumed_at.is_(None), is_meant).values(resumed_at=now, resumed_by=actor).returning(*_PAUSE)
            )
            .mappings()
            .all()
        )
    if not closed:
        others = ", ".join(sorted({one.programme or "everything" for one in open_pauses(engine)}))
        hint = f"paused now: {others}" if others else "nothing is paused"
        raise fail(f"resume {programme or 'everything'}", "is not paused", hint)
    return tuple(Pause(**row) for row in closed)


def open_pauses(engine: sa.Engine) -> tuple[Pause, ...]:
    """The pauses that stop sending now, oldest first."""
    query = sa.select(*_PAUSE).where(PAUSES.c.resumed_at.is_(None)).order_by(PAUSES.c.pause_id)
    with engine.connect() as connection:
        return tuple(Pause(**row) for row in connection.execute(query).mappings())


def programmes(engine: sa.Engine) -> tuple[str, ...]:
    """Every programme that has had a wave, whether programmes.yml still knows it or not."""
    with engine.connect() as connection:
        return tuple(connection.scalars(sa.text("select distinct programme from ops.waves order by programme")))


# --- whom not to contact ----------------------------------------------------------------------------------------------

# Hashed in the database, here and by whoever compares: Python's idea of small letters differs from Postgres's.
ADDRESS_HASH = "encode(sha256(convert_to(lower(btrim(:address)), 'UTF8')), 'hex')"


def block(engine: sa.Engine, *, customer_id: str | None = None, address: str | None = None, reason: str, actor: str, now: datetime) -> int:
    """Put a customer, or an address, on the do-not-contact list; returns the block's id. The address is kept as a hash.

    Raises ShopkeeperError for an id that no customer has: a slip of the finger would leave the person on the lists.
    """
    where = "do-not-contact add"
    if (customer_id is None) == (address is None):
        raise fail(where, "needs either a customer or an address", "./shopkeeper do-not-contact add CUSTOMER --reason …, or --address …")
    if address is not None and "@" not in address:
        raise fail(where, "what is given as an address has no @", "give the whole e-mail address")
    with engine.begin() as connection:
        if customer_id is not None and not _is_known(connection, customer_id):
            raise fail(f"{where} {customer_id}", "no customer has this id", "correct it, or give the address with --address")
        values = {
            "kind": "do_not_contact",
            "customer_id": customer_id,
            "address_hash": address and connection.scalar(sa.text(f"select {ADDRESS_HASH}"), {"address": address}),
            "reason": _reason(where, reason),
            "blocked_by": actor,
            "blocked_at": now,
        }
        return int(connection.execute(sa.insert(CONTACT_BLOCKS).values(values).returning(CONTACT_BLOCKS.c.block_id)).scalar_one())


def lift(engine: sa.Engine, *, customer_id: str | None = None, address: str | None = None, reason: str, actor: str, now: datetime) -> int:
    """Lift every open block of a customer or an address, whatever its kind; returns how many that were.

    Raises ShopkeeperError when there is none. What the CRM says (`opted_out`, `do_not_contact`) is not lifted by this.
    """
    where = "do-not-contact lift"
    if (customer_id is None) == (address is None):
        raise fail(where, "needs either a customer or an address", "./shopkeeper do-not-contact list shows what is blocked")
    with engine.begin() as connection:
        is_meant = CONTACT_BLOCKS.c.customer_id == customer_id
        if address is not None:
            is_meant = CONTACT_BLOCKS.c.address_hash == connection.scalar(sa.text(f"select {ADDRESS_HASH}"), {"address": address})
        lifted = connection.execute(
            sa.update(CONTACT_BLOCKS)
            .where(is_meant, CONTACT_BLOCKS.c.lifted_at.is_(None))
            .values(lifted_at=now, lifted_by=actor, lift_reason=_reason(where, reason))
            .returning(CONTACT_BLOCKS.c.block_id)
        ).all()
    if not lifted:
        raise fail(where, f"{customer_id or 'this address'} is not blocked", "./shopkeeper do-not-contact list shows what is")
    return len(lifted)


def list_blocks(engine: sa.Engine, *, with_lifted: bool = False, limit: int | None = None) -> tuple[Block, ...]:
    """The suppression list, newest first; lifted ones only when asked for."""
    columns = [CONTACT_BLOCKS.c[name] for name in Block.__dataclass_fields__]
    query = sa.select(*columns).order_by(CONTACT_BLOCKS.c.block_id.desc()).limit(limit)
    if not with_lifted:
        query = query.where(CONTACT_BLOCKS.c.lifted_at.is_(None))
    with engine.connect() as connection:
        return tuple(Block(**row) for row in connection.execute(query).mappings())


def _is_known(connection: sa.Connection, customer_id: str) -> bool:
    query = """
        select exists (select from raw.customers where customer_id = :id) or exists (select from raw.employees where employee_id = :id)
            or exists (select from ops.invitations where customer_id = :id)
    """
    return bool(connection.scalar(sa.text(query), {"id": customer_id}))


def _reason(where: str, reason: Any) -> str:
    text = str(reason or "").strip()
    if not text:
        raise fail(where, "needs a reason", "say why with --reason; it is kept for auditors")
    return text
