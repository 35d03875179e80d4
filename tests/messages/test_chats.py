"""Chats through Apprise, to a real HTTP server: what arrived, what did not, and what nobody knows."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from tests.messages.world import DIE, KEEP_AND_DIE, Chatroom, company, employees, fates, message, post
from tests.survey.mail_server import MailServer, dead_port

from shopkeeper.company.closed_loop import ClosedLoop
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import ShopkeeperError
from shopkeeper.messages import chat
from shopkeeper.messages.sending import send_due

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
UNKNOWN = "doubtful connection lost while it was handed over"


ANSWERS = {  # what the chat does → what becomes of this message, and of the next one; how many of the two arrive
    200: ("sent", "sent", 2),
    503: ("deferred HTTP 503", "released", 0),
    404: ("released", "released", 0),
    400: ("refused HTTP 400", "refused HTTP 400", 0),
    500: (UNKNOWN, "released", 0),
    KEEP_AND_DIE: (UNKNOWN, "released", 1),
    DIE: (UNKNOWN, "released", 0),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_each_answer_of_a_chat_has_its_own_end(answer: int, warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # Apprise says "it did not work" to all of these. Sending again what may have arrived shouts twice at a whole team; dropping
    # what did not arrive loses it. And whatever a chat does, the e-mails go out.
    first, second, arrived = ANSWERS[answer]
    employees(warehouse, "E1")
    with Chatroom(lambda: answer) as room:
        folder = company(folder.folder, chats={"team": {"url": f"{room.url}?retry=2"}})
        post(warehouse, message("a", NOON, chat="team"), message("b", NOON + timedelta(seconds=1), chat="team"), message("mail", NOON))
        with nullcontext() if answer in (200, 400) else pytest.raises(ShopkeeperError, match="chats › team") as error:
            send_due(warehouse, folder, clock=lambda: NOON + timedelta(minutes=1))
    assert fates(warehouse) == {"a": first, "b": second, "mail": "sent 250 2.0.0"}
    assert len(room.said) == arrived
    assert error is None or "secret-key" not in str(error.value)


def test_a_chat_that_is_down_loses_nothing(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # Python says whether anything went out at all: where nothing did, nothing is doubtful, and all of it comes later.
    with Chatroom() as room:
        folder = company(folder.folder, chats={"team": {"url": f"json://127.0.0.1:{dead_port()}/"}, "well": {"url": room.url}})
        post(warehouse, *(message(name, NOON, chat="team") for name in "ab"), message("c", NOON, chat="well"))
        for minute in range(3):
            with pytest.raises(ShopkeeperError, match="cannot be reached"):
                send_due(warehouse, folder, clock=lambda minute=minute: NOON + timedelta(minutes=minute))  # type: ignore[misc]
        assert fates(warehouse) == {"a": "released", "b": "released", "c": "sent"}
        folder = company(folder.folder, chats={"team": {"url": room.url}})
        send_due(warehouse, folder, clock=lambda: NOON + timedelta(hours=1))
        assert sorted(title for title, _ in room.said) == ["title a.", "title b.", "title c."]


def test_a_flooded_chat_hears_how_many_and_nothing_of_whom(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # A chat is read by many, and kept by somebody else.
    with Chatroom() as room:
        folder = company(folder.folder, chats={"team": {"url": room.url}})
        post(warehouse, *(message(number, NOON, chat="team") for number in range(40)))
        send_due(warehouse, folder, clock=lambda: NOON)
    ((title, text),) = room.said
    assert title == "40 messages about customers"
    assert "To be called: 40" in text
    assert "words" not in text


def test_a_url_that_apprise_does_not_know_is_named(warehouse: sa.Engine, folder: CompanyFolder, mail: MailServer) -> None:
    # Whoever mistypes it must learn where, and must not see the key in a log.
    employees(warehouse, "E1")
    folder = company(folder.folder, chats={"team": {"url": "slak://T1/A1/secret-key"}})
    post(warehouse, message("a", NOON, chat="team"), message("b", NOON))
    with pytest.raises(ShopkeeperError, match="chats › team › url: is no URL") as error:
        send_due(warehouse, folder, clock=lambda: NOON)
    assert "secret-key" not in str(error.value)
    assert fates(warehouse) == {"a": "waiting", "b": "sent 250 2.0.0"}


def test_chats_hear_of_their_units() -> None:
    # A branch that gets another branch's alerts soon reads none.
    chats = {"all": {"url": "json://x"}, "north": {"url": "json://x", "units": ["R1", "B7"]}}
    loop = ClosedLoop.model_validate({"chats": chats})
    assert chat.targets(loop, "/HQ/R1/B01/T001/") == ("all", "north")
    assert chat.targets(loop, "/HQ/R10/B70/") == ("all",)
    assert chat.targets(loop, None) == ("all",)
