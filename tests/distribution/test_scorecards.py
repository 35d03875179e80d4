"""Everybody reads what is his or her own, once a day, in words that nobody can be known by or harmed with."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
import sqlalchemy as sa
from tests.distribution import published
from tests.distribution.published import AS_OF

from shopkeeper.company.config import CompanyFolder
from shopkeeper.distribution.huddle_packs import build_site, post_packs
from shopkeeper.distribution.scorecards import post_scorecards
from shopkeeper.survey.mode import DELIVERY, INSTANCE_ID, LIVE_URL

NOW = AS_OF + timedelta(hours=2)


class Elements(HTMLParser):
    """Every element and attribute of a page, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def posted(engine: sa.Engine, kind: str = "scorecard") -> dict[str, sa.Row[tuple[str, str, str, str]]]:
    query = """
        select employee_id, title, body, html, due_at from ops.messages inner join pii.message_texts using (message_id)
        where kind = :kind order by employee_id
    """
    with engine.connect() as connection:
        return {row.employee_id: row for row in connection.execute(sa.text(query), {"kind": kind})}


@pytest.fixture
def fresh(shared: sa.Engine) -> sa.Engine:
    """The shared company with an empty outbox and one publication."""
    with shared.begin() as connection:
        connection.execute(sa.text("truncate ops.messages, pii.message_texts, ops.message_queue"))
        connection.execute(sa.text("delete from quality.publications where build_id > 1"))
    return shared


def test_a_scorecard_goes_out_once_per_employee_and_day_however_often_marts_are_published(fresh: sa.Engine, company: CompanyFolder) -> None:
    first = post_scorecards(fresh, company, now=NOW)
    cards = posted(fresh)
    assert first == {"posted": len(cards)}
    assert len(cards) == 60 + 2 + 1 + 1, "sixty employees, two branches, a region, the company"
    with fresh.begin() as connection:
        published.publish(connection, AS_OF + timedelta(hours=9), build_id=2)
    assert post_scorecards(fresh, company, now=NOW + timedelta(hours=9)) == {"posted": 0}
    with fresh.begin() as connection:
        published.publish(connection, AS_OF + timedelta(hours=24), build_id=3)
    assert post_scorecards(fresh, company, now=NOW + timedelta(hours=24)) == {"posted": len(cards)}
    with fresh.begin() as connection:  # a run that was killed half way: the next one posts what is missing, and nothing twice
        lost = "(select message_id from ops.messages where employee_id in ('E1', 'E2') and made_at > :now)"
        for table in ("pii.message_texts", "ops.message_queue", "ops.messages"):
            connection.execute(sa.text(f"delete from {table} where message_id in {lost}"), {"now": NOW})
    assert post_scorecards(fresh, company, now=NOW + timedelta(hours=25)) == {"posted": 2}


def test_nobody_is_told_on_a_holiday_or_of_a_day_long_past(
    fresh: sa.Engine, company: CompanyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh.begin() as connection:
        published.publish(connection, AS_OF + timedelta(days=2), build_id=2)  # in Berlin the 6th, a holiday
        instance = connection.scalar(sa.text("select instance_id from ops.instance"))
    assert "nobody works" in str(post_scorecards(fresh, company, now=NOW)["why_nothing"])
    with fresh.begin() as connection:
        connection.execute(sa.text("delete from quality.publications where build_id > 1"))
    for name, value in ((DELIVERY, "live"), (INSTANCE_ID, str(instance)), (LIVE_URL, "smtp://127.0.0.1:1")):
        monkeypatch.setenv(name, value)
    # A past report that is remade must not be tomorrow's scorecard.
    assert "long past" in str(post_scorecards(fresh, company, now=NOW + timedelta(days=3))["why_nothing"])
    assert not posted(fresh)
    assert "posted" in post_scorecards(fresh, company, now=NOW)
    assert posted(fresh)


def test_each_reads_what_is_his_or_her_own(fresh: sa.Engine, company: CompanyFolder) -> None:
    post_scorecards(fresh, company, now=NOW)
    cards = posted(fresh)
    own, german, leader, branch, region, executive = (cards[one].body for one in ("E1", "E2", "E10", "MB0", "MR0", "MHQ"))
    # The front line: own words and orders, nobody else's scores.
    assert "Your customers, 4 March" in own
    assert "Ihre Kunden, 4. März" in german
    assert re.search(r"- You \(Transactional\): −?\d+ \(−?\d+ to −?\d+\), 12 answers: a hint, no more", own)
    assert "2 open, 1 overdue" in own
    assert own.count("/desk/orders/") == 2
    assert not re.search(r"\bE\d+\b", own)
    # Who leads a team: its people, and no others; who leads more: units, and no person.
    assert sorted(re.findall(r"^- (E\d+):", leader, re.MULTILINE)) == [f"E{n}" for n in range(11, 20)]
    assert "18 offen, 9 überfällig" in leader
    assert sorted(re.findall(r"^- Team <(\w+)>:", branch, re.MULTILINE)) == ["T0", "T1", "T2"]
    assert sorted(re.findall(r"^- (Branch \w+):", region, re.MULTILINE)) == ["Branch B0", "Branch B1"]
    assert "- Region R0" in executive
    for card in (branch, region, executive):
        assert not re.search(r"\bE\d+\b", card)
        assert "more than chance makes" in branch
    # What colleagues learned, and a trend in characters for programs without pictures.
    assert "a call of five minutes was enough" in own
    assert re.search(r"[▁▂▃▄▅▆▇█·]{5}", own)
    assert re.search(r"[▁▂▃▄▅▆▇█·]{3}", branch)
    assert "<svg" in cards["MB0"].html


def test_hostile_words_stay_words(fresh: sa.Engine, company: CompanyFolder) -> None:
    # Customers can write anything into a survey; it must not run in the mail program of whoever serves them.
    post_scorecards(fresh, company, now=NOW)
    post_packs(fresh, company, now=NOW)
    pages = [row.html for kind in ("scorecard", "huddle_pack") for row in posted(fresh, kind).values()]
    pages += [page.decode() for page in build_site(fresh, company, now=NOW).values()]
    assert sum("&lt;script&gt;alert(" in page for page in pages) > 10, "the hostile words are not in any page: nothing was tried"
    for page in pages:
        seen = Elements(page)
        assert not seen.names & {"script", "img", "iframe", "object", "form"}
        assert not {name for name in seen.attributes if name.startswith("on")}
        assert "Team <T" not in page


def test_a_team_gets_one_pack_a_week(fresh: sa.Engine, company: CompanyFolder) -> None:
    assert post_packs(fresh, company, now=NOW) == {"posted": 6}
    packs = posted(fresh, "huddle_pack")
    assert set(packs) == {f"E{n}" for n in range(0, 60, 10)}
    assert "2 March" in packs["E10"].title or "2. März" in packs["E10"].title
    assert packs["E10"].html.count("<blockquote") >= 3
    with fresh.begin() as connection:
        published.publish(connection, AS_OF + timedelta(days=1), build_id=2)
    assert post_packs(fresh, company, now=NOW + timedelta(days=1)) == {"posted": 0}
    with fresh.begin() as connection:
        published.publish(connection, AS_OF + timedelta(days=7), build_id=3)
    assert post_packs(fresh, company, now=NOW + timedelta(days=7)) == {"posted": 6}


def test_before_the_first_publication_nothing_happens(warehouse: sa.Engine, company: CompanyFolder) -> None:
    assert post_scorecards(warehouse, company, now=NOW)["why_nothing"] == "nothing has been published yet"
    assert build_site(warehouse, company, now=NOW) == {}
