"""The whole story of one customer: every wave that judged him, every invitation and what became of it, blocks and answers.

Holds the customer's id and nothing else that is personal: no name, no address, no word that he wrote or that was written about him.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.survey.current import newest
from shopkeeper.survey.frame import REASONS

FRAME = """
    select waves.drawn_at as at, programme, name, outcome, frames.reason, interaction_id, stratum, inclusion_probability
    from quality.wave_frames as frames
    inner join ops.waves using (wave_id)
    where frames.customer_id = :customer_id and waves.config ->> 'kind' <> 'employee'
"""
INVITATIONS = """
    select invited_at as at, invitation_id, programme, waves.name, channel, provider, due_at, expires_at, arms, design_weight
    from ops.invitations
    inner join ops.waves using (wave_id, programme)
    where customer_id = :customer_id
"""
EVENTS = """
    select occurred_at as at, invitation_id, event, message, code, reason, actor
    from ops.invitation_events
    where invitation_id in (select invitation_id from ops.invitations where customer_id = :customer_id)
    order by event_id
"""
CUSTOMER = newest("customers", pii=["email"], among="select :customer_id")
BLOCKS = f"""
    select kind, blocked_at, blocked_by, lifted_at, lifted_by, customer_id is null as is_address
    from pii.contact_blocks
    where customer_id = :customer_id or address_hash = (
        select encode(sha256(convert_to(lower(btrim(email)), 'UTF8')), 'hex') from ({CUSTOMER}) as customer
    )
"""
HISTORY = f"""
    select sent_at as at, invitation_id, programme, interaction_id, disposition
    from ({newest("survey_invitations")}) as history
    where customer_id = :customer_id
"""
ANSWERS = f"""
    select responded_at as at, provider, programme, score, scale, is_complete, invitation_id
    from ({newest("survey_responses")}) as responses
    where customer_id = :customer_id
        or invitation_id in (select cast(invitation_id as text) from ops.invitations where customer_id = :customer_id)
        or invitation_id in (select invitation_id from ({HISTORY}) as history)
"""


@dataclass(frozen=True)
class Line:
    """One thing that happened. `kind` is frame, invitation, event, block, history or answer; `at` is None where nobody knows when."""

    at: datetime | None
    kind: str
    about: str
    what: str


@dataclass(frozen=True)
class Story:
    """Everything about one customer in the order in which it happened."""

    customer_id: str
    standing: str
    lines: tuple[Line, ...]


def why(engine: sa.Engine, customer_id: str, *, known_at: datetime) -> Story:
    """Tell why a customer was asked, or not, and what came of it, as known at `known_at`.

    Raises ShopkeeperError for a customer of whom nothing is known here.
    """
    binds = {"customer_id": customer_id, "known_at": known_at}
    with engine.connect() as connection:

        def rows(query: str) -> list[Any]:
            return list(connection.execute(sa.text(query), binds).all())

        record = rows(CUSTOMER)
        invitations = rows(INVITATIONS)
        about = {row.invitation_id: f"{row.programme}/{row.name}" for row in invitations}
        lines = [Line(row.at, "frame", f"{row.programme}/{row.name}", _judged(row)) for row in rows(FRAME)]
        lines += [Line(row.at, "invitation", about[row.invitation_id], _invited(row)) for row in invitations]
        lines += [Line(row.at, "event", about[row.invitation_id], _happened(row)) for row in rows(EVENTS)]
        lines += [line for row in rows(BLOCKS) for line in _blocked(row)]
        lines += [Line(row.at, "history", row.programme or "", _sent_before(row)) for row in rows(HISTORY)]
        lines += [Line(row.at, "answer", row.programme or "", _answered(row)) for row in rows(ANSWERS)]
    if not record and not lines:
        raise fail(f"customer {customer_id}", "nothing is known of this customer here", "look at the id; case counts")
    # Sorting keeps the order of those that happened at one moment: judged, invited, sent.
    lines.sort(key=lambda line: (line.at is not None, line.at.timestamp() if line.at else 0))
    return Story(customer_id, _standing(record[0] if record else None), tuple(lines))


def _standing(record: Any) -> str:
    """What the CRM says now that bears on being asked."""
    if record is None:
        return "is not in the CRM (any more)"
    says = [
        record.status or "without a status",
        "works for the company" if record.is_staff else "",
        "has asked not to be surveyed" if record.opted_out else "",
        "must not be contacted" if record.do_not_contact else "",
        "" if record.email else "no e-mail address is known",
    ]
    return ", ".join(word for word in says if word)


def _judged(row: Any) -> str:
    of = f" (interaction {row.interaction_id})" if row.interaction_id else ""
    if row.outcome == "turned_away":
        return f"turned away{of}: {REASONS.get(row.reason, row.reason)} [{row.reason}]"
    stratum = f", stratum {row.stratum}" if row.stratum else ""
    chance = (
        "chance unknown, because a quota ends it" if row.inclusion_probability is None else f"chance {_percent(row.inclusion_probability)}"
    )
    return f"{'drawn' if row.outcome == 'drawn' else 'could have been drawn, and was not'}{of}: {chance}{stratum}"


def _percent(probability: Decimal) -> str:
    return f"{float(probability) * 100:.4g} %"


def _invited(row: Any) -> str:
    arms = "".join(f", {test}: {arm}" for test, arm in row.arms.items())
    weight = "no weight" if row.design_weight is None else f"weight {float(row.design_weight):.4g}"
    until = f"due {row.due_at:%Y-%m-%d %H:%M} UTC, until {row.expires_at:%Y-%m-%d}"
    return f"invited by {row.channel} through {row.provider}, {until}, {weight}{arms}"


def _happened(row: Any) -> str:
    of = "" if row.message is None else f"{row.message} "
    more = ", ".join(str(part) for part in (row.code, row.reason, None if row.actor == "shopkeeper" else f"by {row.actor}") if part)
    return f"{of}{row.event}" + (f" ({more})" if more else "")


def _blocked(row: Any) -> list[Line]:
    whom = "the e-mail address" if row.is_address else "the customer"
    lines = [Line(row.blocked_at, "block", row.kind, f"{whom} is not contacted from here on (by {row.blocked_by})")]
    if row.lifted_at is not None:
        lines.append(Line(row.lifted_at, "block", row.kind, f"{whom} may be contacted again (by {row.lifted_by})"))
    return lines


def _sent_before(row: Any) -> str:
    of = f" about interaction {row.interaction_id}" if row.interaction_id else ""
    return f"asked{of}, according to what was read from elsewhere" + (f": {row.disposition}" if row.disposition else "")


def _answered(row: Any) -> str:
    score = "no score" if row.score is None else f"score {row.score} of {row.scale or '0-10'}"
    return f"answered through {row.provider}: {score}" + (", not to the end" if row.is_complete is False else "")
