"""What every provider of surveys can do, and what it is given and gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar
from uuid import UUID

from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse.landing import Fault

Clock = Callable[[], datetime]
T = TypeVar("T")
Message = Literal["invitation", "reminder"]

# What an answer is made of: canonical columns of survey_responses, and the questions that nobody has given a role.
UNKNOWN_QUESTIONS = "unknown_questions"
ANSWER_COLUMNS = (
    "native_id",
    "invitation_id",
    "customer_id",
    "interaction_id",
    "programme",
    "responded_at",
    "started_at",
    "score",
    "is_complete",
    "verbatim",
    "answers",
    "free_answers",
    "may_call_back",
    "locale",
    "updated_at",
    UNKNOWN_QUESTIONS,
)
Answer = Mapping[str, str | None]  # ANSWER_COLUMNS → text; a column that is not there is empty


@dataclass(frozen=True)
class Invitation:
    """One invitation as it is handed over: who is asked, until when, and the packet (flat fields: the last interactions)."""

    invitation_id: UUID
    programme: str
    locale: str
    expires_at: datetime
    customer_id: str | None = None
    interaction_id: str | None = None
    email: str | None = field(default=None, repr=False)
    full_name: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    packet: Mapping[str, str] = field(default_factory=dict, repr=False)
    call_back: str | None = None  # what the hang-up of the call that it is about was answered

    def fields(self) -> dict[str, str]:
        """Everything a provider is told, as texts; what is not known is left out."""
        own = {
            "invitation_id": str(self.invitation_id),
            "programme": self.programme,
            "customer_id": self.customer_id,
            "interaction_id": self.interaction_id,
            "locale": self.locale,
            "expires_at": self.expires_at.isoformat(),
            "email": self.email,
            "full_name": self.full_name,
            "phone": self.phone,
        }
        return {name: text for name, text in {**self.packet, **own}.items() if text}


@dataclass(frozen=True)
class Outcome:
    """What became of one invitation that was handed over. `code` is the provider's own, `reason` ours; neither names a person."""

    invitation_id: UUID
    event: Literal["sent", "refused", "not_sent"]
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Told:
    """Something that a provider says happened to an invitation, which it knows by its id or by the interaction."""

    event: str
    occurred_at: datetime
    invitation_id: str | None = None
    interaction_id: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Window:
    """What to read: changed after `start`, up to `end`.

    For a provider that cannot be asked by time: `last_id` is the greatest id that has been read, `first_open_id` the
    smallest of a partial answer that may still be added to. Both are empty where everything is to be read.
    """

    start: datetime
    end: datetime
    first_open_id: int | None = None
    last_id: int | None = None


class Unanswered(ShopkeeperError):
    """The connection broke after a request that must not be repeated: nobody knows whether it was carried out."""


class Provider(Protocol):
    """Somebody who sends surveys or collects answers. Each method may raise ShopkeeperError; none writes to the warehouse."""

    name: str

    def deliver(self, invitations: Sequence[Invitation], *, message: Message, batch: str) -> Iterator[Outcome]:
        """Hand invitations over, at most once each. `batch` names the hand-over. Raises Unanswered where it cannot be known
        what became of those that have no outcome yet."""
        ...

    def fetch_responses(self, window: Window) -> Iterator[Answer | Fault]:
        """Every answer that was given or added to in the window, at least once each; a Fault for a row that cannot be read."""
        ...

    def fetch_events(self, window: Window) -> Iterator[Told]:
        """What happened to invitations in the window, at least once each."""
        ...

    def read_message(self, payload: Any) -> tuple[Iterable[Answer], Iterable[Told]]:
        """What a webhook's payload says, once its signature has been checked. Raises ShopkeeperError where it says nothing known."""
        ...


def parts(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """In pieces of at most `size`."""
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
