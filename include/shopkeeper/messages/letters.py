"""What is written to our own people, ready for `outbox.post`: alerts, escalations, decisions, feedback, and digests of many of them.

Everything here is for the one who has to act. A chat is read by many: what goes there names no customer and quotes nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from textwrap import shorten
from typing import Literal
from uuid import UUID

from shopkeeper.company.closed_loop import Band, RuleKind
from shopkeeper.company.config import CompanyFolder
from shopkeeper.messages import links
from shopkeeper.messages.outbox import Kind, Message
from shopkeeper.messages.writing import COLOURS, Button, Content, Entry, Paper, Said, Section, about, language, lines, moment, money, say

# In this order they stand in a digest.
DIGESTIBLE: tuple[Kind, ...] = ("escalation", "approval", "alert", "feedback", "thanks")
# So many a digest lists; nobody reads more, and mail programs cut longer ones off.
LISTED = 100
EXCERPT = 400  # characters


@dataclass(frozen=True)
class Reader:
    """An employee; `locale` as in ops.directory."""

    employee_id: str
    locale: str | None = None


@dataclass(frozen=True)
class Heard:
    """What a customer said, or what happened to the customer. `customer` is a name, else an id. Moments are in UTC."""

    customer: str = field(repr=False)
    at: datetime
    score: int | None = None
    previous_score: int | None = None
    highest: int = 10
    band: Band | None = None
    verbatim: str | None = field(default=None, repr=False)
    interaction_type: str | None = None
    interaction_at: datetime | None = None


@dataclass(frozen=True)
class Listed:
    """A message that becomes a line of a digest."""

    kind: Kind
    title: str = field(repr=False)
    excerpt: str | None = field(repr=False)
    order_id: UUID | None = None
    response_key: str | None = None


class Letters:
    """Writes for one company folder. Making one raises ShopkeeperError where a template of the company does not work at all."""

    def __init__(self, folder: CompanyFolder) -> None:
        self._paper = Paper(folder)
        self._company, self._zone = folder.company, folder.company.zone

    # --- about a work order ------------------------------------------------------------------------------------------

    def alert(
        self,
        to: Reader,
        heard: Heard,
        *,
        identity: str,
        reason: RuleKind | Literal["assigned", "again", "step"],
        order_id: UUID,
        call_by: datetime,
        due_at: datetime,
        call_wanted: bool = True,
        at_stake: Decimal | None = None,
        is_urgent: bool = False,
    ) -> Message:
        """To the owner of an order: call, or, where no call is wanted, decide; or do the step that was planned.

        `at_stake` in the company's currency.
        """
        spoken = language(to.locale)
        what = "step" if reason == "step" else "alert" if call_wanted else "decide"
        by = self._moment(call_by, spoken)
        title = say(f"{what}.title", spoken, customer=heard.customer, moment=by)
        said = (self._why(reason, heard, spoken), say(f"{what}.ask", spoken, moment=by))
        facts = [("call_by", by)] if what == "alert" else []
        if at_stake is not None:
            facts.append(("at_stake", money(at_stake, self._company.currency, spoken)))
        button = Button(say("alert.button", spoken), links.order_link(order_id))
        content = self._content("alert", spoken, title, button, said, heard=heard, facts=facts)
        return self._message(content, identity, to, due_at, heard, order_id=order_id, is_urgent=is_urgent)

    def escalation(
        self,
        to: Reader,
        heard: Heard,
        *,
        identity: str,
        when: Literal["no_attempt", "not_closed"],
        order_id: UUID,
        since: datetime,
        due_at: datetime,
        is_urgent: bool = False,
    ) -> Message:
        """To a supervisor: what was due at `since` has not happened."""
        spoken = language(to.locale)
        at = self._moment(since, spoken)
        title = say(f"escalation.{when}.title", spoken, customer=heard.customer, moment=at)
        said = (say(f"escalation.{when}.ask", spoken, moment=at),)
        button = Button(say("alert.button", spoken), links.order_link(order_id))
        content = self._content("escalation", spoken, title, button, said, heard=heard, facts=[("due_since", at)])
        return self._message(content, identity, to, due_at, heard, order_id=order_id, is_urgent=is_urgent)

    def approval(
        self, to: Reader, heard: Heard, *, identity: str, order_id: UUID, amount: Decimal, due_at: datetime, at_stake: Decimal | None = None
    ) -> Message:
        """To a supervisor: an offer above the limit is to be decided. Money in the company's currency."""
        spoken = language(to.locale)
        asked = money(amount, self._company.currency, spoken)
        title = say("approval.title", spoken, customer=heard.customer, amount=asked)
        said = (say("approval.ask", spoken, customer=heard.customer, amount=asked),)
        facts = [] if at_stake is None else [("at_stake", money(at_stake, self._company.currency, spoken))]
        button = Button(say("approval.button", spoken), links.order_link(order_id))
        content = self._content("approval", spoken, title, button, said, heard=heard, facts=facts)
        return self._message(content, identity, to, due_at, heard, order_id=order_id)

    def decided(
        self, to: Reader, heard: Heard, *, identity: str, order_id: UUID, amount: Decimal, is_approved: bool, due_at: datetime
    ) -> Message:
        """To whoever asked for an offer: the supervisor's word on it. Money in the company's currency."""
        spoken, what = language(to.locale), "approved" if is_approved else "refused"
        given = {"customer": heard.customer, "amount": money(amount, self._company.currency, spoken)}
        button = Button(say("alert.button", spoken), links.order_link(order_id))
        content = self._content(
            "approval", spoken, say(f"{what}.title", spoken, **given), button, (say(f"{what}.ask", spoken, **given),), heard=heard
        )
        return self._message(content, identity, to, due_at, heard, order_id=order_id)

    # --- without a work order ------------------------------------------------------------------------------------------

    def feedback(
        self, to: Reader, heard: Heard, *, identity: str, response_key: str, due_at: datetime, order_id: UUID | None = None
    ) -> Message:
        """To the employee it is about: an answer in the customer's own words, with one link to thank or call.

        The link leads to the order where there is one. A promoter's is of the kind `thanks`.
        """
        spoken = language(to.locale)
        is_promoter = heard.band == "promoter"
        named = "feedback.title" if heard.score is not None else "feedback.title_unscored"
        title = say(named, spoken, customer=heard.customer, score=heard.score, highest=heard.highest)
        said = (say("feedback.ask_promoter" if is_promoter else "feedback.ask", spoken),)
        button = Button(say("feedback.button", spoken), links.order_link(order_id) if order_id else links.answer_link(response_key))
        content = self._content("thanks" if is_promoter else "feedback", spoken, title, button, said, heard=heard)
        return self._message(content, identity, to, due_at, heard, order_id=order_id, response_key=response_key)

    def told(self, to: Reader, heard: Heard, *, identity: str, reason: RuleKind, due_at: datetime) -> Message:
        """To whom a rule names: something happened to a customer, about which nobody has to call."""
        spoken = language(to.locale)
        button = Button(say("unit_changed.button", spoken), links.desk_link())
        content = self._content("feedback", spoken, self._why(reason, heard, spoken), button, (say("told.ask", spoken),), heard=heard)
        return self._message(content, identity, to, due_at, heard)

    def unit_changed(
        self, to: Reader, *, identity: str, unit: str, previous: Decimal, score: Decimal, margin: Decimal, due_at: datetime
    ) -> Message:
        """To who leads a unit: its score has moved by more than noise. Scores and `margin` in points, -100 to 100."""
        spoken = language(to.locale)
        title = say("unit_changed.title", spoken, unit=unit, change=f"{score - previous:+.0f}")
        given = {"unit": unit, "previous": f"{previous:.0f}", "score": f"{score:.0f}", "margin": f"{margin:.0f}"}
        said = (say("unit_changed.ask", spoken, **given),)
        content = self._content("alert", spoken, title, Button(say("unit_changed.button", spoken), links.desk_link()), said)
        return self._message(content, identity, to, due_at)

    # --- to a chat ------------------------------------------------------------------------------------------------------

    def to_chat(
        self,
        target: str,
        kind: Literal["alert", "escalation"],
        *,
        identity: str,
        order_id: UUID,
        at: datetime,
        due_at: datetime,
        unit: str | None = None,
        locale: str | None = None,
        is_urgent: bool = False,
    ) -> Message:
        """To a chat of closed_loop.yml: that a call is wanted by `at`, or has been due since. No customer, no words, no score."""
        spoken = language(locale)
        title = say(f"chat.{kind}", spoken) + (f" · {' '.join(unit.split())}" if unit else "")
        body = f"{say(f'chat.{kind}_body', spoken, moment=self._moment(at, spoken))}\n{links.order_link(order_id)}\n"
        return Message(kind, identity, title, body, due_at, target=target, order_id=order_id, is_urgent=is_urgent)

    # --- many at once ---------------------------------------------------------------------------------------------------

    def digest(
        self, to: Reader | None, listed: Sequence[Listed], *, identity: str, due_at: datetime, target: str | None = None, is_urgent: bool
    ) -> Message:
        """One message in place of many, to a reader or to a chat. It lists the first 100, the most urgent kinds first."""
        spoken = language(to.locale if to else None)
        chosen = sorted(listed, key=lambda one: DIGESTIBLE.index(one.kind))[:LISTED]
        if to is None:
            title = say("digest.chat_title", spoken, count=f"{len(listed):,}")
            counts = [(kind, sum(one.kind == kind for one in listed)) for kind in DIGESTIBLE]
            told = [f"{say(f'digest.kinds.{kind}', spoken)}: {count:,}" for kind, count in counts if count]
            return Message("digest", identity, title, "\n".join([*told, links.desk_link()]), due_at, target=target, is_urgent=is_urgent)
        sections = tuple(
            Section(say(f"digest.kinds.{kind}", spoken), tuple(map(_entry, ones))) for kind, ones in groupby(chosen, lambda one: one.kind)
        )
        left = len(listed) - len(chosen)
        content = Content(
            kind="digest",
            language=spoken,
            company=self._company.name,
            title=say("digest.title", spoken, count=f"{len(listed):,}"),
            button=Button(say("digest.button", spoken), links.desk_link()),
            why_you=say("why_you", spoken, company=self._company.name),
            lines=(say("digest.ask", spoken),),
            sections=sections,
            more=say("digest.more", spoken, count=f"{left:,}") if left else "",
        )
        return self._message(content, identity, to, due_at, is_urgent=is_urgent)

    # --- parts ----------------------------------------------------------------------------------------------------------

    def _moment(self, at: datetime, spoken: str) -> str:
        return moment(at, self._zone, spoken)

    def _why(self, reason: str, heard: Heard, spoken: str) -> str:
        known = {"score": heard.score, "previous": heard.previous_score}
        if reason in ("low_score", "promoter", "score_moved", "band_changed") and heard.score is None:
            raise ValueError(f"{reason} needs a score")
        return say(f"reasons.{reason}", spoken, customer=heard.customer, highest=heard.highest, **known)

    def _said(self, heard: Heard, spoken: str) -> Said | None:
        if heard.score is None and not heard.verbatim:
            return None
        score = say("score", spoken, score=heard.score, highest=heard.highest) if heard.score is not None else None
        band = say(f"bands.{heard.band}", spoken) if heard.band else None
        heading = " · ".join(filter(None, (score, band, self._moment(heard.at, spoken))))
        return Said(heading, lines(heard.verbatim) or (say("no_words", spoken),), COLOURS.get(heard.band or "", Said.colour))

    def _content(
        self,
        kind: Kind,
        spoken: str,
        title: str,
        button: Button,
        said: tuple[str, ...],
        *,
        heard: Heard | None = None,
        facts: Sequence[tuple[str, str]] = (),
    ) -> Content:
        written = list(facts)
        if heard is not None and heard.interaction_at is not None:
            on = heard.interaction_at.astimezone(self._zone).date()
            written.append(("about", about(heard.interaction_type, on, spoken)))
        return Content(
            kind=kind,
            language=spoken,
            company=self._company.name,
            title=title,
            button=button,
            why_you=say("why_you", spoken, company=self._company.name),
            lines=said,
            said=self._said(heard, spoken) if heard is not None else None,
            facts=tuple((say(f"facts.{name}", spoken), value) for name, value in written),
        )

    def _message(
        self,
        content: Content,
        identity: str,
        to: Reader,
        due_at: datetime,
        heard: Heard | None = None,
        *,
        order_id: UUID | None = None,
        response_key: str | None = None,
        is_urgent: bool = False,
    ) -> Message:
        text, html = self._paper.print(content)
        return Message(
            content.kind,
            identity,
            content.title,
            text,
            due_at,
            employee_id=to.employee_id,
            html=html,
            excerpt=heard.verbatim if heard is not None else None,
            order_id=order_id,
            response_key=response_key,
            is_urgent=is_urgent,
        )


def _entry(one: Listed) -> Entry:
    link = links.order_link(one.order_id) if one.order_id else links.answer_link(one.response_key) if one.response_key else None
    return Entry(one.title, lines(shorten(one.excerpt or "", EXCERPT, placeholder=" …")), link)
