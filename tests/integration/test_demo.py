"""The front door, as a user meets it: the demo's words, the report in a browser, the commands on what it left."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from tests.browser import browser
from tests.integration.conftest import Home, checksums

from shopkeeper.demo import staff_survey
from shopkeeper.survey import ledger
from shopkeeper.survey.inbox import messages
from shopkeeper.warehouse.engine import engine as make_engine


def scores(text: str) -> dict[str, list[str]]:
    """The lines of a printed table by their first cell."""
    return {line.split("\t")[0]: line.split("\t") for line in text.splitlines() if "\t" in line}


def test_the_demo_prints_the_score_with_its_interval_and_the_planted_truth(demo: subprocess.CompletedProcess[str], home: Home) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    measured, planted = demo.stdout.split("what\tplanted")
    relationship = scores(measured)["relationship"]
    low, high = (float(number) for number in relationship[3].split(" to "))
    assert low < float(relationship[2]) < high
    truth = json.loads((home.folder / "sample" / "truth.json").read_text())
    assert float(scores(planted)["NPS, relationship (points)"][1]) == pytest.approx(truth["nps_current"]["relationship"]["nps"], abs=0.05)
    for page in ("report", "economics", "intranet_front_line", "intranet_executives", "huddle_packs", "you_said", "data_docs", "dbt_docs"):
        assert (home.folder / "sites" / page / "index.html").is_file()


# What the table of planted against estimated speaks of: the beginning of a line, and how many there are.
PLANTED = {
    "NPS, ": 2,
    "NPS weighted, ": 2,
    "moving a ": 3,
    "shop, ": 7,
    "recommendations by": 3,
    "net revenue": 1,
    "earned ": 2,
    "bought new": 1,
    "offering ": 4,
    "A claims clerk": 1,
}


def test_what_was_planted_stands_beside_what_was_found(demo: subprocess.CompletedProcess[str], home: Home) -> None:
    # The one place where a newcomer can see whether to believe the marts: a truth left out, or told better than it is, would mislead.
    lines = [line.split("\t") for line in demo.stdout.split("what\tplanted")[1].splitlines()[1:] if line.count("\t") == 4]
    counted = {part: sum(line[0].startswith(part) for line in lines) for part in PLANTED}
    assert counted == PLANTED
    truth = json.loads((home.folder / "sample" / "truth.json").read_text())
    planted = {line[0]: line[1].replace(",", "") for line in lines}
    assert float(planted["moving a detractor to promoter (€ in 12 months)"]) == round(
        truth["margins"]["effect"]["detractor_to_promoter"], 2
    )
    assert float(planted["offering loyalty discount (points)"]) == round(truth["offers"]["effect"]["loyalty discount"], 1)
    held = 0
    for what, true, _, interval, holds in lines:
        if interval:
            low, high = (float(end.replace(",", "")) for end in interval.split(" to "))
            assert holds == ("yes" if low <= float(true.replace(",", "")) <= high else "no"), what
            held += holds == "yes"
    assert held >= 6, demo.stdout


def test_the_score_is_what_the_answers_say(published: sa.Engine) -> None:
    # Counted here from the mart of answers alone: the score must not come from anywhere else.
    query = """
        with latest as (
            select distinct on (customer_id) band
            from marts.fct_survey_responses
            where programme = 'relationship' and metric = 'nps' and excluded_reason is null
                and responded_on > (select as_of_on - 1 - 90 from ops.current_build)
            order by customer_id, responded_at desc, response_id desc
        )
        select count(*), 100.0 * avg(case band when 'promoter' then 1 when 'detractor' then -1 else 0 end) from latest
    """
    with published.connect() as connection:
        n, score = connection.execute(sa.text(query)).one()
        told = connection.execute(
            sa.text("select responses, nps from marts.nps_current where programme = 'relationship' and dimension = 'all'")
        ).one()
    assert n == told.responses
    assert float(score) == pytest.approx(float(told.nps), abs=0.001)


# What became of the demo's wave, told by each place that it passed through: ledger, queue, page, raw, marts.
FLOW = """
with
wave as (select wave_id, drawn from ops.waves where programme = 'relationship'),
asked as (select invitation_id from ops.invitations where wave_id = (select wave_id from wave))
select
    (select drawn from wave) as drawn,
    (select count(*) from asked) as invited,
    (select count(*) from ops.invitation_events inner join asked using (invitation_id) where event = 'sent') as sent,
    (select count(*) from ops.send_queue inner join asked using (invitation_id)) as unsent,
    (select count(distinct invitation_id) from pii.survey_submissions inner join asked using (invitation_id)) as submitted,
    (select count(*) from raw.survey_responses where _source = 'survey_page' and programme = 'relationship') as landed,
    (
        select count(*) from marts.fct_survey_responses
        where invitation_id in (select cast(invitation_id as text) from asked) and score is not null
    ) as in_marts,
    (
        select count(*) from marts.fct_survey_invitations
        where invitation_id in (select cast(invitation_id as text) from asked)
    ) as invitations_in_marts,
    (
        select count(*) from marts.fct_survey_invitations
        where invitation_id in (select cast(invitation_id as text) from asked) and disposition = 'completed'
    ) as completed_in_marts
"""


def test_the_demo_asks_collects_and_counts(published: sa.Engine, home: Home, demo: subprocess.CompletedProcess[str]) -> None:
    # An e-mail that no invitation accounts for, or an answer that is lost between page and marts, would go unnoticed for ever.
    with published.connect() as connection:
        flow = connection.execute(sa.text(FLOW)).mappings().one()
        assert ledger.contradictions(connection) == []
    assert flow["drawn"] == flow["invited"] == flow["sent"] == flow["invitations_in_marts"] > 100
    assert flow["unsent"] == 0
    assert flow["submitted"] == flow["landed"] == flow["in_marts"] == flow["completed_in_marts"] > 30
    told = {line[0]: line[1] for line in (text.split("\t") for text in demo.stdout.splitlines()) if len(line) == 3}
    assert (told["invited"], told["sent"], told["answered"]) == tuple(f"{flow[name]:,}" for name in ("invited", "sent", "submitted"))
    mails = [mail for mail in messages(home.folder / "inbox") if "X-Invitation" in mail]  # the others go to our own people
    assert len({str(mail["X-Invitation"]) for mail in mails}) == len(mails) >= flow["sent"], "somebody got an e-mail twice"
    assert "List-Unsubscribe-Post" in mails[0]


# The call-back of the demo's story, as the marts tell it.
CALLED_BACK = """
select
    orders.state, orders.close_reason, orders.cost, orders.score_when_opened, orders.recovery_score, orders.is_contacted_in_time,
    (
        select string_agg(case when is_reached then 'reached' else 'missed' end, ', ' order by attempt_number)
        from marts.fct_contact_attempts as attempts where attempts.work_order_id = orders.work_order_id
    ) as calls
from marts.fct_work_orders as orders
where orders.work_order_id = :order_id
"""


def test_an_unhappy_customer_is_called_back_and_asked_again(
    published: sa.Engine, home: Home, demo: subprocess.CompletedProcess[str]
) -> None:
    # "They ask for feedback and never do a thing with it": from the answer to the better one, each part must have done its own.
    order_id = re.findall(r"orders show ([0-9a-f-]{36})", demo.stdout)[0]
    with published.connect() as connection:
        told = connection.execute(sa.text(CALLED_BACK), {"order_id": order_id}).one()
        learned = connection.scalar(
            sa.text(
                "select learned from pii.work_order_texts inner join ops.work_order_events using (event_id) where order_id = :order_id"
            ),
            {"order_id": order_id},
        )
    assert (told.state, told.close_reason, told.cost, told.calls) == ("closed", "resolved", 25, "missed, reached")
    assert told.recovery_score > told.score_when_opened
    assert told.is_contacted_in_time
    assert learned in (home.folder / "sites" / "intranet_front_line" / "stories.html").read_text(), "colleagues cannot read of it"
    assert any(order_id in mail.get_body(("plain",)).get_content() for mail in messages(home.folder / "inbox"))
    crm = make_engine(home.server().url("crm"))
    with crm.connect() as connection:
        task = connection.execute(sa.text("select state, attempts from crm.task where external_id = :id"), {"id": order_id}).one()
        twice = connection.scalar(sa.text("select count(*) - count(distinct external_id) from crm.task"))
    crm.dispose()
    assert (task.state, task.attempts, twice) == ("closed", 2, 0)


def test_a_customer_s_story_is_told(published: sa.Engine, home: Home) -> None:
    with published.connect() as connection:
        customer = connection.scalar(sa.text("select min(customer_id) from ops.invitations"))
    story = home.command("why", str(customer))
    assert story.returncode == 0, story.stderr
    assert re.search(r"\tframe\t.*drawn", story.stdout), story.stdout
    assert re.search(r"\tevent\t.*sent", story.stdout), story.stdout
    assert "example.org" not in story.stdout


def test_every_row_of_every_batch_is_accounted_for(published: sa.Engine, home: Home) -> None:
    truth = json.loads((home.folder / "sample" / "truth.json").read_text())
    with published.connect() as connection:
        sums = connection.execute(sa.text("select sum(rows_in), sum(accepted + unchanged + rejected) from ops.batches")).one()
        rejected = dict(connection.execute(sa.text("select entity, count(*) from rejected.rows group by entity")).tuples().all())
    assert sums[0] == sums[1] > 10_000
    planted: dict[str, int] = {}
    for fault in truth["faults"]:
        if fault["fate"].startswith("rejected") and fault["rows"]:
            planted[fault["entity"]] = planted.get(fault["entity"], 0) + fault["rows"]
    assert rejected == planted


@pytest.mark.long
def test_a_second_rebuild_is_byte_identical(published: sa.Engine, home: Home) -> None:
    first = checksums(published)
    assert len(first) >= 15
    rebuilt = home.command("run", "--dag", "rebuild_marts", "--no-airflow", "--as-of", as_of(published))
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert checksums(published) == first


def as_of(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(sa.text("select as_of from ops.current_build")).isoformat())


def test_the_demo_can_be_repeated_and_refuses_to_mix_two_companies(published: sa.Engine, home: Home) -> None:
    other = home.command("demo", "--customers", "99", "--no-airflow")
    assert other.returncode == 1
    assert "--fresh" in other.stderr
    assert "Traceback" not in other.stderr


@pytest.mark.parametrize(
    "arguments", [("batch", "list"), ("check",), ("db", "url"), ("migrate",), ("plan", "--by", "team"), ("wave", "list"), ("inbox", "1")]
)
def test_commands_work_on_what_the_demo_left(published: sa.Engine, home: Home, arguments: tuple[str, ...]) -> None:
    done = home.command(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_status_says_how_fresh_things_are(published: sa.Engine, home: Home) -> None:
    done = home.command("status")
    assert "Publication" in done.stdout
    assert "survey_responses" in done.stdout
    assert done.returncode == (1 if re.search(r"\bstale\b", done.stdout) else 0)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_in_a_browser(published: sa.Engine, home: Home, scheme: str, tmp_path: Path) -> None:
    folder = home.folder / "sites" / "report"
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((folder / "index.html").as_uri())
        assert page.inner_text("h1") == "Can this score be trusted?"
        card = page.locator("article[data-programme=relationship][data-metric=nps]")
        with published.connect() as connection:
            score = connection.scalar(
                sa.text("select nps from marts.nps_current where programme = 'relationship' and metric = 'nps' and dimension = 'all'")
            )
            kept = connection.scalar(
                sa.text("select count(*) from quality.sites join quality.publications using (publication_id) where name = 'report'")
            )
        assert kept, "each publication keeps its report"
        assert card.locator(".score").inner_text().replace("−", "-") == f"{score:.1f}"
        assert card.locator(".verdict").inner_text()[2:] in ("sound", "usable with care", "not to be published")
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        drawn = {"over-time": 2, "response": 2, "representativeness": 2, "units": 3, "quarantine": 1, "providers": 1, "lineage": 1}
        drawn |= {"themes": 1, "accounts": 1, "benchmark": 2, "employees": 2}
        for file in sorted(folder.glob("*.html")):
            page.goto(file.as_uri())
            assert page.locator("figure svg.chart").count() >= drawn.get(file.stem, 0), file.stem
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{file.stem} scrolls sideways"
        page.goto((folder / "rejected.html").as_uri())
        assert page.locator("tbody tr").count() >= 3
        assert all(url.startswith("file://") for url in asked), "a page asks for something else than the site"
        assert errors == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_economics_of_loyalty_in_a_browser(published: sa.Engine, home: Home, scheme: str) -> None:
    # The page that executives see: it must say what the marts say, be readable by all of them, and tell nobody that it was opened.
    page_file = home.folder / "sites" / "economics" / "index.html"
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1000, "height": 1200}, color_scheme=scheme)  # type: ignore[arg-type]
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        assert page.inner_text("h1") == "What is loyalty worth?"
        bars = page.locator("#behaviour section[data-measure=annual_spend] li")
        with published.connect() as connection:
            bands = connection.execute(
                sa.text(
                    "select annual_spend, annual_spend_low, annual_spend_high, annual_spend_n from marts.band_economics"
                    " where metric = 'nps' and band = 'promoter' and dimension = 'all' and score is null"
                )
            ).one()
            moves = connection.scalar(sa.text("select count(*) from marts.band_conversion_values where metric = 'nps' and segment = 'all'"))
        told = bars.filter(has_text="Promoters").locator(".told").inner_text().replace("\xa0", " ")
        assert [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", told)] == [round(number) for number in bands]
        assert page.locator("#moves tbody tr").count() == moves
        assert page.locator("#growth .growth").count() >= 1
        assert asked == [page_file.as_uri()], "the page asks for something else than itself"
        assert Axe().run(page).response["violations"] == []
        for width in (1000, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
            small = page.locator(".told strong").evaluate_all("all => all.filter(one => one.getBoundingClientRect().height < 12).length")
            assert small == 0, "a figure is too small to read"


def test_help_imports_nothing_heavy(home: Home) -> None:
    # A help page that takes ten seconds is not read. What is imported is asserted, not the time.
    heavy = ("pandas", "airflow", "dbt", "great_expectations", "sqlalchemy", "numpy")
    code = f"import sys, shopkeeper.cli; sys.exit(sum(name in sys.modules for name in {heavy!r}))"
    assert subprocess.run([sys.executable, "-c", code], env=home.environment, check=False).returncode == 0
    assert "demo" in home.command("--help").stdout


ABOUT_EMPLOYEES = {"employee_nps", "employee_comments"}
OPEN = ("marts", "frontline", "quality", "ops", "analysis")  # what readers, alerts, digests and pages are made from
# where the pipeline keeps words for the marts, and says which programmes and cells are employees'
WORDS_BEFORE_MARTS = {"ops.redacted_verbatims", "ops.employee_programmes", "analysis.employee_cells"}
READABLE = """
    select format('%I.%I', table_schema, table_name) as name, bool_or(column_name = 'programme') as has_programme
    from information_schema.columns
    inner join information_schema.tables using (table_schema, table_name)
    where table_schema = any(:schemas) and table_type = 'BASE TABLE'
    group by 1 order by 1
"""


def test_what_employees_say_is_in_their_own_marts_alone(published: sa.Engine, home: Home) -> None:
    # One alert to a leader about a low score of his own team, and the next survey has no honest answer.
    words = [f"%{text}%" for texts in staff_survey.WORDS for text in texts]
    with published.connect() as connection:
        tables = [row for row in connection.execute(sa.text(READABLE), {"schemas": list(OPEN)}) if not row.name.endswith("sites")]
        assert len(tables) > 80, "the tables are not where this test looks"
        for table in tables:
            if table.name in WORDS_BEFORE_MARTS or table.name.removeprefix("marts.") in ABOUT_EMPLOYEES:
                continue
            if table.has_programme:
                rows = connection.scalar(
                    sa.text(f"select count(*) from {table.name} where programme = :name"), {"name": staff_survey.PROGRAMME}
                )
                assert rows == 0, table.name
            written = connection.scalar(sa.text(f"select count(*) from {table.name} as t where t::text like any(:words)"), {"words": words})
            assert written == 0, table.name
        shown = connection.scalar(sa.text("select count(*) from marts.employee_comments where verbatim like any(:words)"), {"words": words})
    assert shown > 100, "the words are there to be found"
    places = [*(home.folder / "sites").rglob("*.*"), *(home.folder / "inbox").rglob("*")]
    files = [path for path in places if path.is_file() and path.suffix != ".png"]
    assert len(files) > 100
    for path in files:
        content = path.read_text(encoding="utf-8", errors="replace")
        assert not [text for texts in staff_survey.WORDS for text in texts if text in content], path


def test_the_sample_companys_people_and_rivals_are_scored(published: sa.Engine, home: Home, demo: subprocess.CompletedProcess[str]) -> None:
    # A branch is shown and a team of six is not; whoever sees both kinds knows what the rule does.
    truth = json.loads((home.folder / "sample" / "truth.json").read_text())
    with published.connect() as connection:
        rows = connection.execute(sa.text("select period, unit_kind, responses from marts.employee_nps where reporting <> 'hidden'")).all()
        panel = connection.execute(sa.text("select distinct competitor from marts.benchmark_nps")).scalars()
        assert set(panel) == set(truth["panel"]["nps"])
    kinds = {kind: sum(row.unit_kind == kind for row in rows) for kind in ("everybody", "company", "region", "branch", "team")}
    assert kinds["everybody"] == kinds["company"] == 2
    # a managing director alone above the regions hides one of them, and a manager alone above the branches of a region one of those
    assert 4 <= kinds["region"] <= 6
    assert 30 <= kinds["branch"] <= 44
    assert 0 < kinds["team"] < 160, "of twice 120"
    assert {row.period: row.responses for row in rows if row.unit_kind == "everybody"} == {
        survey["period"]: survey["answers"] for survey in truth["employees"]
    }
    told = [line.split("\t")[0] for line in demo.stdout.split("what\tplanted")[1].splitlines() if "\t" in line]
    counted = {part: sum(line.startswith(part) for line in told) for part in ("NPS in the panel, ", "ahead of ", "NPS of employees, ")}
    assert counted == {"NPS in the panel, ": 3, "ahead of ": 2, "NPS of employees, ": 2}
