"""Marts against the same company worked out in plain Python, answer by answer."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import Any

import goals_of_company
import numpy as np
import pytest
import sqlalchemy as sa
from over_time import Period, chart, taken_apart
from world import DEFAULT_BANDS, PROJECT, World, at

from shopkeeper.analysis.units import scores as unit_scores
from shopkeeper.analysis.units.shrinkage import shrink
from shopkeeper.company.config import Company as Settings
from shopkeeper.company.config import MinimumN
from shopkeeper.pipeline.dbt_runner import profile_environment
from shopkeeper.warehouse.ids import stable_id

AS_OF = at("2026-07-01 12:00")
AS_OF_ON = AS_OF.date()
MATURITY = 30
DIMENSIONS = {
    "segment": "segment",
    "region": "region",
    "country": "country",
    "product": "product_id",
    "product_category": "product_category",
    "channel": "channel",
    "interaction_type": "interaction_type",
    "outcome": "outcome",
    "team": "team_id",
    "branch": "branch_id",
    "org_region": "org_region_id",
    "company": "company_id",
    "tenure_band": "tenure_band",
    "value_band": "value_band",
    "share_of_wallet_band": "share_of_wallet_band",
    "resolution_band": "resolution_band",
}
BRANCH_OF = {"T1": "B1", "T2": "B1", "T3": "B2", "T4": "B1", "T5": "B1", "T6": "B1", "T7": "B2", "T8": "B2", "T9": "B2"}
T3_MOVED_ON = date(2026, 3, 1)  # to B1
LENIENT = Settings(name="C", timezone="UTC", currency="EUR", minimum_n=MinimumN(indicative_below=18, indicative_half_width=Decimal(40)))
Rows = list[dict[str, Any]]
Ask = Callable[..., Rows]


class Company:
    """120 customers over half a year, seeded; every record clean, so that what is expected is easy to say."""

    def __init__(self) -> None:
        draw = random.Random(7)
        self.customers: Rows = [
            {
                "customer_id": f"C{i}",
                "account_id": f"A{i % 7}" if i % 3 == 0 else None,
                "contact_role": ("decision maker", "user", None)[i % 4 % 3] if i % 3 == 0 else None,
                "segment": draw.choice(("gold", "silver")),
                "joined_on": date(2026, 1, 1) - timedelta(days=draw.randrange(1500)),
                "is_staff": i == 0,
                "updated_at": at("2025-12-01"),
            }
            for i in range(120)
        ]
        # half of them change segment in April: answers about what was before stay where they were
        self.moves: Rows = [
            {**row, "segment": "silver" if row["segment"] == "gold" else "gold", "updated_at": at("2026-04-01")}
            for row in self.customers
            if draw.random() < 0.5
        ]
        self.interactions: Rows = []
        self.invitations: Rows = []
        self.responses: Rows = []
        self.revenue: Rows = [
            {
                "revenue_id": f"N{i}",
                "customer_id": draw.choice(self.customers)["customer_id"],
                "booked_on": date(2025, 1, 1) + timedelta(days=draw.randrange(540)),
                "amount": draw.choice((40, 150, 400)),
                "direct_cost": 10,
            }
            for i in range(300)
        ]
        for i in range(900):
            moment = at("2026-01-01") + timedelta(minutes=draw.randrange(60 * 24 * 185))
            customer = draw.choice(self.customers)["customer_id"]
            about = f"I{i}" if draw.random() < 0.6 else None
            if about:
                self.interactions.append(
                    {
                        "interaction_id": about,
                        "customer_id": customer,
                        "occurred_at": moment - timedelta(days=3),
                        "resolved_at": moment - timedelta(days=3) + timedelta(hours=draw.choice((5, 30, 100, 400))),
                        "channel": draw.choice(("shop", "phone")),
                        "product_id": draw.choice(("P1", "P2")),
                        "org_unit_id": draw.choice(tuple(BRANCH_OF)),
                        "interaction_type": "claim",
                        "interaction_subtype": ("glass", "theft")[i % 2],
                    }
                )
            self.invitations.append(
                {
                    "invitation_id": f"V{i}",
                    "customer_id": customer,
                    "interaction_id": about,
                    "programme": "visit" if about else "relationship",
                    "sent_at": moment - timedelta(days=draw.choice((1, 2, 40))),
                }
            )
            if draw.random() < 0.7:
                self.responses.append(
                    {
                        "native_id": f"R{i}",
                        "invitation_id": f"V{i}",
                        "responded_at": moment,
                        "scale": "0-10",
                        "score": draw.choice((*range(11), 9, 9, 10, 10, 8)),
                    }
                )
        # quarters, the second of 2026 among them: it is over for nobody before July
        self.category_spend: Rows = [
            {
                "customer_id": f"C{i}",
                "period_from": first,
                "period_to": (first + timedelta(days=95)).replace(day=1) - timedelta(days=1),
                "amount": draw.choice((0, 300, 900)),
            }
            for i in range(0, 120, 2)
            for first in (date(2025, 7, 1), date(2025, 10, 1), date(2026, 1, 1), date(2026, 4, 1))
            if draw.random() < 0.6
        ]

    def load(self, world: World) -> None:
        world.batch("org_units", [{"org_unit_id": "CO", "kind": "company"}])
        world.batch("org_units", [{"org_unit_id": unit, "kind": "branch", "parent_id": "CO"} for unit in ("B1", "B2")])
        world.batch("org_units", [{"org_unit_id": team, "kind": "team", "parent_id": branch} for team, branch in BRANCH_OF.items()])
        world.batch("org_units", [{"org_unit_id": "T3", "kind": "team", "parent_id": "B1", "valid_from": T3_MOVED_ON}])
        world.batch("accounts", [{"account_id": f"A{number}", "name": f"Account {number}"} for number in range(8)])
        world.batch("products", [{"product_id": "P1", "category": "tools"}, {"product_id": "P2", "category": "toys"}])
        for entity in ("customers", "interactions", "invitations", "responses", "revenue", "category_spend"):
            world.batch({"invitations": "survey_invitations", "responses": "survey_responses"}.get(entity, entity), getattr(self, entity))
        world.batch("customers", self.moves)

    def answers(self) -> Iterator[dict[str, Any]]:
        """What fct_survey_responses should say of each answer before as_of."""
        customers = {row["customer_id"]: row for row in self.customers}
        moved = {row["customer_id"]: row for row in self.moves}
        interactions = {row["interaction_id"]: row for row in self.interactions}
        invitations = {row["invitation_id"]: row for row in self.invitations}
        for row in self.responses:
            if row["responded_at"] >= AS_OF:
                continue
            invitation = invitations[row["invitation_id"]]
            customer = invitation["customer_id"]
            interaction = interactions.get(invitation["interaction_id"])
            moment: datetime = interaction["occurred_at"] if interaction else invitation["sent_at"]
            known = moved[customer] if customer in moved and moment >= at("2026-04-01") else customers[customer]
            hours = (interaction["resolved_at"] - interaction["occurred_at"]).total_seconds() / 3600 if interaction else None
            if interaction and interaction["resolved_at"] > row["responded_at"]:
                hours = None
            team = interaction["org_unit_id"] if interaction else None
            branch = "B1" if team == "T3" and moment.date() >= T3_MOVED_ON else BRANCH_OF.get(team or "")
            yield {
                "key": row["native_id"],
                "invitation_id": row["invitation_id"],
                "customer_id": customer,
                "programme": invitation["programme"],
                "is_relationship": interaction is None,
                "counts": not known["is_staff"],
                "score": row["score"],
                "responded_at": row["responded_at"],
                "segment": known["segment"],
                "channel": interaction and interaction["channel"],
                "interaction_type": interaction and interaction["interaction_type"],
                "interaction_subtype": interaction and interaction["interaction_subtype"],
                "product_id": interaction and interaction["product_id"],
                "product_category": interaction and {"P1": "tools", "P2": "toys"}[interaction["product_id"]],
                "team_id": team,
                "branch_id": branch,
                "company_id": "CO" if team else None,
                "tenure_band": band("tenure", (moment.date() - known["joined_on"]).days),
                "value_band": band("value", self.value(customer, moment.date())),
                "share_of_wallet_band": self.wallet_band(customer, moment.date()),
                "resolution_band": None if hours is None else band("resolution", hours),
            }

    def value(self, customer: str, day: date) -> int:
        return sum(
            row["amount"] - row["direct_cost"]
            for row in self.revenue
            if row["customer_id"] == customer and 1 <= (day - row["booked_on"]).days <= 365
        )

    def wallet_band(self, customer: str, day: date) -> str | None:
        over = [row for row in self.category_spend if row["customer_id"] == customer and row["period_to"] < day]
        own = sum(
            row["amount"]
            for row in self.revenue
            for period in over
            if row["customer_id"] == customer and period["period_from"] <= row["booked_on"] <= period["period_to"]
        )
        everyone = sum(period["amount"] for period in over)
        return band("share_of_wallet", own / everyone) if everyone else None


def band(kind: str, measure: float) -> str:
    return next(name for name, upper in DEFAULT_BANDS[kind] if upper is None or measure < upper)


def compare_units(connection: sa.Connection, build_id: int) -> None:
    """Done again, it writes the same again."""
    written = sa.text("select * from analysis.shrunk_scores order by 1, 2, 3, 4, 5, 6, 7, 8")
    first = unit_scores.analyse(connection, build_id, LENIENT)
    rows = connection.execute(written).all()
    assert unit_scores.analyse(connection, build_id, LENIENT) == first
    assert connection.execute(written).all() == rows != []


def analyse(connection: sa.Connection, build_id: int) -> None:
    compare_units(connection, build_id)
    goals_of_company.analyse(connection, build_id, LENIENT)


@pytest.fixture(scope="module")
def company(world: World) -> Company:
    company = Company()
    company.load(world)
    goals_of_company.write(world.engine)
    world.build(AS_OF, analyse=analyse)
    return company


def test_answers_carry_what_held_when_they_were_about_it(world: World, company: Company) -> None:
    found = {
        row["invitation_id"]: row for row in world.rows("select *, excluded_reason is null as counts from marts_next.fct_survey_responses")
    }
    expected = {row["invitation_id"]: row for row in company.answers()}
    assert found.keys() == expected.keys()
    columns = ("customer_id", "programme", "counts", "score", "interaction_subtype", *DIMENSIONS.values())
    for invitation, row in expected.items():
        assert {name: found[invitation][name] for name in columns} == {name: row.get(name) for name in columns}, invitation
        assert found[invitation]["response_id"] == stable_id("response", "crm", row["key"])
    assert sum(row["excluded_reason"] == "staff" for row in found.values()) == sum(not row["counts"] for row in expected.values()) > 0


@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter", "year"])
def test_scores_of_calendar_periods(world: World, company: Company, grain: str) -> None:
    found = world.rows(f"select * from marts_next.nps_by_segment where period_grain = '{grain}'")
    answers = [row for row in company.answers() if row["counts"]]
    cells = {
        (*key, start): cell
        for start in {period(row["responded_at"].date(), grain) for row in answers}
        for key, cell in in_cells(row for row in answers if period(row["responded_at"].date(), grain) == start).items()
    }
    matured = [row for row in sent(company) if row["invited_on"] + timedelta(days=MATURITY) < AS_OF_ON]
    cohorts: dict[Any, list[bool]] = defaultdict(list)
    for row in matured:
        cohorts[row["programme"], period(row["invited_on"], grain)].append(row["in_time"])
    assert {identity(row) for row in found} == cells.keys()
    for row in found:
        programme, dimension, value, start = identity(row)
        earlier = cells.get((programme, dimension, value, period(start - timedelta(days=1), grain)))
        cohort = cohorts.get((programme, start)) if dimension == "all" else None
        holds(row, cells[identity(row)], earlier)
        if dimension == "all":
            assert (row["cohort_invitations"], row["cohort_responses"]) == ((len(cohort), sum(cohort)) if cohort else (None, None))


def test_the_score_now_is_of_ninety_days_against_the_ninety_before(world: World, company: Company) -> None:
    answers = [row for row in company.answers() if row["counts"]]
    windows = [AS_OF_ON - timedelta(days=days) for days in (90, 180)]
    now = in_cells(row for row in answers if row["responded_at"].date() > windows[0])
    before = in_cells(row for row in answers if windows[1] < row["responded_at"].date() <= windows[0])
    found = world.rows("select * from marts_next.nps_current")
    assert {identity(row)[:3] for row in found} == now.keys()
    for row in found:
        holds(row, now[identity(row)[:3]], before.get(identity(row)[:3]))
        assert row["period_starts_on"] == windows[0] + timedelta(days=1)
        assert row["period_ends_on"] == AS_OF_ON


def test_customers_of_the_dimension_are_as_known_now(world: World, company: Company) -> None:
    found = {row["customer_id"]: row for row in world.rows("select * from marts_next.dim_customers")}
    latest = {row["customer_id"]: row for row in (*company.customers, *company.moves)}
    last_answers = {row["customer_id"]: row for row in sorted(company.answers(), key=lambda row: row["responded_at"]) if row["counts"]}
    assert found.keys() == latest.keys()
    for customer, row in found.items():
        assert row["segment"] == latest[customer]["segment"]
        assert row["tenure_band"] == band("tenure", (AS_OF_ON - latest[customer]["joined_on"]).days)
        assert row["value_band"] == band("value", company.value(customer, AS_OF_ON))
        assert row["share_of_wallet_band"] == company.wallet_band(customer, AS_OF_ON)
        assert row["latest_score"] == (last_answers[customer]["score"] if customer in last_answers else None)


# --- drilling down ---------------------------------------------------------------------------------------------------


def once_a_day(answers: Iterable[dict[str, Any]]) -> Rows:
    """About the relationship the customer's latest answer of a day, about interactions every answer."""
    latest = {
        (row["programme"], row["customer_id"], row["responded_at"].date()) if row["is_relationship"] else row["key"]: row
        for row in sorted(answers, key=lambda row: (row["responded_at"], str(stable_id("response", "crm", row["key"]))))
    }
    return list(latest.values())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("segment", "resolution_band"),
        ("product_id", "interaction_subtype"),
        ("branch_id", "tenure_band"),
        ("channel", "share_of_wallet_band"),
    ],
)
def test_a_cut_by_two_things_counts_the_answers_that_are_there(world: World, company: Company, first: str, second: str) -> None:
    # Who finds another number of slow claims than the answers behind them stops at the first one.
    expected: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in once_a_day(row for row in company.answers() if row["counts"]):
        counts = expected[row["programme"], row["responded_at"].date(), row[first], row[second]]
        counts[0] += 1
        counts[1] += row["score"] >= 9
        counts[2] += row["score"] <= 6
    found = world.rows(f"""
        select programme, counted_on, {first}, {second}, sum(responses) as n, sum(promoters) as p, sum(detractors) as d
        from marts_next.nps_daily_counts group by 1, 2, 3, 4
    """)
    assert {tuple(row.values())[:4]: [row["n"], row["p"], row["d"]] for row in found} == expected
    assert len({key[2:] for key in expected}) >= 5
    # by month, where both are known, in the order of the alphabet
    by_month: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (programme, day, *values), counts in expected.items():
        if None not in values:
            cell = by_month[programme, day.replace(day=1), *(value for _, value in sorted(zip((first, second), values, strict=True)))]
            cell[:] = [before + more for before, more in zip(cell, counts, strict=True)]
    pairs = world.rows(f"""
        select programme, month_starts_on, dimension_value, other_value, responses, promoters, detractors
        from marts_next.nps_pair_counts
        where dimension = '{min(first, second)}' and other_dimension = '{max(first, second)}'
    """)
    assert {tuple(row.values())[:4]: list(row.values())[4:] for row in pairs} == by_month


def test_an_account_shows_who_is_silent_and_what_the_others_said_last(world: World, company: Company) -> None:
    # Users who are happy, and nobody who has heard from those who decide: so accounts are lost.
    last = {row["customer_id"]: row for row in sorted(company.answers(), key=lambda row: row["responded_at"]) if row["counts"]}
    asked = {row["customer_id"] for row in company.invitations if row["sent_at"] < AS_OF}
    contacts = [row for row in company.customers if row["account_id"]]

    def told(of: Rows) -> dict[str, int]:
        scores = [last[row["customer_id"]]["score"] for row in of if row["customer_id"] in last]
        return {
            "contacts": len(of),
            "asked_contacts": sum(row["customer_id"] in asked for row in of),
            "silent_contacts": len(of) - len(scores),
            "promoters": sum(score >= 9 for score in scores),
            "passives": sum(7 <= score <= 8 for score in scores),
            "detractors": sum(score <= 6 for score in scores),
            "answers": sum(row["counts"] and row["customer_id"] in {one["customer_id"] for one in of} for row in company.answers()),
        }

    accounts = {row["account_id"]: row for row in world.rows("select * from marts_next.dim_accounts")}
    assert len(accounts) == 8
    for account, row in accounts.items():
        of = [one for one in contacts if one["account_id"] == account]
        assert {name: row[name] for name in told(of)} == told(of)
        roles = {one["contact_role"] for one in of} - {None}
        heard = {one["contact_role"] for one in of if one["customer_id"] in last} - {None}
        assert (row["known_roles"], row["silent_roles"]) == (len(roles), len(roles - heard))
    for row in world.rows("select * from marts_next.account_contacts_by_role"):
        role = None if row["contact_role"] == "not known" else row["contact_role"]
        of = [one for one in contacts if one["account_id"] == row["account_id"] and one["contact_role"] == role]
        assert {name: row[name] for name in told(of)} == told(of)


def test_the_queries_of_the_guide_for_bi_users_run(world: World, company: Company) -> None:
    # A guide whose queries fail teaches people to write their own.
    guide = (PROJECT.parent / "docs" / "for-bi-users.md").read_text()
    queries = re.findall(r"```sql\n(.*?)```", guide, re.DOTALL)
    assert len(queries) >= 8
    for query in queries:
        world.rows(re.sub(r"\b(marts|frontline)\.", r"\1_next.", query).rstrip().rstrip(";"))


@pytest.fixture
def ask(world: World, company: Company, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """Asks what `mf query` asks, of what the build above parsed; answers with columns and their values."""
    from dbt_metricflow.cli.cli_configuration import CLIConfiguration
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

    for name in ("dbt_project.yml", "profiles.yml"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "target").symlink_to(world.folder / "target")
    for name, value in profile_environment(world.engine.url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DBT_LOG_PATH", str(tmp_path / "logs"))
    configuration = CLIConfiguration()
    configuration.setup(tmp_path, tmp_path, configure_file_logging=False)

    def query(metrics: str, by: str, where: str | None = None) -> Rows:
        found = configuration.mf.query(
            MetricFlowQueryRequest.create(
                metric_names=metrics.split(), group_by_names=by.split(), where_constraints=[where] if where else None
            )
        ).result_df
        assert found is not None
        return [dict(zip(found.column_names, row, strict=True)) for row in found.rows]

    return query


def test_metrics_asked_of_metricflow_equal_the_marts(world: World, company: Company, ask: Ask) -> None:
    # A dashboard that shows another score, or another interval, than the report: then neither is believed.
    def close(found: dict[str, Any], row: dict[str, Any], names: dict[str, str]) -> None:
        for metric, column in names.items():
            expected = None if row[column] is None else pytest.approx(float(row[column]), abs=0.01)
            assert (None if found[metric] is None else float(found[metric])) == expected, (metric, row)

    cells = world.rows("select * from marts_next.nps_by_segment where dimension = 'segment' and period_grain = 'month'")
    scores = {name: name for name in ("nps", "nps_low", "nps_high", "response_rate")}
    of_cells = "{{ Dimension('nps_cell__dimension') }} = 'segment' and {{ Dimension('nps_cell__period_grain') }} = 'month'"
    found = {
        (row["nps_cell__programme"], row["nps_cell__dimension_value"], row["metric_time__month"].date()): row
        for row in ask(" ".join(scores), "nps_cell__programme nps_cell__dimension_value metric_time__month", of_cells)
    }
    assert len(found) == len(cells) > 20
    for row in cells:
        close(found[row["programme"], row["dimension_value"], row["period_starts_on"]], row, scores)
    (blended,) = ask("nps response_rate", "nps_cell__metric")
    assert (blended["nps"], blended["response_rate"]) == (None, None), "days, months and segments summed together are no score"

    visits = [row for row in company.answers() if row["counts"] and row["programme"] == "visit"]
    cuts = ask("cut_responses cut_nps cut_nps_low cut_nps_high", "cut__channel cut__segment", "{{ Dimension('cut__programme') }} = 'visit'")
    assert len(cuts) == 4
    for row in cuts:
        of = [one for one in visits if (one["channel"], one["segment"]) == (row["cut__channel"], row["cut__segment"])]
        cell = Score([{**one, "customer_id": one["key"]} for one in of])  # nothing is known of customers here
        found_cut = [row[name] for name in ("cut_responses", "cut_nps", "cut_nps_low", "cut_nps_high")]
        assert [float(value) for value in found_cut] == pytest.approx([cell.n, cell.nps, cell.low, cell.high], abs=0.01)

    values = {row["customer__band"]: row for row in ask("lifetime_value_to_date lifetime_value_to_date_low", "customer__band")}
    bands = world.rows("select * from marts_next.band_economics where metric = 'nps' and dimension = 'all' and score is null")
    assert len(bands) == len(values) > 2
    for row in (row for row in bands if row["lifetime_value_to_date_n"] >= 10):  # the mart hides the mean of fewer
        close(values[row["band"]], row, {name: name for name in ("lifetime_value_to_date", "lifetime_value_to_date_low")})

    rates = {name: name for name in ("growth_rate", "net_revenue_retention", "earned_growth_rate_low", "earned_growth_rate_high")}
    growth = ask(" ".join(rates), "metric_time__month", "{{ Dimension('growth_period__period_grain') }} = 'month'")
    months = {row["metric_time__month"].date(): row for row in growth}
    rows = world.rows("select * from marts_next.earned_growth where period_grain = 'month'")
    assert sum(row["growth_rate"] is not None for row in rows) > 10
    for row in rows:
        close(months[row["period_starts_on"]], row, rates)


# --- over time and between units -------------------------------------------------------------------------------------


@pytest.mark.parametrize("grain", ["month", "quarter", "rolling_90_days"])
def test_a_change_is_taken_apart_into_parts_that_add_up_to_it(world: World, company: Company, grain: str) -> None:
    # A score that rose because others answered would be praised as work well done.
    answers = [row for row in company.answers() if row["counts"]]
    found = {
        (*identity(row), row["part"]): row for row in world.rows(f"select * from marts_next.score_changes where period_grain = '{grain}'")
    }
    starts = {row["period_starts_on"]: row["period_ends_on"] for row in found.values()}
    assert len(starts) == {"month": 5, "quarter": 1, "rolling_90_days": 1}[grain]
    apart = 0
    for start, end in starts.items():
        before_that = start - timedelta(days=90) if grain == "rolling_90_days" else period(start - timedelta(days=1), grain)
        now = in_cells(row for row in answers if start <= row["responded_at"].date() <= end)
        before = in_cells(row for row in answers if before_that <= row["responded_at"].date() < start)
        for programme in ("visit", "relationship"):
            whole, whole_before = now[programme, "all", "all"], before[programme, "all", "all"]
            total = found.pop((programme, "all", None, start, "total"))
            assert total["rate_part"] == total["change"]
            assert float(total["change"]) == pytest.approx(Score(whole).nps - Score(whole_before).nps, abs=1e-3)
            for dimension, column in DIMENSIONS.items():
                values = {cell[2] for cell in (*now, *before) if cell[:2] == (programme, dimension)}
                sides = {
                    value: (now.get((programme, dimension, value), []), before.get((programme, dimension, value), [])) for value in values
                }
                rest = tuple([row for row in rows if row.get(column) is None] if values else [] for rows in (whole, whole_before))
                if any(rest):
                    sides["without a value"] = rest
                if len(sides) < 2:
                    continue
                expected = taken_apart({value: tuple([mark(row) for row in rows] for rows in both) for value, both in sides.items()})
                for value, (rate, mix) in expected.items():
                    row = found.pop((programme, dimension, value, start, "rest" if value == "without a value" else "value"))
                    sizes = tuple(map(len, sides[value]))
                    assert (row["responses"], row["responses_before"]) == sizes
                    if all(n == 0 or n >= 10 for n in sizes):
                        assert (float(row["rate_part"]), float(row["mix_part"])) == pytest.approx((rate, mix), abs=1e-3)
                        apart += 1
                    else:
                        assert row["rate_part"] is row["mix_part"] is row["change"] is None
                row = found.pop((programme, dimension, None, start, "total"))
                assert float(row["rate_part"]) == pytest.approx(sum(rate for rate, _ in expected.values()), abs=1e-3)
                assert float(row["rate_part"] + row["mix_part"]) == pytest.approx(float(row["change"]), abs=1e-3)
    assert not found
    assert apart > 20


@pytest.mark.parametrize("name", ["promoter_share", "detractor_share", "nps", "nps_xmr"])
def test_a_chart_shows_what_chance_alone_would_not_make(world: World, company: Company, name: str) -> None:
    # An alarm at every dip wears people out; one that is missing lets a fall go on for months.
    answers = [row for row in company.answers() if row["counts"]]
    for programme in ("visit", "relationship"):
        rows = world.rows(
            f"select * from marts_next.control_charts where chart = '{name}' and programme = '{programme}' and period_grain = 'week'"
            " order by period_starts_on"
        )
        weeks = {
            start: Score(in_cells(row for row in answers if period(row["responded_at"].date(), "week") == start)[programme, "all", "all"])
            for start in sorted({row["period_starts_on"] for row in rows})
        }
        assert [row["n"] for row in rows] == [score.n for score in weeks.values()]
        assert rows[-1]["period_ends_on"] == date(2026, 6, 28), "the week that is not over is not judged"
        shown = [row for row in rows if row["n"] >= 10]
        assert 8 <= len(shown) < len(rows)
        assert all(row["value"] is row["low"] is row["signals"] is None for row in rows if row not in shown)
        periods = [Period(score.promoters, score.detractors, score.n, score.n / score.deff) for score in weeks.values() if score.n >= 10]
        for row, point in zip(shown, chart(name, periods), strict=True):
            numbers = tuple(float(row[column]) for column in ("value", "centre", "low", "high"))
            assert numbers == pytest.approx((point.value, point.centre, point.low, point.high), abs=1e-3)
            assert set((row["signals"] or "").split("; ")) - {""} == point.signals
    assert world.rows("select * from marts_next.control_charts where period_grain = 'month' and low is not null") == [], "6 months are few"


def test_units_are_compared_with_doubt(world: World, company: Company) -> None:
    # A team of twenty lucky answers at the top of a list: everybody copies it, and next quarter it is at the bottom.
    answers = [row for row in company.answers() if row["counts"]]
    windows = {"rolling_90_days": AS_OF_ON - timedelta(days=89), "quarter": date(2026, 4, 1)}
    for grain, start in windows.items():
        end = AS_OF_ON if grain == "rolling_90_days" else date(2026, 6, 30)
        cells = in_cells(row for row in answers if start <= row["responded_at"].date() <= end)
        found = world.rows(f"select * from marts_next.unit_comparisons where period_grain = '{grain}' order by dimension_value")
        teams = {value: Score(rows) for (_, dimension, value), rows in sorted(cells.items()) if dimension == "team"}
        assert len(teams) >= 8
        assert {row["dimension_value"] for row in found} == {*teams, "B1", "B2"}
        assert all(row["nps_shrunk"] is None for row in found if row["dimension"] == "branch"), (
            "two branches cannot say how alike branches are"
        )
        n, promoters, detractors = (sum(getattr(score, name) for score in teams.values()) for name in ("n", "promoters", "detractors"))
        centre = (promoters - detractors) / n
        spread = (promoters + detractors) / n - centre**2
        counts = [(s.detractors / s.deff, (s.n - s.promoters - s.detractors) / s.deff, s.promoters / s.deff) for s in teams.values()]
        shrunk = shrink(np.array(counts))
        assert shrunk is not None
        for place, row in enumerate(row for row in found if row["dimension"] == "team"):
            score = teams[row["dimension_value"]]
            assert (row["n"], row["units_compared"]) == (score.n, len(teams))
            if score.n < 10:
                assert row["nps"] is row["nps_shrunk"] is row["funnel_low_95"] is row["probability_top_quartile"] is None
                continue
            for level, z in (("95", 1.959964), ("998", 3.090232)):
                half = z * sqrt(spread / (score.n / score.deff))
                limits = float(row[f"funnel_low_{level}"]), float(row[f"funnel_high_{level}"])
                assert limits == pytest.approx((100 * max(-1, centre - half), 100 * min(1, centre + half)), abs=1e-2)
            assert (row["outside"] is not None) == (not row["funnel_low_95"] <= row["nps"] <= row["funnel_high_95"])
            expected = tuple(100 * values[place] for values in (shrunk.score, shrunk.low, shrunk.high))
            assert tuple(float(row[name]) for name in ("nps_shrunk", "nps_shrunk_low", "nps_shrunk_high")) == pytest.approx(
                expected, abs=1e-2
            )
            assert (row["probability_top_quartile"] is None) == (score.n < 18)
        assert any(row["probability_top_quartile"] is not None for row in found)
        mart = {
            "rolling_90_days": "nps_current",
            "quarter": "nps_by_segment where period_grain = 'quarter' and period_starts_on = '2026-04-01'",
        }
        shrunk_columns = ("nps_shrunk", "nps_shrunk_low", "nps_shrunk_high", "probability_top_quartile")
        beside = {identity(row)[:3]: row for row in world.rows(f"select * from marts_next.{mart[grain]}")}
        for row in found:
            assert all(beside[identity(row)[:3]][name] == row[name] for name in shrunk_columns)
        assert all(row["nps_shrunk"] is None for (_, dimension, _), row in beside.items() if dimension != "team")


# --- the same, in plain Python ---------------------------------------------------------------------------------------


def period(day: date, grain: str) -> date:
    match grain:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case _:
            return day.replace(month=1, day=1)


def identity(row: dict[str, Any]) -> tuple[str, str, str, date]:
    return row["programme"], row["dimension"], row["dimension_value"], row["period_starts_on"]


def sent(company: Company) -> Rows:
    answered = {row["invitation_id"]: row["responded_at"] for row in company.responses if row["responded_at"] < AS_OF}
    return [
        {
            "programme": row["programme"],
            "invited_on": row["sent_at"].date(),
            "in_time": row["invitation_id"] in answered and answered[row["invitation_id"]] < row["sent_at"] + timedelta(days=MATURITY),
        }
        for row in company.invitations
        if row["sent_at"] < AS_OF
    ]


def in_cells(answers: Iterable[dict[str, Any]]) -> dict[tuple[str, str, str], Rows]:
    """(programme, dimension, value) → answers of one period; about the relationship, only a customer's latest one."""
    counted: dict[Any, dict[str, Any]] = {}
    for row in sorted(answers, key=lambda row: row["responded_at"]):
        counted[(row["programme"], row["customer_id"]) if row["is_relationship"] else row["key"]] = row
    cells: dict[tuple[str, str, str], Rows] = defaultdict(list)
    for row in counted.values():
        cells[row["programme"], "all", "all"].append(row)
        for dimension, column in DIMENSIONS.items():
            if row.get(column) is not None:
                cells[row["programme"], dimension, row[column]].append(row)
    return cells


class Score:
    """n, counts, NPS and adjusted-Wald interval of one cell, with customers as clusters."""

    def __init__(self, answers: Rows) -> None:
        net = [(row["customer_id"], 1 if row["score"] >= 9 else -1 if row["score"] <= 6 else 0) for row in answers]
        self.n = n = len(net)
        self.promoters = sum(value == 1 for _, value in net)
        self.detractors = sum(value == -1 for _, value in net)
        mean = (self.promoters - self.detractors) / n
        clusters: dict[str, list[int]] = defaultdict(list)
        for customer, value in net:
            clusters[customer].append(value)
        spread = sum((value - mean) ** 2 for _, value in net)
        c = len(clusters)
        if c == n:
            self.deff = 1.0
        elif c == 1:
            self.deff = float(n)
        elif spread == 0:
            self.deff = sum(len(values) ** 2 for values in clusters.values()) / n
        else:
            between = sum((sum(values) - len(values) * mean) ** 2 for values in clusters.values())
            self.deff = max(1.0, (c / (c - 1) * between) / (n / (n - 1) * spread))
        self.nps = 100 * mean
        total = n / self.deff + 3
        self.centre = (self.promoters - self.detractors) / self.deff / total
        self.variance = (((self.promoters + self.detractors) / self.deff + 1.5) / total - self.centre**2) / total
        half = 1.959963984540054 * sqrt(self.variance)
        self.low, self.high = 100 * max(-1, self.centre - half), 100 * min(1, self.centre + half)


def holds(row: dict[str, Any], answers: Rows, earlier_answers: Rows | None) -> None:
    """The row of a mart says what these answers say."""
    score = Score(answers)
    earlier = Score(earlier_answers) if earlier_answers else None
    hidden = score.n < 10
    wide = (score.high - score.low) / 2 > 15
    assert row["responses"] == score.n
    assert row["reporting"] == ("hidden" if hidden else "indicative" if score.n < 30 or wide else "reportable"), row
    if hidden:
        assert [row[name] for name in ("promoters", "passives", "detractors", "nps", "nps_low", "nps_high", "change")] == [None] * 7
        return
    assert (row["promoters"], row["detractors"]) == (score.promoters, score.detractors)
    assert row["promoters"] + row["passives"] + row["detractors"] == score.n
    for name, value in (("nps", score.nps), ("nps_low", score.low), ("nps_high", score.high), ("n_effective", score.n / score.deff)):
        assert float(row[name]) == pytest.approx(value, abs=1e-3), (name, row)
    if earlier is None or earlier.n < 10:
        assert (row["change"], row["change_is_significant"]) == (None, None)
    else:
        z = (score.centre - earlier.centre) / sqrt(score.variance + earlier.variance)
        assert float(row["change"]) == pytest.approx(score.nps - earlier.nps, abs=1e-3)
        assert row["change_is_significant"] == (abs(z) > 1.959963984540054)


def mark(row: dict[str, Any]) -> int:
    return 1 if row["score"] >= 9 else -1 if row["score"] <= 6 else 0


# --- goals -----------------------------------------------------------------------------------------------------------


# Two scores of one segment in one year, in two places, and nobody believes either.
def test_a_goal_has_the_score_that_is_read_elsewhere(world: World, company: Company) -> None:
    found = {row["goal_id"]: row for row in world.rows("select * from marts_next.goal_attainment")}
    cells = {(*identity(row), row["period_grain"]): row for row in world.rows("select * from marts_next.nps_by_segment")}
    alone = [row for row in found.values() if row["second_dimension"] is None and row["responses"]]
    assert len(alone) == 7
    for row in alone:
        for column in ("responses", "nps", "nps_low", "nps_high", "reporting"):
            assert row[column] == cells[*identity(row), row["period_grain"]][column], (row["goal_id"], column)
    # of two dimensions: which answer of a customer counts is decided first, then whose it is
    latest = {row["customer_id"]: row for row in sorted(company.answers(), key=lambda row: row["responded_at"]) if row["is_relationship"]}
    visits = [row for row in company.answers() if not row["is_relationship"] and row["responded_at"].year == 2026]
    expected = {
        "asked": [row for row in latest.values() if row["tenure_band"] == "over 3 years" and row["segment"] == "gold"],
        "p1": [row for row in visits if row["product_id"] == "P1"],
        "gold-b1": [
            row for row in visits if row["branch_id"] == "B1" and row["segment"] == "gold" and row["responded_at"].month in {4, 5, 6}
        ],
    }
    for name, answers in expected.items():
        counted = [(row["score"] > 8) - (row["score"] < 7) for row in answers if row["counts"]]
        assert found[name]["responses"] == len(counted) > 10, name
        assert found[name]["nps"] == round(Decimal(100 * sum(counted)) / len(counted), 4), name


# A cascade in which everybody reaches his goal and the company misses its own is a promise that nobody made.
def test_goals_are_judged_when_they_may_be_and_parts_that_do_not_add_up_are_told(world: World, company: Company) -> None:
    found = {row["goal_id"]: row for row in world.rows("select * from marts_next.goal_attainment")}
    status = {name: row["status"] for name, row in found.items()}
    told = {"gold-b1": "too_few", "typo": "too_few", "second": "met", "third": "not_started", "p1": "likely", "silver": "likely"}
    assert told.items() <= status.items()
    assert all(row["probability_met"] is None for row in found.values() if row["status"] in {"met", "missed", "too_few"})
    assert (found["third"]["responses"], found["third"]["nps"], found["typo"]["responses_before"]) == (0, None, 0)
    assert found["third"]["probability_met"] < Decimal("0.01")
    parts = [found["gold"], found["silver"]]
    expected = [row["responses"] + row["responses_to_come"] for row in parts]
    implied = sum(row["target"] * number for row, number in zip(parts, expected, strict=True)) / sum(expected)
    assert found["year"]["children"] == 5
    assert abs(found["year"]["children_imply"] - implied) < Decimal("0.5"), "two segments are everybody"
    assert found["year"]["is_consistent"] is False
    assert found["b1"]["is_consistent"] is not None
    assert found["third"]["is_consistent"] is None
    inside = {name: (found[name]["share_inside_parent"], found[name]["is_inside_parent"]) for name in ("t1", "stray", "gold", "gold-b1")}
    assert inside == {"t1": (100, True), "stray": (0, False), "gold": (None, None), "gold-b1": (None, None)}
