"""The intranet opens from a folder, without server and network, and shows what customers wrote as words and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import escape
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser
from tests.browser import browser
from tests.distribution.published import AS_OF

from shopkeeper.company.config import CompanyFolder
from shopkeeper.distribution import huddle_packs, stories, you_said
from shopkeeper.distribution.intranet.policies import read_policies
from shopkeeper.distribution.intranet.sites import ROLES, build_sites
from shopkeeper.errors import ShopkeeperError
from shopkeeper.quality import sites

NOW = AS_OF + timedelta(hours=2)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def told(shared: sa.Engine) -> Iterator[UUID]:
    """One story that was approved."""
    with shared.begin() as connection:
        story = stories.candidates(connection, limit=1)[0]
        stories.decide(connection, story.order_id, "approved", by="cx", now=NOW)
    yield story.order_id
    with shared.begin() as connection:
        connection.execute(sa.text("truncate ops.story_decisions"))


def unpacked(engine: sa.Engine, company: CompanyFolder, target: Path, name: str = "intranet_front_line") -> Path:
    """A site as it comes out of the warehouse, in a folder."""
    files = build_sites(engine, company)[name]
    sites.store(engine, name, sites.zip_of(files.items()), now=NOW)
    return sites.unpack(engine, name, target / name)


def test_it_opens_and_searches_from_a_folder_and_runs_no_word_of_a_customer(
    shared: sa.Engine, company: CompanyFolder, told: UUID, tmp_path: Path, chromium: Browser
) -> None:
    index = unpacked(shared, company, tmp_path)
    with chromium.new_context(offline=True) as context:
        page = context.new_page()
        asked, broken = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on("dialog", lambda dialog: broken.append(f"a script of a customer ran: {dialog.message}"))
        for file in sorted(index.parent.rglob("*.html")):
            page.goto(file.as_uri())
            assert page.locator("h1").count() == 1, file
            assert page.evaluate("[...document.querySelectorAll('a[href]')].filter(a => a.href.startsWith('javascript:')).length") == 0
        page.goto(index.as_uri())
        page.get_by_label("Search").fill("GROSSENORDNUNG")
        page.get_by_role("button", name="Search").click()
        page.locator("#results li").first.wait_for()
        assert page.locator("#results li").count() == 1, "folded: capitals, ß and umlauts are found whatever is typed"
        page.locator("#results a").click()
        assert page.locator("h1").inner_text() == "We call back"
        # What is hostile can be searched for, is found, and is still text.
        page.get_by_label("Search").fill("<script> onerror")
        page.get_by_label("Search").press("Enter")
        assert page.locator("#results li").count() > 3
        assert page.locator("#results mark").first.inner_text().lower() in ("<script>", "onerror")
        assert page.locator("#results img, #results script").count() == 0
        page.goto((index.parent / "words.html").as_uri())
        page.get_by_label("Show").select_option("detractor")
        shown = page.locator("#voices > blockquote:visible")
        assert shown.count() > 0
        assert set(shown.evaluate_all("quotes => quotes.map(quote => quote.className)")) == {"detractor"}
    assert not broken
    assert all(url.startswith("file://") for url in asked), "the pages reached for something that a file share has not"


@pytest.mark.slow
@pytest.mark.usefixtures("written")
def test_every_page_can_be_read_with_a_screen_reader(
    shared: sa.Engine, company: CompanyFolder, told: UUID, tmp_path: Path, chromium: Browser
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    index = unpacked(shared, company, tmp_path)
    with chromium.new_context() as context:
        page = context.new_page()
        for name in ("index", "words", "themes", "stories", "said", "policies", "policies/call-back", "scores", "search"):
            page.goto((index.parent / f"{name}.html").as_uri())
            found = Axe().run(page)
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"


RIVAL = r'<th scope="row">([^<]+)</th><td>([^<]+)</td><td>([^<]*)</td>'
PANEL = """
    insert into marts.benchmark_nps
        (panel, competitor, period_grain, reporting, responses, nps, nps_low, nps_high, gap, gap_low, gap_high, is_own,
        period_starts_on, period_ends_on)
    values
        ('Panel', 'Brunnenhof & Söhne', 'quarter', 'reportable', 300, 7, -2, 16, null, null, null, true, '2025-10-01', '2025-12-31'),
        ('Panel', 'Far <b>', 'quarter', 'reportable', 300, -16, -25, -6, 22, 9, 35, false, '2025-10-01', '2025-12-31'),
        ('Panel', 'Near', 'quarter', 'reportable', 300, 9, 0, 18, -2, -15, 10, false, '2025-10-01', '2025-12-31'),
        ('Panel', 'Better', 'quarter', 'reportable', 300, 40, 30, 50, -33, -47, -19, false, '2025-10-01', '2025-12-31'),
        ('Panel', 'Running', 'quarter', 'reportable', 300, 40, 30, 50, -33, -47, -19, false, '2026-01-01', '2026-03-31')
"""


@pytest.fixture
def panel(shared: sa.Engine) -> Iterator[None]:
    with shared.begin() as connection:
        connection.execute(sa.text(PANEL))
    yield
    with shared.begin() as connection:
        connection.execute(sa.text("truncate marts.benchmark_nps"))


def test_each_role_has_its_site_and_none_names_an_employee(shared: sa.Engine, company: CompanyFolder, told: UUID, panel: None) -> None:
    built = build_sites(shared, company)
    assert set(built) == set(ROLES)
    for name, files in built.items():
        for path, content in files.items():
            # Sites are read by many: a row about one employee has no place in them.
            assert not re.search(rb"\bE\d{1,2}\b", content), f"{name}/{path}"
            if path.endswith(".html"):
                assert f'index.html">{escape(company.company.name)}</a>'.encode() in content, f"{name}/{path}"
    front, executives = built["intranet_front_line"], built["intranet_executives"]
    assert b"Team &lt;T1&gt;" in front["scores.html"]
    assert b"Team &lt;T1&gt;" not in executives["scores.html"]
    assert b"Region R0" in executives["scores.html"]
    # Only a gap that is surely one is told as one, and from our side.
    found = re.findall(RIVAL, executives["scores.html"].decode())
    told_of = {name: f"{score}|{ahead}" for name, score, ahead in found}
    assert told_of == {
        "Brunnenhof &amp; Söhne": "7 (−2 to 16), 300 answers|",
        "Far &lt;b&gt;": "−16 (−25 to −6), 300 answers|22 points ahead (9 to 35)",
        "Near": "9 (0 to 18), 300 answers|neither ahead nor behind, as far as is known (−15 to 10)",
        "Better": "40 (30 to 50), 300 answers|33 points behind (19 to 47)",
    }
    assert b"We and others" not in front["scores.html"]
    assert str(told).encode() in front["stories.html"]
    assert build_sites(shared, company) == built, "the same publication gives the same bytes"


WRITTEN = """
    insert into marts.theme_trends
        (programme, metric, theme, theme_name, period_grain, dimension, dimension_value, reporting, comments, mentions, share, share_low,
        share_high, nps, nps_low, nps_high, share_before, change, change_low, change_high, q_value, is_emerging, period_starts_on,
        period_ends_on)
    select programme, metric, theme, name, grain, dimension, value, 'reportable', 200, mentions, mentions / 2.0, 1, 30, -20, -40, 3, 4, 6,
        1, 11, 0.001, grain = 'rolling_28_days', '2025-12-04', '2026-03-03'
    from (select programme, metric from marts.nps_current where dimension = 'team' order by responses desc limit 1) as main
    cross join (
        values
            ('rolling_90_days', 'all', 'all', 'waiting', 'Waiting <i>', 40),
            ('rolling_90_days', 'branch', 'B0', 'waiting', 'Waiting <i>', 20),
            ('rolling_90_days', 'all', 'all', 'payment', 'Slow payment', 10),
            ('rolling_28_days', 'branch', 'B0', 'waiting', 'Waiting <i>', 9)
    ) as found (grain, dimension, value, theme, name, mentions);
    insert into marts.theme_mentions (response_id, theme, theme_name)
    select response_id, 'waiting', 'Waiting <i>' from marts.fct_survey_responses where verbatim like 'nobody called%';
    insert into marts.initiative_priorities (initiative_id, title, state, you_said, we_did, done_on, effect, effect_low, effect_high)
    values
        ('calls', 'Calls back', 'verified', 'Nobody calls. <b>Ever</b>', 'Two more at the phone', '2026-01-05', 6.2, 1.4, 11),
        ('letters', 'Letters', 'in_progress', 'Letters', 'Not yet to be told', null, null, null, null);
"""


@pytest.fixture
def written(shared: sa.Engine) -> Iterator[None]:
    with shared.begin() as connection:
        connection.execute(sa.text(WRITTEN))
    yield
    with shared.begin() as connection:
        connection.execute(sa.text("truncate marts.theme_trends, marts.theme_mentions, marts.initiative_priorities"))


def test_what_is_written_about_leads_to_the_words_and_what_is_done_is_told(
    shared: sa.Engine, company: CompanyFolder, written: None, tmp_path: Path, chromium: Browser
) -> None:
    # A count that leads to no words teaches nobody; and what is told as done before it is costs more trust than saying nothing.
    index = unpacked(shared, company, tmp_path)
    with chromium.new_context(offline=True, viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(index.as_uri())
        page.get_by_role("link", name="Waiting <i>").click()
        shown = page.locator("#voices > blockquote:visible")
        assert shown.count() > 0
        assert all("nobody called me back" in words for words in shown.all_inner_texts())
        assert page.get_by_label("who write about").input_value() == "Waiting <i>"
        page.get_by_role("link", name="What they write about").click()
        assert "Waiting <i> (Branch B0): 9 of 200 who wrote, 4 % against 4 % in the year before" in " ".join(
            page.locator("main").inner_text().split()
        )
        assert "20 % (1 to 30), 40 of 200" in page.locator("section[aria-labelledby=all] td").first.inner_text()
        page.get_by_text("Branch B0: Waiting").click()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.get_by_role("link", name="You said, we did").click()
        told_of = page.locator("article").all_inner_texts()
    assert len(told_of) == 1
    assert "Nobody calls. <b>Ever</b>" in told_of[0]
    assert "+6.2 points where it was done, against units where it was not (+1.4 to +11.0)" in told_of[0]


def test_customers_read_what_was_done_only_where_a_leader_said_so_and_teams_in_their_huddle(
    shared: sa.Engine, company: CompanyFolder, written: None
) -> None:
    # A figure or a name that slips onto a page for customers cannot be taken back.
    assert you_said.build_site(shared, company) == {}
    with shared.begin() as connection:
        connection.execute(sa.text("update marts.initiative_priorities set for_customers = true"))
    files = you_said.build_site(shared, company)
    page = files["index.html"].decode()
    assert "Nobody calls. &lt;b&gt;Ever&lt;/b&gt;" in page
    assert "Two more at the phone" in page
    assert "6.2" not in page
    assert "Letters" not in page
    assert json.loads(files["you-said.json"]) == [
        {"you_said": "Nobody calls. <b>Ever</b>", "we_did": "Two more at the phone", "done_on": "2026-01-05"}
    ]
    packs = huddle_packs.build_site(shared, company, now=NOW)
    assert all("Two more at the phone" in content.decode() for name, content in packs.items() if name != "index.html")
    assert len(packs) > 1


def test_a_story_is_told_only_while_it_is_approved(shared: sa.Engine, company: CompanyFolder, told: UUID) -> None:
    # What is said of a customer, and of a colleague, is not shown to all because a program found it moving.
    with shared.connect() as connection:
        waiting = {story.order_id for story in stories.candidates(connection, limit=500)}
    pages = build_sites(shared, company)["intranet_front_line"]["stories.html"].decode()
    assert told not in waiting
    assert waiting
    assert not [order for order in waiting if str(order) in pages]
    with shared.begin() as connection:
        stories.decide(connection, told, "withdrawn", by="cx", now=NOW)
        assert not stories.approved(connection)
        with pytest.raises(ShopkeeperError, match="no order of the published marts"):
            stories.decide(connection, UUID(int=7), "approved", by="cx", now=NOW)


def test_a_policy_must_say_what_it_answers(company: CompanyFolder) -> None:
    folder = company.folder / "policies"
    (folder / "bare.md").write_text("# Just a page\n")
    (folder / "vague.md").write_text("---\ntitle: Vague\n---\n\n…\n")
    (folder / "both.md").write_text("---\ntitle: Both\nanswers: {theme: a, initiative: b}\n---\n\n…\n")
    (folder / "bytes.md").write_bytes(b"---\ntitle: \xff\n---\n")
    with pytest.raises(ShopkeeperError) as caught:
        read_policies(company.folder)
    assert [problem.where for problem in caught.value.problems] == [f"policies/{name}.md" for name in ("bare", "both", "bytes", "vague")]
    for name in ("bare", "vague", "both", "bytes"):
        (folder / f"{name}.md").unlink()
    (policy,) = read_policies(company.folder)
    assert (policy.kind, policy.answers) == ("theme", "nobody called")
    assert "<strong>a day</strong>" in policy.html
    assert "<script>" not in policy.html
    assert "javascript:" not in re.findall(r'href="([^"]*)"', policy.html)
