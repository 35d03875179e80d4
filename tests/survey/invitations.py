"""Waves and invitations for tests of sending and answering: put into `ops` as a draw would, without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import BUILT_IN
from shopkeeper.warehouse.ids import stable_id
from shopkeeper.warehouse.survey_tables import INVITATIONS, SEND_QUEUE, WAVES


def put_wave(
    engine: sa.Engine, folder: CompanyFolder, programme: str, at: datetime, *, name: str = "w1", delivery: str = "sandbox"
) -> UUID:
    """A wave of a programme of the folder, drawn at `at`, without invitations."""
    declared = folder.programmes.programmes[programme]
    wave_id = stable_id("wave", programme, name)
    with engine.begin() as connection:
        connection.execute(
            sa.insert(WAVES).values(
                wave_id=wave_id,
                programme=programme,
                name=name,
                salt=f"{programme}|{name}",
                covers_from=at - timedelta(days=1),
                covers_to=at,
                as_of=at,
                config_hash=folder.programmes.config_hash(programme),
                config=declared.model_dump(mode="json"),
                method=declared.method(),
                delivery=delivery,
                candidates=0,
                turned_away=0,
                drawn=0,
                drawn_at=at,
            )
        )
    return wave_id


def put_invitations(
    engine: sa.Engine,
    wave_id: UUID,
    customers: Sequence[str],
    due_at: datetime,
    *,
    interactions: Sequence[str | None] | None = None,
    in_queue: bool = True,
    **columns: Any,
) -> list[UUID]:
    """Invitations of these customers, due at that moment, queued; `columns` as in ops.invitations. Returns their ids, in order."""
    with engine.begin() as connection:
        programme = connection.scalar(sa.select(WAVES.c.programme).where(WAVES.c.wave_id == wave_id))
        rows = []
        for customer_id, interaction_id in zip(customers, interactions or [None] * len(customers), strict=True):
            usual = {
                "invitation_id": stable_id("invitation", str(wave_id), customer_id, interaction_id or ""),
                "wave_id": wave_id,
                "programme": programme,
                "customer_id": customer_id,
                "employee_id": None,
                "interaction_id": interaction_id,
                "provider": BUILT_IN,
                "channel": "email",
                "locale": "en",
                "arms": {},
                "invited_at": due_at - timedelta(hours=1),
                "due_at": due_at,
                "expires_at": due_at + timedelta(days=30),
            }
            rows.append({**usual, **columns})
        connection.execute(sa.insert(INVITATIONS), rows)
        if in_queue:
            queued = [{"invitation_id": row["invitation_id"], "message": "invitation", "due_at": row["due_at"]} for row in rows]
            connection.execute(sa.insert(SEND_QUEUE), queued)
    return [row["invitation_id"] for row in rows]
