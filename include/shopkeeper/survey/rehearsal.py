"""A wave's e-mail, sent to staff before customers get it: the real text over the real way, with links that record nothing."""

from __future__ import annotations

import email
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from email import policy
from email.message import EmailMessage
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import BUILT_IN, Programme
from shopkeeper.errors import fail
from shopkeeper.survey import approval, mode, packet
from shopkeeper.survey.approval import Wave
from shopkeeper.survey.links import Keys
from shopkeeper.survey.mail import Letter, NotWritten, Writer
from shopkeeper.survey.smtp import Envelope, Mailer
from shopkeeper.warehouse.ids import stable_id

SUBJECT, NAME = "[Test] ", "Test"

# One e-mail per language and arm is enough to see them all.
_SAMPLES = """
select distinct on (invitations.locale, invitations.arms)
    invitations.invitation_id, invitations.locale, invitations.arms, invitations.expires_at, waves.config
from ops.invitations
inner join ops.waves using (wave_id)
where invitations.wave_id = :wave_id and invitations.provider = :built_in
order by invitations.locale, invitations.arms, invitations.invitation_id
limit :limit
"""


def send_test(
    engine: sa.Engine, folder: CompanyFolder, wave: Wave, addresses: Sequence[str], *, actor: str, now: datetime, limit: int = 10
) -> int:
    """Send the wave's e-mail, once per language and arm, to each address; returns how many e-mails that were.

    Written for a drawn customer's interaction, but without the customer's name. Its links are signed as those of a test: they show
    the survey page, and whatever is answered there is recorded nowhere. Raises ShopkeeperError for an address that may not be
    written to, a wave without e-mails, and a mail server that refuses them.
    """
    where = f"wave {wave.programme}/{wave.name}"
    with engine.connect() as connection:
        sending = mode.current(connection)
        samples = connection.execute(sa.text(_SAMPLES), {"wave_id": wave.wave_id, "built_in": BUILT_IN, "limit": limit}).all()
        packets = packet.gather(connection, [sample.invitation_id for sample in samples], now)
    if not samples:
        raise fail(where, "has no e-mail of our own", "only programmes of the built-in survey system can be tested by e-mail")
    for place, address in enumerate(addresses, 1):
        if not sending.admits(address):
            raise fail(f"address {place}", "is not one that the sandbox may write to", f"add it to {mode.SANDBOX_ALLOW}")
    writer, sent = Writer(folder, Keys.from_environment()), 0
    with Mailer(sending.server) as mailer:
        for place, address in enumerate(addresses, 1):
            for sample in samples:
                letter = Letter(
                    invitation_id=_nobody(wave.wave_id, sample.invitation_id),
                    message="invitation",
                    programme=Programme.model_validate(sample.config),
                    locale=sample.locale,
                    arms=sample.arms,
                    expires_at=sample.expires_at,
                    packet=replace(packets[sample.invitation_id], full_name=NAME, email=address),
                    shows=sample.invitation_id,
                )
                try:
                    outcome = mailer.send(_marked(writer.write(letter, now=now)))
                except NotWritten as why:
                    raise fail(where, f"its e-mail cannot be written: {why.reason} {why.code or ''}".strip(), "mend the template") from None
                if outcome.status != "sent":
                    raise fail(f"address {place}", f"the mail server says {outcome.status} {outcome.code or ''}".strip())
                sent += 1
    approval.record_test(engine, wave, e_mails=sent, actor=actor, now=now)
    return sent


def _nobody(wave_id: UUID, invitation_id: UUID) -> UUID:
    """An id that no invitation has, so that no bounce of a test is taken for the customer's."""
    return stable_id("test e-mail", str(wave_id), str(invitation_id))


def _marked(envelope: Envelope) -> Envelope:
    message = email.message_from_bytes(envelope.content, policy=policy.SMTPUTF8 if envelope.needs_utf8 else policy.SMTP)
    assert isinstance(message, EmailMessage)
    subject = str(message["Subject"])
    del message["Subject"]
    message["Subject"] = SUBJECT + subject
    return replace(envelope, content=message.as_bytes())
