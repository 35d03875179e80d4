"""Tell the data team that nothing runs, from outside of what may be dead: the supervisor of `up`, or a timer of the company's own.

At most one e-mail per silence and address: that it was told is on record before it is, and taken back only where the mail server
certainly did not take it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError, fail
from shopkeeper.pipeline.silence import ENTITY, SIGNS, Silence, silences
from shopkeeper.survey import mode
from shopkeeper.survey.smtp import Envelope, Mailer, MailServer
from shopkeeper.warehouse.engine import secret

UNKNOWN = timedelta()
_SECONDS = "20s"
_OPEN = """
    insert into ops.silences (subject, since, noticed_at) values (:subject, :since, :now)
    on conflict (subject) where ended_at is null do nothing
"""
# A sign ends it, and not that somebody with a longer limit looks.
_CLOSE = """
    update ops.silences set ended_at = :now from ops.last_signs() as signs
    where signs.subject = silences.subject and silences.ended_at is null and silences.subject <> all(:subjects)
        and signs.at > coalesce(silences.since, '-infinity')
"""
_CLAIM = "update ops.silences set told_at = :now where ended_at is null and told_at is null returning subject"
_TAKE_BACK = "update ops.silences set told_at = null where ended_at is null and told_at = :now and subject = any(:subjects)"


class Watch:
    """Looks when it is asked to. `awake_since`: when the scheduler was started, where it is ours."""

    def __init__(self, engine: sa.Engine, folder: CompanyFolder, *, awake_since: datetime | None = None) -> None:
        self.engine, self.folder, self.awake_since = engine, folder, awake_since
        self._told_without_warehouse = False

    def look(self, now: datetime) -> tuple[Silence, ...]:
        """What is silent now. The data team is told of what it has not been told; a silence that has ended may be told again.

        A warehouse that does not answer is silent too. Raises ShopkeeperError when the e-mail cannot be sent; the next look tries again.
        """
        try:
            found, news = self._noted(now)
        except (ShopkeeperError, sa.exc.DBAPIError):
            silent = (Silence("warehouse", None, UNKNOWN),)
            if not self._told_without_warehouse:
                self.tell("the warehouse does not answer", ["Nothing can run without it."], now)
                self._told_without_warehouse = True
            return silent
        self._told_without_warehouse = False
        if news:
            try:
                self._tell_of(found, now)
            except ShopkeeperError:
                with self.engine.begin() as connection:
                    connection.execute(sa.text(_TAKE_BACK), {"now": now, "subjects": news})
                raise
        return found

    def tell(self, what: str, lines: Sequence[str], now: datetime) -> int:
        """Send one e-mail to each address of `freshness.tell`; returns to how many. Raises ShopkeeperError when none can be sent."""
        addresses = self.folder.company.freshness.tell
        if not addresses:
            return 0
        server, admits = self._server()
        with Mailer(server) as mailer:
            outcomes = [mailer.send(self._envelope(address, what, lines, now)).status for address in filter(admits, addresses)]
        if outcomes and all(status == "deferred" for status in outcomes):
            raise fail(f"mail server {server.host}:{server.port}", "takes no e-mail for freshness.tell now", "it is tried again")
        return sum(status in ("sent", "doubtful") for status in outcomes)

    def _noted(self, now: datetime) -> tuple[tuple[Silence, ...], list[str]]:
        """What is silent, and of that what has not been told: on record as told from here on."""
        with self.engine.begin() as connection:
            connection.execute(sa.text(f"set local statement_timeout = '{_SECONDS}'"))
            signs = {row.subject: row.at for row in connection.execute(sa.text(SIGNS))}
            found = silences(signs, self.folder.company.freshness, now, awake_since=self.awake_since)
            connection.execute(sa.text(_CLOSE), {"now": now, "subjects": [one.subject for one in found]})
            for one in found:
                connection.execute(sa.text(_OPEN), {"subject": one.subject, "since": one.since, "now": now})
            if not self.folder.company.freshness.tell:
                return found, []
            return found, list(connection.scalars(sa.text(_CLAIM), {"now": now}))

    def _tell_of(self, found: Sequence[Silence], now: datetime) -> None:
        lines = ["No sign for longer than company.yml allows (freshness):", "", *(f"  {one.said(now)}" for one in found)]
        lines += ["", "Nothing has failed, or you would have been told so: nothing ran, or brought nothing."]
        runs_on = all(one.subject.startswith(ENTITY) for one in found)
        self.tell("a source sends nothing new" if runs_on else "nothing runs", lines, now)

    def _server(self) -> tuple[MailServer, Callable[[str], bool]]:
        """Where e-mails go. Without the warehouse nobody can say whether it is the live one; the data team may be told all the same."""
        try:
            with self.engine.connect() as connection:
                current = mode.current(connection)
            return current.server, current.admits
        except sa.exc.DBAPIError:
            pass
        except ShopkeeperError:
            if os.environ.get(mode.DELIVERY, "").strip() == "live" and not secret(mode.LIVE_URL):
                raise
        is_live = os.environ.get(mode.DELIVERY, "").strip() == "live"
        url = secret(mode.LIVE_URL if is_live else mode.SANDBOX_URL) or mode.OWN_INBOX
        return MailServer.parse(url, mode.LIVE_URL if is_live else mode.SANDBOX_URL), lambda address: True

    def _envelope(self, address: str, what: str, lines: Sequence[str], now: datetime) -> Envelope:
        company, sender = self.folder.company, self.folder.programmes.sender
        own = sender.address if sender else f"shopkeeper@{socket.getfqdn()}"
        message = EmailMessage(policy=policy.SMTP)
        message["From"], message["To"] = own, address
        message["Subject"] = f"{company.name}: {what}"
        message["Date"], message["Message-ID"] = format_datetime(now), make_msgid(domain=own.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        foot = ["", f"On {socket.gethostname()}. First look: ./shopkeeper status; then docs/when-nothing-runs.md", ""]
        message.set_content("\n".join([f"{company.name}: {what}.", "", *lines, *foot]))
        return Envelope(own, address, message.as_bytes())
