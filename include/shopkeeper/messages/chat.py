"""Chats, through Apprise: which of them hear of a unit, and what became of one message to one of them.

Apprise says only whether it worked. Whether a message that failed may have arrived all the same is told by two more facts: whether
Python sent anything over HTTP at all meanwhile, and the status that the chat answered with.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import timedelta
from functools import cache
from typing import Any

from shopkeeper.company.closed_loop import Chat, ClosedLoop
from shopkeeper.errors import Problem, ShopkeeperError, fail
from shopkeeper.survey.smtp import Outcome, is_local

# Statuses of HTTP that say: not now, and: not this message. Any other 4xx is about our URL or its key. After 5xx nobody knows.
NOT_NOW, NOT_THIS = ("408", "425", "429", "503"), ("400", "413", "415", "422")
UNWELL_FOR = timedelta(minutes=15)
_STATUS = re.compile(r"\berror=(\d{3})\b")


class ChatDown(ShopkeeperError):
    """The chat takes nothing, or not now: what is due for it waits, at least so long."""

    def __init__(self, problem: Problem, wait: timedelta | None = None) -> None:
        self.wait = wait
        super().__init__(problem)


def targets(closed_loop: ClosedLoop, unit_path: str | None) -> tuple[str, ...]:
    """The chats that hear of an order of a unit; `unit_path` as in ops.directory, such as /HQ/R1/B01/T001/."""
    units = set((unit_path or "").split("/"))
    return tuple(name for name, chat in closed_loop.chats.items() if not chat.units or units & set(chat.units))


class Room:
    """One chat of closed_loop.yml, for one thread. Raises ShopkeeperError when Apprise does not understand its URL."""

    def __init__(self, name: str, chat: Chat) -> None:
        import apprise

        # What it logs below this holds titles, texts and addresses with their keys.
        for logger in ("apprise", "urllib3"):
            logging.getLogger(logger).setLevel(logging.WARNING)
        self.where = f"closed_loop.yml › chats › {name}"
        self._asset = apprise.AppriseAsset(app_id="Shopkeeper", async_mode=False)
        service = apprise.Apprise.instantiate(chat.url, asset=self._asset)
        if service is None:
            raise fail(f"{self.where} › url", "is no URL that Apprise understands", "docs/staff-messages.md shows some")
        service.retry = 0  # what may have arrived is not sent again, whatever the URL asks for
        self._service: Any = service
        self._room = apprise.Apprise(asset=self._asset)
        self._room.add(service)

    @property
    def is_local(self) -> bool:
        """Is it on this machine? Only such a one is spoken to in the sandbox."""
        return "host" in self._service.template_tokens and is_local(self._service.host or "")

    def say(self, title: str, body: str) -> Outcome:
        """Hand over one message. Raises ChatDown when it certainly did not arrive, and none would."""
        from apprise import NotifyFormat

        sends = _sends()
        before = sends.count
        with self._room.notify(body=body, title=title, body_format=NotifyFormat.TEXT) as result:
            if result:
                return Outcome("sent")
            is_over = result.status.name != "TIMEOUT"  # else it may still be sent
            found = [match[1] for entry in result.logs() for match in _STATUS.finditer(entry.message)]
        if is_over and sends.count == before and self._speaks_http:
            raise ChatDown(Problem(self.where, "cannot be reached", "see that it runs, or correct its url; what is due waits"))
        status = found[-1] if len(found) == 1 == len(self._service) else None  # of several targets some may have taken it
        code = f"HTTP {status}" if status else None
        if status in NOT_NOW:
            return Outcome("deferred", code)
        if status in NOT_THIS:
            return Outcome("refused", code)
        if status and status.startswith("4"):
            raise ChatDown(Problem(self.where, f"does not admit us ({code})", "correct its url; what is due waits"))
        return Outcome("doubtful", code)

    def unwell(self, outcome: Outcome) -> ChatDown:
        """What stops the sending after an answer that bodes ill for the next message too."""
        hint = "./shopkeeper doubtful list shows what may have arrived; the rest waits a quarter of an hour"
        return ChatDown(Problem(self.where, f"is not well ({outcome.code or 'no answer'})", hint), UNWELL_FOR)

    @property
    def _speaks_http(self) -> bool:
        return hasattr(sys.modules[type(self._service).__module__], "requests")


class _Sends:
    """How often this process has begun to send something over HTTP."""

    count = 0

    def __call__(self, event: str, _: object) -> None:
        if event == "http.client.send":
            self.count += 1


@cache
def _sends() -> _Sends:
    hook = _Sends()
    sys.addaudithook(hook)
    return hook
