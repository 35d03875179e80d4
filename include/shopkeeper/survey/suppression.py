"""Blocks that follow from what happened: addresses that do not exist, mailboxes that keep refusing, people who complained."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.survey.control import ADDRESS_HASH

Kind = Literal["hard_bounce", "soft_bounces", "complaint", "opted_out"]
SOFT_BOUNCES = 3  # in a row, and the mailbox is left alone

_BLOCK = f"""
    insert into pii.contact_blocks (kind, customer_id, address_hash, reason, invitation_id, blocked_by, blocked_at)
    select :kind, cast(:person_id as text), hashes.address_hash, :reason, :invitation_id, 'shopkeeper', :now
    from (select case when cast(:address as text) is not null then {ADDRESS_HASH} end as address_hash) as hashes
    where not exists (
        select from pii.contact_blocks as old
        where old.kind = :kind and old.lifted_at is null
            and old.customer_id is not distinct from cast(:person_id as text)
            and old.address_hash is not distinct from hashes.address_hash
    )
"""


def block(
    connection: sa.Connection,
    kind: Kind,
    *,
    invitation_id: UUID,
    reason: str,
    now: datetime,
    person_id: str | None = None,
    address: str | None = None,
) -> None:
    """Never write to this person or address again until somebody lifts it; at once, inside the caller's transaction.

    A bounce is about an address: the customer may be asked again when the CRM has another one. Says nothing twice.
    """
    if person_id is None and address is None:
        return
    given = {"kind": kind, "person_id": person_id, "address": address, "reason": reason, "invitation_id": invitation_id, "now": now}
    connection.execute(sa.text(_BLOCK), given)
