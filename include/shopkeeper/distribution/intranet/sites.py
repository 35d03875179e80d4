"""What stands in the intranet of each role, and its pages."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.distribution import figures, people, publication, rivals, stories, themes, voices, wording
from shopkeeper.distribution.figures import Period, Score
from shopkeeper.distribution.intranet import entries
from shopkeeper.distribution.intranet.policies import Policy, read_policies
from shopkeeper.distribution.people import Kind, Unit
from shopkeeper.distribution.rivals import Panel
from shopkeeper.distribution.stories import Story
from shopkeeper.distribution.themes import News, Theme, Told
from shopkeeper.distribution.voices import Voice
from shopkeeper.pictures import charts
from shopkeeper.pictures.charts import Estimate

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Role:
    """What one role reads: units of which kinds, words of how many days and how many of them, and in whose grain the trend is."""

    name: str
    title: str
    guide: str
    kinds: tuple[Kind, ...]
    words_of_days: int
    words: int
    trend: Kind


ROLES: dict[str, Role] = {
    role.name: role
    for role in (
        Role("intranet_front_line", "For the front line", "front-line", ("team",), 28, 1500, "team"),
        Role("intranet_branch_managers", "For branch managers", "branch-manager", ("branch", "team"), 91, 1500, "branch"),
        Role("intranet_region_managers", "For region managers", "branch-manager", ("region", "branch"), 91, 1000, "region"),
        Role("intranet_executives", "For executives", "executive", ("company", "region", "branch"), 91, 500, "company"),
    )
}
KIND_NAMES: dict[Kind, str] = {"team": "Teams", "branch": "Branches", "region": "Regions", "company": "Company"}


def build_sites(engine: sa.Engine, folder: CompanyFolder) -> dict[str, dict[str, bytes]]:
    """Site → its files by path, from the newest publication; none before the first one.

    Raises ShopkeeperError when a policy of the folder cannot be shown. The same publication and folder give the same bytes.
    """
    policies = read_policies(folder.folder)
    with engine.connect() as connection:
        published = publication.newest(connection, folder)
        if published is None:
            return {}
        units = people.units(connection)
        scores = figures.of_units(connection)
        told = stories.approved(connection)
        company, segments = figures.of_company(connection), figures.of_company(connection, "segment")
        panels = rivals.newest(connection, published.day)
        written = _written(connection, _most_answered(scores))
        sites = {}
        for role in ROLES.values():
            said = voices.newest(connection, published.day, days=role.words_of_days, limit=role.words)
            read = _Read(
                written=written,
                themes=themes.of_answers(connection, [voice.response_id for voice in said]),
                scores=scores,
                company=company.get("all", []),
                segments=segments if "company" in role.kinds else {},
                panels=panels if "company" in role.kinds else [],
                trends=figures.trends(connection, role.trend, "all"),
                voices=said,
                stories=told,
            )
            sites[role.name] = _Site(folder, published, role, units, policies).files(read)
        return sites


@dataclass(frozen=True)
class _Written:
    """What is written about, the same for all roles: by everybody, by customers of each branch, newly; and what was done about it."""

    everybody: list[Theme]
    branches: dict[str, list[Theme]]
    news: list[News]
    told: list[Told]


def _written(connection: sa.Connection, main: Score | None) -> _Written:
    if main is None:
        return _Written([], {}, [], themes.told(connection))
    everybody, branches = (themes.by_value(connection, main.programme, main.metric, dimension) for dimension in ("all", "branch"))
    return _Written(everybody.get("all", []), branches, themes.emerging(connection), themes.told(connection))


@dataclass(frozen=True)
class _Read:
    """What the pages of one role are made of. `themes` are names by answer."""

    written: _Written
    themes: dict[str, list[str]]
    scores: dict[str, list[Score]]
    company: list[Score]
    segments: dict[str, list[Score]]
    panels: list[Panel]
    trends: dict[tuple[str, str, str], list[Period]]
    voices: list[Voice]
    stories: list[Story]


class _Site:
    def __init__(
        self, folder: CompanyFolder, published: publication.Publication, role: Role, units: dict[str, Unit], policies: list[Policy]
    ) -> None:
        self._company, self._published, self._role, self._units, self._policies = folder.company, published, role, units, policies

    def files(self, read: _Read) -> dict[str, bytes]:
        """Path → content."""
        main, of_units = read.company[0] if read.company else None, _most_answered(read.scores)
        groups = [
            (KIND_NAMES[kind], self._compared(read.scores, kind, of_units), of_units) for kind in self._role.kinds if kind != "company"
        ]
        if read.segments:
            groups.append(("Segments", [(name, like) for name, of in read.segments.items() if (like := _like(main, of))], main))
        shown_voices = [self._voice(voice, read.themes.get(voice.response_id, [])) for voice in read.voices]
        news, told_of = [self._news(one) for one in read.written.news], [entries.told(one) for one in read.written.told]
        shown_stories = [self._story(story) for story in read.stories]
        pages = {
            "index.html": self._page(
                "index",
                programmes=[(wording.programme(one), wording.score(one, "en"), wording.moved(one, "en")) for one in read.company],
                trend=self._trend(read.trends, main),
                voices=shown_voices[:6],
                stories=shown_stories[:2],
                policies=self._policies,
                news=news,
                told_of=told_of[:2],
                counts=(len(shown_voices), len(shown_stories), len(told_of)),
            ),
            "scores.html": self._page(
                "scores",
                groups=[self._group(*group) for group in groups if group[1]],
                panels=[entries.panel(panel) for panel in read.panels],
            ),
            "words.html": self._page(
                "words",
                voices=shown_voices,
                days=self._role.words_of_days,
                themes=sorted({name for names in read.themes.values() for name in names}),
            ),
            "themes.html": self._page("themes", news=news, **self._themes(read.written, of_units)),
            "said.html": self._page("said", told_of=told_of),
            "stories.html": self._page("stories", stories=shown_stories),
            "policies.html": self._page("policies", policies=self._policies),
            "search.html": self._page("search"),
        }
        for policy in self._policies:
            pages[f"policies/{policy.name}.html"] = self._page("policy", up="../", policy=policy)
        index = entries.index(shown_voices, shown_stories, self._policies, groups)
        static = {name: (HERE / "static" / name).read_bytes() for name in ("site.css", "search.js")}
        return {name: text.encode() for name, text in pages.items()} | static | {"index.js": index.encode()}

    def _page(self, template: str, *, up: str = "", **values: Any) -> str:
        shared = {
            "company": self._company.name,
            "role": self._role,
            "up": up,
            "here": template,
            "as_of": f"{self._published.as_of.astimezone(self._published.zone):%Y-%m-%d %H:%M}",
            "publication_id": self._published.publication_id,
        }
        return _templates().get_template(f"{template}.html.j2").render(values | shared)

    def _compared(self, scores: dict[str, list[Score]], kind: Kind, main: Score | None) -> list[tuple[str, Score]]:
        of_kind = (unit for unit in self._units.values() if unit.kind == kind)
        return [(unit.name, found) for unit in of_kind if (found := _like(main, scores.get(unit.unit_id, [])))]

    def _group(self, title: str, compared: list[tuple[str, Score]], main: Score | None) -> dict[str, Any]:
        ranked = sorted(compared, key=lambda one: (one[1].score is None, -(one[1].score or 0), one[0]))
        estimates = [entries.estimate(name, one) for name, one in ranked if one.score is not None]
        picture = charts.side_by_side(estimates[: entries.PICTURED], f"{title}: score and interval")
        return {
            "title": title,
            "programme": wording.programme(main) if main else "",
            "picture": picture if estimates else "",
            "left_out": max(0, len(estimates) - entries.PICTURED),
            "rows": [(name, wording.score(one, "en"), wording.moved(one, "en")) for name, one in sorted(compared)],
        }

    def _trend(self, trends: dict[tuple[str, str, str], list[Period]], main: Score | None) -> str:
        periods = trends.get(("all", main.programme, main.metric), []) if main else []
        if sum(one.score.score is not None for one in periods) > 1:
            return charts.over_time(
                [entries.estimate(one.label, one.score, is_break=one.is_break) for one in periods], "The score over time"
            )
        return ""

    def _themes(self, written: _Written, main: Score | None) -> dict[str, Any]:
        estimates = [
            Estimate(textwrap.shorten(one.name, 26, placeholder=" …"), one.share, one.low, one.high, one.score.n)
            for one in written.everybody
        ]
        named = [(unit.name, written.branches[unit_id]) for unit_id, unit in self._units.items() if unit_id in written.branches]
        return {
            "programme": wording.programme(main) if main else "",
            "picture": charts.side_by_side(estimates[: entries.PICTURED], "Mentioned by so many of those who wrote, %")
            if estimates
            else "",
            "everybody": [entries.theme(one) for one in written.everybody],
            "branches": [(name, [entries.theme(one) for one in found[: themes.PER_UNIT]]) for name, found in sorted(named)],
        }

    def _news(self, one: News) -> dict[str, Any]:
        unit = self._units.get(one.value) if one.dimension == "branch" else None
        where = unit.name if unit else f"{one.dimension.replace('_', ' ')} {one.value}"
        return {
            "name": one.name,
            "where": "" if one.dimension == "all" else f" ({where})",
            "mentions": one.mentions,
            "comments": one.comments,
            "share": f"{one.share:.0f}",
            "before": f"{one.share_before:.0f}",
        }

    def _voice(self, voice: Voice, about: list[str]) -> dict[str, Any]:
        unit = self._units.get(voice.unit_id or "")
        return {
            "id": f"r-{voice.response_id}",
            "heading": wording.said(voice, self._company, "en"),
            "day": voice.said_on.isoformat(),
            "band": voice.band,
            "about": (voice.about or voice.programme).replace("_", " "),
            "unit": unit.name if unit else None,
            "words": voice.words,
            "themes": about,
        }

    def _story(self, story: Story) -> dict[str, Any]:
        unit = self._units.get(story.unit_id or "")
        return {
            "id": f"s-{story.order_id}",
            "title": f"From {story.score_before} to {story.score_after}"
            if story.score_after is not None and story.score_before is not None
            else "A customer who was called back",
            "closed_on": story.closed_on.isoformat(),
            "unit": unit.name if unit else None,
            "action": (story.action or "").replace("_", " ") or None,
            "attempts": story.attempts,
            "cost": f"{story.cost:,.0f} {self._company.currency}" if story.cost else None,
            "said": story.said,
            "learned": story.learned,
            "said_after": story.said_after,
        }


def _most_answered(scores: dict[str, list[Score]]) -> Score | None:
    """A score of the programme in which most is said about units: a survey about the relationship is about none."""
    return max((one for of in scores.values() for one in of), key=lambda one: one.n, default=None)


def _like(main: Score | None, scores: list[Score]) -> Score | None:
    return next((one for one in scores if main and (one.programme, one.metric) == (main.programme, main.metric)), None)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
