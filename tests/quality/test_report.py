"""The metric-quality report as people open it: one small site, built once with an auditor's rights alone, and looked at in a browser."""

from __future__ import annotations

import csv
import io
import re
import shlex
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.browser import browser
from tests.quality import report_outer, report_world

from shopkeeper.quality.report import Marts, build_report
from shopkeeper.quality.report.flow import Flow, uncrossed
from shopkeeper.quality.report.layout import written
from shopkeeper.quality.report.response import stages
from shopkeeper.quality.tracing import trace
from shopkeeper.quality.tracing.subject import RECORDS, named_key, row_of
from shopkeeper.warehouse import roles
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine as make_engine

QUESTIONS = ["What is the score?", "Can I trust it?", "What changed?"]
PAGES = (
    *("index", "trust", "response", "representativeness", "over-time", "units", "gaming", "quarantine", "providers", "lineage", "gates"),
    *("rejected", "drivers", "themes", "drill", "accounts", "benchmark", "employees", "goals", "silent", "downloads", "print"),
)
COMPANY = "Brunnenhof & Söhne"


@dataclass(frozen=True)
class Built:
    content: bytes
    folder: Path
    owner: sa.Engine
    auditor: sa.Engine

    def url(self, page: str) -> str:
        return (self.folder / f"{page}.html").as_uri()


@pytest.fixture(scope="module")
def built(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    server.create_database("reported", template="migrated")
    owner = make_engine(server.url("reported"))
    with owner.begin() as connection:
        report_world.fill(connection, answers=3000)
        for schema in ("marts", "quality"):
            roles.grant_schema(connection, schema)
    password = roles.create_login(owner, "anna", "cx_auditor")
    url = owner.url.set(username="anna", password=password).render_as_string(hide_password=False)
    auditor = make_engine(url)
    folder = tmp_path_factory.mktemp("report")
    content = build_report(auditor, COMPANY)
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    yield Built(content, folder, owner, auditor)
    for engine in (owner, auditor):
        engine.dispose()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


def bottom(page: Page, css: str) -> float:
    """Where the lowest of these ends, in pixels from the top of the page."""
    return max(page.locator(css).evaluate_all("all => all.map(one => one.getBoundingClientRect().bottom)"))


@pytest.mark.browser
def test_the_first_screen_answers_three_questions(built: Built, chromium: Browser) -> None:
    # Who has to scroll or click to learn that a score cannot be trusted has quoted it before.
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.goto(built.url("index"))
        programmes = page.locator("article.programme")
        assert programmes.evaluate_all("all => all.map(one => one.dataset.programme)") == ["transactional", "relationship"]
        for programme in programmes.all():
            assert programme.locator("h3").all_inner_texts() == QUESTIONS
        assert bottom(page, ".programme") <= 800
        assert page.locator(".verdict").all_inner_texts() == ["✓ sound", "! usable with care"]
        with built.owner.connect() as connection:
            scores = connection.scalars(sa.text("select nps from marts.nps_current where dimension = 'all' order by responses desc")).all()
        assert page.locator(".score").all_inner_texts() == [written(score, "points") for score in scores]
        told = [" ".join(text.split()) for text in page.locator(".changed").all_inner_texts()]
        assert "−2.4 in 90 days: within chance" in told[0]
        assert "detractors in the week of" in told[0]
        assert "the way of asking changed" in told[1]
        assert "configuration changed" in page.locator(".meta").inner_text()
        page.set_viewport_size({"width": 375, "height": 667})
        first = "article.programme:first-of-type"
        assert bottom(page, f"{first} .verdict") <= 667
        assert page.locator(f"{first} .changed h3").bounding_box()["y"] < 600  # type: ignore[index]


@pytest.mark.browser
def test_it_reads_nothing_but_itself_and_fits_a_phone(built: Built, chromium: Browser) -> None:
    # A page that asks somewhere else for a font tells somebody who audits whom; one that scrolls sideways is not read on the way to work.
    with chromium.new_context(offline=True, viewport={"width": 375, "height": 667}, color_scheme="dark") as context:
        page = context.new_page()
        asked: list[str] = []
        broken: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: broken.append(str(error)))
        for name in PAGES:
            page.goto(built.url(name))
            assert page.locator("h1").count() == 1, name
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} scrolls sideways"
            assert page.locator("svg.chart:not([aria-label])").count() == 0
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 23, 30)"
        assert all(url.startswith("file://") for url in asked)
        assert broken == []


def test_no_person_is_in_it(built: Built) -> None:
    # It is handed around: a name that reached a page is out for good.
    for name in zipfile.ZipFile(io.BytesIO(built.content)).namelist():
        data = (built.folder / name).read_bytes()
        parts = (
            [data]
            if not name.endswith(".xlsx")
            else [zipfile.ZipFile(io.BytesIO(data)).read(part) for part in zipfile.ZipFile(io.BytesIO(data)).namelist()]
        )
        for part in parts:
            assert report_world.PERSON.encode() not in part, name
            assert report_world.ADDRESS.encode() not in part, name
            assert b"customer-" not in part, f"{name} names a customer"
            assert not (name.endswith(".html") and b"<b>Branch" in part), f"{name} takes a unit's name for markup"


def test_what_is_modelled_stays_on_its_page_and_who_is_hidden_on_none(built: Built) -> None:
    # A modelled score on the first page is quoted as measured by noon. A team of three that is named, even without a figure, is told that
    # somebody counted it.
    pages = {page: (built.folder / f"{page}.html").read_text() for page in PAGES}
    assert report_outer.MODELLED in pages["silent"]
    assert "Modelled, not measured" in pages["silent"]
    listed = re.findall(r'<a href="([\w-]+)\.html"(?: aria-current="page")?>', pages["index"].partition("<main>")[0])
    assert listed[-2:] == ["silent", "downloads"]
    with_it = {page for page, text in pages.items() if report_outer.MODELLED in text}
    assert with_it == {"silent", "print"}
    assert report_outer.MODELLED not in pages["print"].partition("Modelled, not measured")[0]
    for name in zipfile.ZipFile(io.BytesIO(built.content)).namelist():
        assert name.endswith(".xlsx") or report_outer.HIDDEN_TEAM.encode() not in (built.folder / name).read_bytes(), name


@pytest.mark.browser
def test_a_cut_by_two_things_is_picked_and_asked_for_in_sql(built: Built, chromium: Browser) -> None:
    # Whoever asks for time by segment and sees time by kind of claim reads the wrong table; and the SQL shown must be the one that answers.
    with chromium.new_context(viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(built.url("drill"))
        shown = page.locator(".grid:visible caption")
        assert shown.all_inner_texts() == ["Time to resolution and kind of interaction"]
        page.get_by_label("and by").select_option("segment")
        assert shown.all_inner_texts() == ["Time to resolution and segment"]
        page.get_by_label("Cut by").select_option("kind of interaction")
        assert shown.all_inner_texts() == ["Time to resolution and kind of interaction"]
        query = page.locator(".query pre").first.text_content() or ""
        read = "all => all.map(row => [...row.cells].map(cell => cell.firstChild?.textContent.trim() ?? ''))"
        head, *rows = page.locator(".grid:visible tr").evaluate_all(read)
    shown_scores = {(row[0], name): score for row in rows for name, score in zip(head[1:], row[1:], strict=True) if score}
    with built.auditor.connect() as connection:
        asked = connection.execute(sa.text(query.partition(";")[0])).all()
    assert shown_scores == {(row.other_value, row.dimension_value): written(row.nps, "points") for row in asked}
    assert len(shown_scores) == 3


@pytest.mark.browser
def test_tables_come_along(built: Built, chromium: Browser) -> None:
    with chromium.new_context(accept_downloads=True) as context:
        page = context.new_page()
        page.goto(built.url("units"))
        with page.expect_download() as waited:
            page.locator("a[href='tables/units_transactional_nps_branch.csv']").click()
        text = Path(waited.value.path()).read_text(encoding="utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert len(lines) == report_world.BRANCHES
    # A spreadsheet must not run what somebody called a branch.
    assert [line["label"] for line in lines if "cmd" in line["label"]] == [f"'{report_world.HOSTILE}"]
    assert lines[0]["trace"].startswith("./shopkeeper trace unit_comparisons ")
    with zipfile.ZipFile(built.folder / "metric-quality.xlsx") as book:
        sheets = [name for name in book.namelist() if name.startswith("xl/worksheets/")]
        assert len(sheets) == 1 + len(list((built.folder / "tables").iterdir()))
        assert not [name for name in sheets if b"<f>" in book.read(name)]


def test_a_providers_own_figures_stand_beside_ours(built: Built) -> None:
    # Who changes provider is asked why the old page said something else; without the figures side by side each side keeps its own truth.
    lines = list(csv.DictReader((built.folder / "tables" / "stated_transactional_nps.csv").open(encoding="utf-8-sig")))
    read = [line["reading"] for line in lines]
    assert read[0].startswith("follows from its answers"), read
    assert read[1] == "40 of its answers are not here"
    assert read[2].endswith("points: counted in another way there")
    assert all(one.startswith("follows") for one in read[3:])
    with built.owner.connect() as connection:
        query = "select nps from marts.nps_by_segment where {} and period_starts_on = :day"
        cell = "programme = 'transactional' and period_grain = 'month' and dimension = 'all'"
        ours = [connection.scalar(sa.text(query.format(cell)), {"day": line["period_starts_on"]}) for line in lines]
    assert [line["our_nps"] for line in lines] == [str(score) for score in ours]
    page = (built.folder / "providers.html").read_text()
    assert "archive, as stated" in page
    assert "none of its answers is here" in page


def test_what_kept_a_wave_from_the_eligible_is_said(built: Built) -> None:
    # "Only 65 % could be asked" sounds like a fault of the survey; most of the others were left in peace because they had just been asked.
    page = (built.folder / "response.html").read_text()
    assert "found 9,400 eligible and could ask 6,080: 64.7 %" in page
    assert "another invitation of this programme is too near (3,100); no e-mail address is known (220)." in page


def test_which_rule_was_broken_and_what_the_silent_said_have_a_place(built: Built) -> None:
    # "Three came too early" is shrugged at; that they came after a refusal is not. Calls that nobody finds were paid for in vain.
    said = {
        page: " ".join((built.folder / f"{page}.html").read_text().split())
        for page in ("quarantine", "trust", "representativeness", "index")
    }
    assert "1,930 invitations of the last 90 days 3 came too early: after a refusal 3." in said["quarantine"]
    assert "Score of all invited, by calls to the silent</th><td>20.4" in said["trust"]
    assert "80 were called and 31 reached. They say 9.0, those who answered by themselves 41.0" in said["representativeness"]
    assert "with calls to the silent between 6.1 and 33.9" in said["index"]


def test_every_table_of_evidence_says_how_to_trace_it(built: Built) -> None:
    # "How do you know?" is asked of a check, a batch and a rejected row, too. What is counted from the table below it needs
    # no trace, and what nothing is here of can have none.
    for page in PAGES[:-2]:
        for name, head in re.findall(r'<table id="table-([\w-]+)">(.*?)</thead>', (built.folder / f"{page}.html").read_text(), re.DOTALL):
            summed = name in ("gaming_tested", "stated_web_chat_nps", "drill_transactional_nps", "accounts_by_role")
            assert ">Trace<" in head or summed, f"{page}: {name}"


def test_every_number_says_how_to_trace_it(built: Built) -> None:
    # A command that finds nothing, or two things, is worse than none: the auditor stops there.
    commands = {}
    for page in PAGES:
        for command in re.findall(r'data-copy="(\./[^"]+)"', (built.folder / f"{page}.html").read_text()):
            words = shlex.split(command.replace("&#39;", "'").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
            assert words[:2] == ["./shopkeeper", "trace"]
            commands[tuple(words[2:])] = page
    marts = {words[0] for words in commands}
    assert marts >= {
        "nps_current",
        "nps_by_segment",
        "metric_reliability",
        "response_rates",
        "unit_comparisons",
        "score_changes",
        "control_charts",
        "driver_effects",
        "driver_curves",
        "theme_trends",
        "theme_quality",
        "benchmark_nps",
        "employee_nps",
        "dim_accounts",
        "goal_attainment",
        "initiative_priorities",
        "predicted_quality",
        "predicted_scores",
    }
    assert marts >= RECORDS.keys()
    with built.auditor.connect() as connection:
        for words in commands:
            if words[0] in RECORDS:
                assert trace(connection, words[0], words[1:]).sections[0].rows, words
        for words in list({words[0]: words for words in commands}.values()):
            if words[0] not in RECORDS:
                assert row_of(connection, words[0], named_key(words[0], words[1:])), words
        # Answers that mention a theme are not all answers of its cell: that score is not computed anew, the answers are listed.
        about = trace(connection, "theme_trends", next(words[1:] for words in commands if words[0] == "theme_trends"))
    assert about.agrees is None
    assert about.following[0] == f"./shopkeeper trace fct_survey_responses {report_outer.EXAMPLE}"


def test_a_way_is_told_from_left_to_right() -> None:
    links = [("candidates", "eligible"), ("candidates", "staff"), ("eligible", "drawn"), ("drawn", "asked"), ("asked", "completed")]
    rows = [{"from_step": origin, "to_step": target} for origin, target in [*links, ("invited by others", "asked")]]
    assert stages(rows) == [["candidates"], ["eligible", "staff"], ["drawn", "invited by others"], ["asked"], ["completed"]]
    assert stages([]) == []


def test_ribbons_do_not_cross_where_they_need_not() -> None:
    # Two ways that cross tell that those invited by others came from the company's own frame.
    links = [
        ("invited by others", "asked"),
        ("candidates", "eligible"),
        ("candidates", "staff"),
        ("asked", "completed"),
        ("eligible", "drawn"),
    ]
    flows = [Flow(origin, target, 10) for origin, target in links]
    columns = [["candidates", "invited by others"], ["asked", "eligible", "staff"], ["completed", "drawn"]]
    assert uncrossed(flows, columns) == [["candidates", "invited by others"], ["eligible", "staff", "asked"], ["drawn", "completed"]]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        *((None, "points", "–"), (-0.04, "points", "0.0"), (-3.25, "change", "−3.2"), (0.0, "change", "0.0"), (2.0, "change", "+2.0")),
        *(
            (0.1234, "share", "12.3 %"),
            (1234, "count", "1,234"),
            (0.0001, "p", "< 0.001"),
            (False, "flag", "no"),
            ("not_mature", "code", "not mature"),
        ),
    ],
)
def test_numbers_are_written_as_people_read_them(value: object, kind: str, text: str) -> None:
    assert written(value, kind) == text  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_with_a_screen_reader(built: Built, chromium: Browser, scheme: str) -> None:
    with chromium.new_context(color_scheme=scheme, viewport={"width": 375, "height": 667}) as context:  # type: ignore[arg-type]
        page, axe = context.new_page(), Axe()
        for name in PAGES[:-1] if scheme == "dark" else PAGES:  # on paper, the last, is light
            page.goto(built.url(name))
            for trace in page.locator("details.trace summary").all()[:1]:
                trace.click()
            found = axe.run(page)
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"


@pytest.mark.slow
@pytest.mark.browser
def test_it_prints(built: Built, chromium: Browser) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(built.url("print"))
        page.emulate_media(media="print")
        assert page.locator("nav").is_hidden()
        assert not [trace for trace in page.locator(".trace").all()[:5] if trace.is_visible()]
        assert bottom(page, ".programme") < 1000, "the first sheet holds what the first page says"
        assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.slow
def test_the_same_marts_give_the_same_bytes_to_whoever_asks(built: Built) -> None:
    # An auditor who makes a report again must be able to say that it is the one that was published. Built with the auditor's rights
    # before and with the owner's now, from the published schema and by its name.
    with built.owner.connect() as connection:
        last = connection.scalar(sa.text("select max(build_id) from ops.builds"))
    assert build_report(built.owner, COMPANY, Marts("marts", last, last)) == built.content
