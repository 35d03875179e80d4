"""What employees answer, and what panels say: marts from raw rows, and everybody who may read tries to learn more from them."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from world import World, at

from shopkeeper.analysis import employees
from shopkeeper.company.config import Company
from shopkeeper.demo import SimulationConfig, panel
from shopkeeper.quality.judge import open_judge, read_suites
from shopkeeper.warehouse import roles
from shopkeeper.warehouse.employee_tables import EMPLOYEE_PROGRAMMES
from shopkeeper.warehouse.engine import engine as make_engine
from shopkeeper.warehouse.tables import PII

pytestmark = pytest.mark.slow

COMPANY = Company(name="Brunnenhof", timezone="UTC", currency="EUR")
DRAWN, AS_OF = at("2026-01-05"), at("2026-03-01")
# team → scores of the wave; team C is too small, and B is the smaller of its sisters
SCORES = {"A": (9, 10, 3, 7, 8, 2, 10), "B": (0, 9, 8, 4, 10, 6), "C": (1, 9, 5), "D": (10, 10, 7, 3, 9), "E": (0, 1, 2, 3, 4, 5)}
BRANCH = {"A": "B1", "B": "B1", "C": "B1", "D": "B2", "E": "B2"}
WORDS = "team {team} {number} says wombats"
PANEL = {"Brunnenhof": (20, 30, 50), "Nordtor": (12, 7, 12), "Tiny": (1, 1, 1)}  # detractors, passives, promoters
SEEDS = 200
MODELS = (
    "+employee_nps",
    "+employee_comments",
    "+benchmark_nps",
    "+fct_survey_responses",
    "+fct_survey_invitations",
    "assert_no_small_group_of_employees_can_be_subtracted",
)


def _organisation(world: World) -> None:
    units = [{"org_unit_id": "HQ", "kind": "company"}]
    units += [{"org_unit_id": branch, "kind": "branch", "parent_id": "HQ"} for branch in ("B1", "B2")]
    units += [{"org_unit_id": team, "kind": "team", "parent_id": branch} for team, branch in BRANCH.items()]
    world.batch("org_units", units)
    staff = [{"employee_id": f"{team}{number}", "org_unit_id": team} for team, scores in SCORES.items() for number in range(len(scores))]
    # one has changed teams since the wave was drawn: the answer stays where it was given
    world.batch("employees", [*staff, {"employee_id": "A0", "org_unit_id": "D", "valid_from": date(2026, 1, 20)}])


def _survey(world: World) -> None:
    """A wave that is over, one that is not, and a survey that an institute made without saying who answered."""
    over = world.wave("people", "2026-01-05", as_of=DRAWN, config={"kind": "employee"})
    running = world.wave("people", "2026-02-20", as_of=at("2026-02-20"), config={"kind": "employee"})
    answers: list[dict[str, Any]] = []
    for team, scores in SCORES.items():
        for number, score in enumerate(scores):
            for wave, moment in ((over, DRAWN), (running, at("2026-02-20"))):
                asked = world.invite(wave, "people", None, employee_id=f"{team}{number}", at=moment)
                world.happen(asked, "sent", at=moment)
                answers.append(_answer(asked, moment + timedelta(days=1, minutes=number), score))
    # whoever answers twice is one person, and a partial answer or one that comes too late is none
    answers.append(_answer(answers[0]["invitation_id"], DRAWN + timedelta(hours=1), 0, native_id="on paper"))
    answers.append(_answer(answers[2]["invitation_id"], DRAWN + timedelta(days=31), 0, native_id="too late"))
    batch = world.batch("survey_responses", answers, source="survey_page")
    of_wave = [one for one in answers if one["responded_at"] < at("2026-02-01") and one["native_id"] == one["invitation_id"]]
    written = [WORDS.format(team=team, number=number) for team, scores in SCORES.items() for number in range(len(scores))]
    _write(world, batch, dict(zip((one["native_id"] for one in of_wave), written, strict=True)))
    quarter = {"period_from": date(2025, 7, 1), "period_to": date(2025, 9, 30), "scale": "0-10", "programme": "people"}
    world.batch(
        "survey_responses",
        [
            quarter | {"native_id": f"Q{number}", "score": score, "answers": {"org_unit": "E" if number < 9 else "gone"}}
            for number, score in enumerate((9, 3, 7, 10, 8, 0, 9, 2, 10, 6, 9, 5))
        ],
        source="institute",
    )
    world.batch("survey_invitations", [{"invitation_id": "P1", "customer_id": "C1", "programme": "people", "sent_at": at("2025-08-01")}])


def _answer(invitation: str, moment: Any, score: int, **more: Any) -> dict[str, Any]:
    named = {"native_id": invitation, "invitation_id": invitation, "provider": "shopkeeper", "account": ""}
    return {**named, "programme": "people", "scale": "0-10", "score": score, "responded_at": moment, **more}


def _write(world: World, batch: int, words: dict[str, str]) -> None:
    """Put words beside answers, as the loader and the redaction do."""
    with world.engine.begin() as connection:
        given = [{"batch": batch, "native_id": native_id, "text": text} for native_id, text in words.items()]
        of_it = "from raw.survey_responses where _batch_id = :batch and native_id = :native_id"
        personal = f"insert into {PII['survey_responses']} (_key, _batch_id, _pii_hash, _loaded_at, verbatim)"
        connection.execute(sa.text(f"{personal} select _key, _batch_id, _row_hash, _loaded_at, :text {of_it}"), given)
        redacted = "insert into ops.redacted_verbatims (_key, _batch_id, verbatim, replaced, method, build_id, redacted_at)"
        connection.execute(sa.text(f"{redacted} select _key, _batch_id, :text, 0, 'test', 1, _loaded_at {of_it}"), given)


def _customers(world: World) -> None:
    world.batch("customers", [{"customer_id": "C1", "joined_on": date(2020, 1, 1)}])
    answer = {"native_id": "ours", "customer_id": "C1", "programme": "visit", "scale": "0-10", "score": 9, "responded_at": DRAWN}
    world.batch("survey_responses", [answer], source="archive")


def _panel(world: World) -> None:
    """One month; Brunnenhof and Nordtor by the numbers of Rocks (2016), and a panel that weights and writes us another way."""
    rows: list[dict[str, Any]] = []
    for name, counts in PANEL.items():
        scores = [score for score, n in zip((6, 7, 10), counts, strict=True) for _ in range(n)]
        rows += [{"competitor": name, "panel": "street", "score": score} for score in scores]
    for name, young in (("brunnenhof ", 9), ("Nordtor", 3)):
        # half of the panel is young and a tenth of the market is: weights 0.2 and 1.8
        for score, weight in ((young, "0.2"), (7, "1.8")):
            rows += [{"competitor": name, "panel": "online", "score": score, "weight": weight} for _ in range(40)]
    rows.append({"competitor": "Nordtor", "panel": "street", "score": 0, "responded_at": at("2026-03-02")})
    usual = {"responded_at": at("2026-01-15 12:00")}
    world.batch("benchmark_responses", [usual | row | {"native_id": f"N{number}"} for number, row in enumerate(rows)], source="panel")


def _simulated_panels(world: World) -> None:
    """The simulator's panel of one quarter, 200 times over: each seed is a panel of its own."""
    for seed in range(SEEDS):
        quarters = dict(panel.answers(SimulationConfig(seed=seed, customers=1_500, months=18)))
        rows = quarters["2025-Q4.csv"].rename_columns({"id": "native_id", "company": "competitor", "asked_at": "responded_at"}).to_pylist()
        us = panel.BRANDS[0]
        world.batch(
            "benchmark_responses",
            [
                row
                | {
                    "native_id": f"{seed} {row['native_id']}",
                    "panel": f"seed {seed}",
                    "competitor": "Brunnenhof" if row["competitor"] == us else row["competitor"],
                    "responded_at": row["responded_at"].replace(tzinfo=UTC),
                }
                for row in rows
            ],
            source="simulator",
        )


@pytest.fixture(scope="module")
def published(world: World) -> World:
    world.settings["panel_name"] = "brunnenhof"
    for fill in (_organisation, _survey, _customers, _panel, _simulated_panels):
        fill(world)
    with world.engine.begin() as connection:
        connection.execute(sa.insert(EMPLOYEE_PROGRAMMES).values(programme="people"))
        leader = "insert into ops.directory (employee_id, org_unit_id, unit_path, leads, is_here) values ('BOSS', 'HQ', '/HQ/', true, true)"
        connection.execute(sa.text(leader))
    world.build(AS_OF, full_refresh=True, select=MODELS, analyse=lambda connection, build: employees.analyse(connection, build, COMPANY))
    with world.engine.begin() as connection:
        connection.execute(sa.text("drop schema if exists marts cascade"))
        connection.execute(sa.text("alter schema marts_next rename to marts"))
        for schema in ("marts", "quality", "ops", "pii", "raw"):
            roles.grant_schema(connection, schema)
    return world


def test_scores_of_employees_are_those_of_finished_surveys_and_of_no_small_group(published: World) -> None:
    # Three people's answers shown, or found by subtraction, and nobody ever answers honestly again.
    rows = published.rows("select *, coalesce(org_unit_id, 'all') as unit from marts.employee_nps")
    assert {row["period"] for row in rows} == {"2026-01-05 to 2026-02-03", "2025-07-01 to 2025-09-30"}, "the running wave is not shown"
    wave = {row["unit"]: row for row in rows if row["period"].startswith("2026")}
    counts = {unit: (row["detractors"], row["passives"], row["promoters"]) for unit, row in wave.items() if row["reporting"] != "hidden"}
    # B1: C has three, so its smallest sister B is hidden too. B2: in E all are detractors, and D would give them away.
    assert counts == {"all": (14, 4, 9), "HQ": (14, 4, 9), "B1": (7, 3, 6), "A": (2, 2, 3), "B2": (7, 1, 3)}
    assert {wave[unit]["responses"] for unit in ("B", "C", "D", "E")} == {None}
    institute = {row["unit"]: row["responses"] for row in rows if row["period"].startswith("2025")}
    assert institute["all"] == 12
    assert (institute["HQ"], institute["B2"], institute["E"]) == (None, None, None), "three of a unit that is gone, by subtraction"


def test_words_are_shown_once_and_under_eight_at_least(published: World) -> None:
    shown = published.rows("select org_unit_id, verbatim from marts.employee_comments")
    under = Counter(row["org_unit_id"] for row in shown)
    assert under == {"B1": 16, "B2": 11}
    assert len({row["verbatim"] for row in shown}) == 27


def test_employees_answers_are_nowhere_else(published: World) -> None:
    assert published.rows("select distinct programme from marts.fct_survey_responses") == [{"programme": "visit"}]
    assert published.rows("select programme from marts.fct_survey_invitations") == []


READERS = ("bi_reader", "cx_auditor", "frontline_manager", "desk", "survey_page")
TABLES = """
    select format('%I.%I', nspname, relname) from pg_class inner join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'v', 'm') and nspname not in ('pg_catalog', 'information_schema') and has_schema_privilege(nspname, 'usage')
        and has_any_column_privilege(pg_class.oid, 'select')
"""
READABLE = """
    select string_agg(quote_ident(attname), ', ') from pg_attribute
    where attrelid = cast(:table as regclass) and attnum > 0 and not attisdropped and has_column_privilege(attrelid, attnum, 'select')
"""


@pytest.mark.parametrize("role", READERS)
def test_nobody_who_reads_can_join_an_answer_to_a_person(published: World, role: str) -> None:
    """Looks through every row that the role can read for whatever leads to an answer: its keys, its invitation, its moment."""
    keys = """
        select _key, native_id, ops.stable_id('response', concat_ws(chr(31), provider, account, native_id)) as response_id, responded_at
        from raw.survey_responses where programme = 'people'
    """
    secrets = {str(value) for row in published.rows(keys) for value in row.values() if value is not None}
    login = f"{role}_{os.getpid()}_people"
    password = roles.create_login(published.engine, login, role, employee_id="BOSS" if role == "frontline_manager" else None)
    reader = make_engine(published.engine.url.set(username=login, password=password).render_as_string(hide_password=False))
    with reader.connect() as connection:
        connection.execute(sa.text("select set_config('shopkeeper.employee', 'BOSS', false)"))
        tables = connection.scalars(sa.text(TABLES)).all()
        assert ("marts.employee_nps" in tables) == (role in ("bi_reader", "cx_auditor", "frontline_manager"))
        for table in tables:
            columns = connection.scalar(sa.text(READABLE), {"table": table})
            for row in connection.execute(sa.text(f"select {columns} from {table}")):
                told = {str(value) for value in row}
                assert not told & secrets, f"{role} finds an answer in {table}"
                assert "wombats" not in str(row) or table == "marts.employee_comments", f"{role} finds words in {table}"
    reader.dispose()


def test_a_panel_scores_us_and_others_and_says_who_is_ahead(published: World) -> None:
    # Blended with our own list we look better than anybody: who is on it was asked by us, and knows.
    rows = published.rows("select * from marts.benchmark_nps where period_grain = 'month' and panel in ('street', 'online')")
    found = {(row["panel"], row["competitor"]): row for row in rows}
    assert set(found) == {("street", name) for name in PANEL} | {("online", "Nordtor"), ("online", "Brunnenhof")}
    ours, theirs = found["street", "Brunnenhof"], found["street", "Nordtor"]
    assert [float(ours[name]) for name in ("nps", "nps_low", "nps_high")] == pytest.approx([30, 14.0511, 44.2013], abs=5e-4)  # Rocks (2016)
    assert [float(theirs[name]) for name in ("nps", "nps_low", "nps_high")] == pytest.approx([0, -29.1098, 29.1098], abs=5e-4)
    assert (ours["is_own"], ours["gap"], theirs["own_responses"], float(theirs["gap"]), theirs["gap_is_weighted"]) == (
        True,
        None,
        100,
        30.0,
        False,
    )
    assert theirs["gap_low"] < 0 < theirs["gap"] < theirs["gap_high"]
    assert (found["street", "Tiny"]["reporting"], found["street", "Tiny"]["nps"], found["street", "Tiny"]["gap"]) == ("hidden", None, None)
    weighted = found["online", "Nordtor"]
    assert (float(weighted["nps"]), float(weighted["nps_weighted"])) == (-50.0, -10.0)
    assert float(weighted["n_effective_weighted"]) == pytest.approx(80**2 / (40 * (0.2**2 + 1.8**2)), rel=1e-6)
    assert (weighted["gap_is_weighted"], float(weighted["gap"])) == (True, 20.0)
    assert weighted["gap_low"] < 20 < weighted["gap_high"]


def test_what_was_planted_in_the_market_is_found_with_the_weights_and_not_without(published: World) -> None:
    # A panel has its own kind of people in it; who forgets its weights tells the board a wrong rank with a narrow interval.
    rows = published.rows("select * from marts.benchmark_nps where period_grain = 'quarter' and panel like 'seed %'")
    told = panel.truth()
    for brand in panel.BRANDS:
        of_brand = [row for row in rows if row["competitor"] == (brand if brand != panel.BRANDS[0] else "Brunnenhof")]
        assert len(of_brand) == SEEDS
        planted = told["nps"][brand]
        assert sum(row["nps_weighted_low"] <= planted <= row["nps_weighted_high"] for row in of_brand) >= 182, brand
        if brand in told["gap"]:
            assert sum(row["gap_low"] <= told["gap"][brand] <= row["gap_high"] for row in of_brand) >= 182, brand
    ours = [row for row in rows if row["is_own"]]
    raw, weighted = (sum(float(row[name]) for row in ours) / SEEDS for name in ("nps", "nps_weighted"))
    assert abs(weighted - told["nps"][panel.BRANDS[0]]) < 1.5
    assert raw < told["nps"][panel.BRANDS[0]] - 5, "unweighted it is too bad: the young are too many"


def test_the_marts_pass_their_suites(published: World) -> None:
    suites = read_suites()
    with open_judge(published.engine) as judge:
        for mart in ("benchmark_nps", "employee_nps", "employee_comments"):
            validation = judge.validate(f"mart_{mart}", f"select * from {suites[f'mart_{mart}'].table}", about=mart, now=AS_OF)
            assert [check.description for check in validation.checks if not check.succeeded] == [], mart
