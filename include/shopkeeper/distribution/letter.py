"""Scorecards and huddle packs as e-mails: from what a reader is to know to a message for the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from shopkeeper.company.config import CompanyFolder
from shopkeeper.distribution import trend, wording
from shopkeeper.messages import links
from shopkeeper.messages.outbox import Message
from shopkeeper.messages.writing import COLOURS, language

if TYPE_CHECKING:
    from shopkeeper.distribution.figures import Period
    from shopkeeper.distribution.huddle_packs import Pack
    from shopkeeper.distribution.loops import Open
    from shopkeeper.distribution.scorecards import Card
    from shopkeeper.distribution.voices import Voice

TEMPLATES = Path(__file__).parent / "templates"


class Letter:
    """Writes the letters of one day. What customers and colleagues wrote is escaped: it may hold anything."""

    def __init__(self, folder: CompanyFolder, day: date) -> None:
        self._company, self._day = folder.company, day
        templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=lambda name: name is not None and ".html" in name,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        names = ("scorecard.html.j2", "scorecard.txt.j2", "huddle_pack.html.j2", "huddle_pack.txt.j2", "huddle_packs.html.j2")
        self._templates = {name: templates.get_template(name) for name in names}

    def scorecard(self, card: Card, *, identity: str, due_at: datetime) -> Message:
        """The scorecard of one reader, in his or her language."""
        spoken = language(card.person.locale)
        leads = card.person.leads
        level = leads.kind if leads else "employee"
        title = wording.say(f"title.{level}", spoken, unit=leads.name if leads else "", day=wording.day(self._day, spoken))
        values = self._values(spoken, title) | {
            "lead": wording.say(f"lead.{level}", spoken),
            "scores": [self._score_line(name or wording.say("headings.yours", spoken), one, spoken) for name, one in card.scores],
            "parts_heading": wording.say("headings.people" if level == "team" else "headings.units", spoken),
            "parts": [(name, wording.score(one, spoken)) for name, one in card.parts],
            "trend": self._trend(card.trend, spoken),
            "last_scores": trend.blocks(card.last_scores, lowest=0, highest=self._highest()),
            "last_scores_spoken": " ".join(map(str, card.last_scores)),
            "voices": [self._voice(voice, spoken) for voice in card.voices],
            "loops": self._loops(card.loops.open, card.loops.overdue, spoken),
            "orders": [(self._order(order, spoken), links.order_link(order.order_id)) for order in card.loops.listed],
            "lessons": [(wording.day(lesson.learned_on, spoken), lesson.words) for lesson in card.lessons],
        }
        return self._message("scorecard", values, identity, card.person.employee_id, due_at)

    def huddle_pack(self, pack: Pack, employee_id: str, locale: str | None, *, identity: str, due_at: datetime) -> Message:
        """A team's huddle pack, to who leads it: its HTML is the page to be printed."""
        values = self._pack_values(pack, language(locale))
        return self._message("huddle_pack", values, identity, employee_id, due_at)

    def printed(self, pack: Pack) -> str:
        """The same page alone, in English, for the site."""
        return self._templates["huddle_pack.html.j2"].render(self._pack_values(pack, "en"))

    def list_of_packs(self, listed: Sequence[tuple[str, str]], week_starts_on: date) -> str:
        """A page that leads to each team's pack; `listed` holds paths and names of teams."""
        values = {"company": self._company.name, "day": wording.day(week_starts_on, "en"), "listed": listed}
        return self._templates["huddle_packs.html.j2"].render(values)

    # --- parts -------------------------------------------------------------------------------------------------------

    def _pack_values(self, pack: Pack, spoken: str) -> dict[str, Any]:
        title = wording.say("pack.title", spoken, unit=pack.unit.name, day=wording.day(pack.week_starts_on, spoken))
        return self._values(spoken, title) | {
            "scores": [self._score_line(wording.programme(one), one, spoken) for one in pack.scores],
            "trend": self._trend(pack.trend, spoken),
            "voices": [self._voice(voice, spoken) for voice in pack.voices],
            "loops": self._loops(pack.loops.open, pack.loops.overdue, spoken),
            "lessons": [(wording.day(lesson.learned_on, spoken), lesson.words) for lesson in pack.lessons],
            "told": [(one.you_said, one.we_did) for one in pack.told],
        }

    def _values(self, spoken: str, title: str) -> dict[str, Any]:
        return {
            "language": spoken,
            "company": self._company.name,
            "title": title,
            "say": lambda path, **values: wording.say(path, spoken, **values),
            "desk_link": links.desk_link(),
        }

    def _score_line(self, name: str, one: Any, spoken: str) -> tuple[str, str, str, str | None]:
        return name, wording.programme(one), wording.score(one, spoken), wording.moved(one, spoken)

    def _trend(self, periods: tuple[Period, ...], spoken: str) -> dict[str, str] | None:
        if sum(one.score.score is not None for one in periods) < 2:
            return None
        told = "; ".join(f"{one.label}: {wording.score(one.score, spoken)}" for one in periods)
        return {
            "picture": trend.picture(periods, told),
            "blocks": trend.blocks([one.score.score for one in periods]),
            "first": periods[0].label,
            "last": periods[-1].label,
        }

    def _voice(self, voice: Voice, spoken: str) -> tuple[str, tuple[str, ...], str]:
        return wording.said(voice, self._company, spoken), voice.words, COLOURS.get(voice.band, "#7ea3c6")

    def _loops(self, count: int, overdue: int, spoken: str) -> str:
        if not count:
            return wording.say("loops.none", spoken)
        return wording.say("loops.yours", spoken, open=wording.count(count, spoken), overdue=wording.count(overdue, spoken))

    def _order(self, order: Open, spoken: str) -> str:
        if order.due_at is None:
            return wording.say("loops.opened", spoken, moment=wording.moment(order.opened_at, self._company, spoken))
        path = "loops.due_since" if order.is_overdue else "loops.due"
        return wording.say(path, spoken, moment=wording.moment(order.due_at, self._company, spoken))

    def _highest(self) -> int:
        return max((scale.score_to for scale in self._company.scales.values()), default=10)

    def _message(self, kind: Any, values: dict[str, Any], identity: str, employee_id: str, due_at: datetime) -> Message:
        text, html = (self._templates[f"{kind}.{ending}.j2"].render(values) for ending in ("txt", "html"))
        return Message(kind, identity, values["title"], text.strip() + "\n", due_at, employee_id=employee_id, html=html)
