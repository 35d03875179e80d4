"""Whatever happens and in whatever order, the queue and the events tell the same story, and no message goes out twice."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.survey import mail_server
from tests.survey.conftest import MakeProgrammes
from tests.survey.invitations import put_invitations, put_wave
from tests.survey.mail_server import MailServer
from tests.survey.people import customer, put

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey import claims, control, delivery, ledger, reminders
from shopkeeper.survey.smtp import MailServerDown

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
PEOPLE = [f"C{number}" for number in range(6)]
REPLIES = (
    mail_server.ACCEPT, mail_server.ACCEPT, mail_server.ACCEPT, "550 5.1.1 gone", "550 5.7.1 no", "452 4.2.2 full",
    mail_server.DIE_AFTER_DATA, mail_server.KEEP_AND_DIE, mail_server.DIE_BEFORE_DATA,
)  # fmt: skip
STEPS = ("invite", "invite", "send", "send", "send", "die", "settle", "pause", "resume", "remind", "late", "answer", "day", "month")


class Story:
    """One warehouse, and what may happen to it."""

    def __init__(self, engine: sa.Engine, folder: CompanyFolder, mail: MailServer, seed: int) -> None:
        self.engine, self.folder, self.mail = engine, folder, mail
        self.random, self.now, self.waves = random.Random(seed), START, itertools.count()
        mail.mails.clear()
        mail.script = lambda recipient: self.random.choice(REPLIES)

    def invite(self) -> None:
        programme = self.random.choice(("nps", "other"))
        wave = put_wave(self.engine, self.folder, programme, self.now, name=f"w{next(self.waves)}")
        put_invitations(self.engine, wave, self.random.sample(PEOPLE, 3), self.now)

    def send(self) -> None:
        with suppress(MailServerDown):
            delivery.send_due(self.engine, self.folder, clock=lambda: self.now, workers=self.random.choice((1, 2)))

    def die(self) -> None:
        """A sender claims some, perhaps begins with one, and is gone."""
        with self.engine.begin() as connection:
            number = self.random.getrandbits(60)
            chunk = claims.claim(connection, number, provider="built_in", delivery="sandbox", now=self.now, size=2)
            if chunk and self.random.random() < 0.5:
                ledger.record(connection, chunk[0].invitation_id, "sending", message=chunk[0].message, occurred_at=self.now)

    def settle(self) -> None:
        for one in ledger.list_doubtful(self.engine)[:2]:
            was_sent = self.random.random() < 0.5
            ledger.release(self.engine, one.invitation_id, message=one.message, was_sent=was_sent, actor="ann", now=self.now)

    def pause(self) -> None:
        control.pause(self.engine, programme=self.random.choice((None, "nps")), reason="why not", actor="ann", now=self.now)

    def resume(self) -> None:
        for pause in control.open_pauses(self.engine)[:1]:
            control.resume(self.engine, programme=pause.programme, actor="ann", now=self.now)

    def remind(self) -> None:
        reminders.queue(self.engine, self.folder, now=self.now)

    def late(self) -> None:
        reminders.drop_late(self.engine, now=self.now)

    def answer(self) -> None:
        with self.engine.begin() as connection:
            ids = connection.scalars(sa.text("select invitation_id from ops.invitations order by 1")).all()
            if ids:
                event = self.random.choice(("completed", "opted_out", "declined", "bounced", "opened"))
                ledger.record(connection, self.random.choice(ids), event, occurred_at=self.now)

    def day(self) -> None:
        self.now += timedelta(days=1)

    def month(self) -> None:
        self.now += timedelta(days=33)

    def check(self) -> None:
        with self.engine.connect() as connection:
            assert ledger.contradictions(connection) == []
            said = connection.execute(
                sa.text(
                    """
                    select invitation_id || '.' || message as name,
                        count(*) filter (where event in ('sent', 'doubtful') and actor = 'shopkeeper') as handed_over,
                        count(*) filter (where event = 'released' and actor <> 'shopkeeper') as sent_again
                    from ops.invitation_events where message is not null group by 1
                    """
                )
            ).all()
        seen = Counter(str(message["X-Invitation"]) for message in self.mail.messages())
        for name, handed_over, sent_again in said:
            assert handed_over <= 1 + sent_again, "handed over once more than a person said"
            assert seen[name] <= handed_over, "the mail server has what the ledger does not know of"


@pytest.fixture
def folder(make_programmes: MakeProgrammes, monkeypatch: pytest.MonkeyPatch) -> CompanyFolder:
    monkeypatch.setenv("SHOPKEEPER_LINK_KEYS", "1:a-secret-of-more-than-24-characters")
    return make_programmes(sender={"name": "Us", "address": "us@example.com", "per_second": 10000}, nps={"quarantine_days": 20}, other={})


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    for name in ("SHOPKEEPER_DELIVERY", "SHOPKEEPER_SANDBOX_ALLOW"):
        monkeypatch.delenv(name, raising=False)
    with MailServer() as mail:
        monkeypatch.setenv("SHOPKEEPER_SANDBOX_SMTP_URL", mail.url)
        yield mail


TABLES = (
    "ops.waves", "ops.invitations", "ops.invitation_events", "ops.send_queue", "ops.pauses", "pii.contact_blocks",
    "raw.customers", "pii.customers",
)  # fmt: skip
STORIES = {"steps": st.lists(st.sampled_from(STEPS), min_size=4, max_size=14), "seed": st.integers(0, 2**32)}
UNHURRIED = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@settings(max_examples=8, **UNHURRIED)  # type: ignore[arg-type]
@given(**STORIES)  # type: ignore[arg-type]
def test_queue_and_events_tell_the_same_story(
    warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer, steps: list[str], seed: int
) -> None:
    # A message that stands in the queue and not in the ledger, or the other way round, is forgotten for ever or sent twice.
    tell(Story(warehouse, folder, mail, seed), steps)


@pytest.mark.long
@settings(max_examples=150, **UNHURRIED)  # type: ignore[arg-type]
@given(**STORIES)  # type: ignore[arg-type]
def test_many_stories(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer, steps: list[str], seed: int) -> None:
    # The same, often enough to meet rare orders of events.
    tell(Story(warehouse, folder, mail, seed), steps)


def tell(story: Story, steps: list[str]) -> None:
    with story.engine.begin() as connection:
        connection.execute(sa.text(f"truncate {', '.join(TABLES)}"))
    put(story.engine, "customers", [customer(name) for name in PEOPLE])
    for step in ("invite", *steps):
        getattr(story, step)()
        story.check()
    story.now += timedelta(hours=1)
    claims.recover(story.engine, story.now)
    story.check()
    with story.engine.connect() as connection:
        claimed = connection.scalar(sa.text("select count(*) from ops.send_queue where worker is not null"))
        assert claimed == 0, "a claim outlived its worker"
