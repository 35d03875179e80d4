"""How much the answers of each stratum differ, for Neyman allocation: from the company's own answers so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import Programme
from shopkeeper.survey.current import newest
from shopkeeper.survey.precision import variance

ENOUGH = 30  # answers from which a stratum is known by its own; with fewer it counts as one where half are of each kind


def standard_deviations(
    connection: sa.Connection,
    folder: CompanyFolder,
    name: str,
    programme: Programme,
    strata: Mapping[str | None, int],
    *,
    known_at: datetime,
) -> dict[str | None, float]:
    """Stratum → S of one answer on the scale -1..1, from the programme's answers so far; 1, the most there can be, where unknown.

    An answer belongs to the stratum that its invitation was drawn in, else to that which its customer is in now; whose it is may
    stand in an invitation that was read from elsewhere. `candidates` must be there.
    """
    # Without its statistics the planner takes it for tiny; and of newest versions it expects one, and compares every answer with
    # every invitation.
    connection.execute(sa.text("analyze candidates"))
    connection.execute(sa.text("set local enable_nestloop = off"))
    scale = folder.company.scales[programme.scale]
    counted: Sequence[Any] = connection.execute(
        sa.text(
            f"""
            select coalesce(invitations.stratum, of_customer.stratum) as stratum,
                count(*) filter (where score < :passive_from),
                count(*) filter (where score >= :passive_from and score < :promoter_from),
                count(*) filter (where score >= :promoter_from)
            from ({newest("survey_responses")}) as responses
            left join ops.invitations on responses.invitation_id = cast(invitations.invitation_id as text)
            left join ({newest("survey_invitations")}) as history on responses.invitation_id = history.invitation_id
            left join (
                select customer_id, min(stratum) as stratum from candidates group by customer_id having count(distinct stratum) = 1
            ) as of_customer on of_customer.customer_id = coalesce(responses.customer_id, invitations.customer_id, history.customer_id)
            where responses.score is not null and responses.programme = :programme and coalesce(responses.scale, :scale) = :scale
            group by 1
            """
        ),
        {
            "known_at": known_at,
            "programme": name,
            "scale": programme.scale,
            "passive_from": scale.passive_from,
            "promoter_from": scale.promoter_from,
        },
    ).all()
    connection.execute(sa.text("set local enable_nestloop = on"))
    known = {
        stratum: math.sqrt(variance(detractors, passives, promoters))
        for stratum, detractors, passives, promoters in counted
        if detractors + passives + promoters >= ENOUGH
    }
    return {stratum: known.get(stratum, 1.0) for stratum in strata}
