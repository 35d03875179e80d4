"""Plans: the published sample sizes, and what a plan says where little is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.survey import people
from tests.survey.conftest import MakeProgrammes
from tests.survey.invitations import put_invitations, put_wave

from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.load import SAMPLE, load
from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey import ledger
from shopkeeper.survey.known import History, Population, dimension_of
from shopkeeper.survey.plan import Plan, approved_plan, make, over_cells, store
from shopkeeper.survey.precision import answers_needed, margin_reached, reportable, unequal_weighting, variance
from shopkeeper.survey.sampling import draw

NOW = datetime(2026, 5, 20, 8, tzinfo=UTC)
TODAY = NOW.date()


@pytest.mark.parametrize(("v", "answers"), [(1.0, 382), (0.61, 232)])
def test_published_sample_sizes(v: float, answers: int) -> None:
    # Rocks (2016): a score ± 10 points. A wrong constant here buys every wave too many, or too few, answers.
    assert answers_needed(10, v) == answers


@given(st.floats(0.5, 60), st.floats(0.02, 1), st.floats(1, 5))
def test_so_many_answers_reach_the_margin_and_one_fewer_do_not(margin: float, v: float, effect: float) -> None:
    n = answers_needed(margin, v, effect)
    assert margin_reached(n, v, effect) <= margin + 1e-9
    assert n == 1 or margin_reached(n - 1, v, effect) > margin - 1e-9


def test_a_cell_of_promoters_alone_is_not_taken_for_certain() -> None:
    # Thirty promoters have no spread; planned with that, the next wave would ask one customer.
    assert variance(0, 0, 30) > 0.05


def test_equal_weights_have_no_design_effect_and_kish_s_formula_holds() -> None:
    assert unequal_weighting([100, 200], [10, 20]) == pytest.approx(1)
    # n·Σw²/(Σw)² by hand: weights 10 (10 times) and 5 (20 times)
    assert unequal_weighting([100, 100], [10, 20]) == pytest.approx(30 * (10 * 100 + 20 * 25) / 200**2)


@given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 600))
def test_a_unit_is_reportable_on_the_first_day_that_its_answers_suffice(needed: int, current: int, so_far: int) -> None:
    when, per_day = reportable(needed=needed, current=current, this_year=so_far, today=TODAY), current / 90
    if current >= needed:
        assert when == TODAY
    elif when is None:
        assert per_day * 365 < needed, "a year would be enough"
    elif when.year == TODAY.year:
        assert so_far + per_day * (when - TODAY).days >= needed - 1e-9
    else:
        assert so_far + per_day * (date(2027, 1, 1) - TODAY).days < needed + per_day, "this year would have been enough"
        assert per_day * ((when - date(2027, 1, 1)).days + 1) >= needed - 1e-9


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> CompanyFolder:
    places = {"CRM_URL": "sqlite:///crm.db", "FINANCE_URL": "sqlite:///finance.db", "SURVEY_HISTORY": str(Path("/nowhere"))}
    return load(SAMPLE, places)


def planned(sample: CompanyFolder, history: dict[str, History], populations: dict[str, Population]) -> Plan:
    return over_cells(sample, "relationship", by="segment", margin=5, today=TODAY, history=history, populations=populations)


def test_before_any_answer_a_plan_takes_the_worst_case_and_says_so(sample: CompanyFolder) -> None:
    (cell,) = planned(sample, {}, {"private": Population(9_000, 4_000)}).cells
    assert (cell.variance_from, cell.rate_from) == ("assumed", "assumed")
    assert cell.answers == answers_needed(5, 1.0) == 1534
    assert cell.invitations == 6136  # at the 25 % that programmes.yml expects
    assert cell.margin_if_all_are_asked == pytest.approx(margin_reached(1000, 1.0))
    assert cell.reportable_on is None


def test_a_cell_s_own_numbers_come_first_then_the_programme_s(sample: CompanyFolder) -> None:
    whole = History(200, 300, 500, 1.2, 4000, 1000, 250, 600)
    own = History(10, 20, 70, 1.1, 500, 50, 25, 60)
    plan = planned(sample, {"all": whole, "own": own, "few": History(1, 1, 3, 1.0, 12, 5, 2, 3)}, {})
    few, mine = plan.cells
    assert (mine.variance_from, mine.rate_from, mine.rate, mine.design_effect) == ("own", "own", 0.1, 1.1)
    assert (few.variance_from, few.rate_from, few.rate, few.design_effect) == ("programme", "programme", 0.25, 1.2)
    assert few.reportable_on is None, "eight answers a year never make thirty"
    assert mine.reportable_on == reportable(needed=mine.reportable_answers, current=25, this_year=60, today=TODAY)
    assert plan.invitations == few.invitations + mine.invitations


def test_the_whole_pays_for_unequal_shares(sample: CompanyFolder) -> None:
    # Asking the small segment as often as the large one makes the score over both less sure than so many answers sound.
    even = planned(sample, {}, {"large": Population(50_000, 50_000), "small": Population(50_000, 50_000)})
    uneven = planned(sample, {}, {"large": Population(95_000, 95_000), "small": Population(5_000, 50_000)})
    assert even.whole_margin is not None
    assert uneven.whole_margin is not None
    assert uneven.whole_margin > even.whole_margin * 1.2


@pytest.mark.parametrize(("by", "dimension"), [("customer.segment", "segment"), ("org unit", "branch"), ("team_id", "team")])
def test_cells_are_named_as_people_name_them(by: str, dimension: str) -> None:
    assert dimension_of(by) == dimension


def test_people_in_quarantine_are_counted_and_not_planned_with(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # A plan that counts on them promises answers that no wave can bring.
    folder = make_programmes(relationship={"eligibility": "customer.status == 'active'", "quarantine_days": 90})
    people.put(warehouse, "customers", people.customers(8) + people.customers(4, first=20, segment="business"))
    people.put(warehouse, "customers", [people.customer("GONE", status="left"), people.customer("STAFF", is_staff=True)])
    wave = put_wave(warehouse, folder, "relationship", NOW - timedelta(days=30))
    for asked in put_invitations(warehouse, wave, ["C000001", "C000002", "C000003"], NOW - timedelta(days=30), in_queue=False):
        with warehouse.begin() as connection:
            ledger.record(connection, asked, "sent", message="invitation", occurred_at=NOW - timedelta(days=30))
    plan = make(warehouse, folder, "relationship", by=None, margin=10, now=NOW)
    assert {cell.cell: (cell.eligible, cell.available) for cell in plan.cells} == {"private": (8, 5), "business": (4, 4)}
    kept = store(warehouse, plan, actor="ada", now=NOW, is_approved=False)
    with warehouse.connect() as connection:
        assert approved_plan(connection, "relationship", plan.config_hash) is None
        assert (
            connection.scalar(sa.text("select sum((cell ->> 'available')::int) from ops.plans, jsonb_array_elements(cells) as cell")) == 9
        )
    approved = store(warehouse, plan, actor="ada", now=NOW, is_approved=True)
    assert approved > kept
    with warehouse.connect() as connection:
        assert approved_plan(connection, "relationship", plan.config_hash) == approved
        assert approved_plan(connection, "relationship", "changed since") is None, "a changed programme needs a new plan"


def test_a_programme_after_interactions_is_planned_with_the_last_ninety_days(warehouse: sa.Engine, make_programmes: MakeProgrammes) -> None:
    # Without a number nobody sees that a margin needs more claims than there are. What was asked about already counts too.
    folder = make_programmes(
        claims={"kind": "transactional", "after": {"interaction_types": ["claim"]}, "quarantine_days": 90},
        often={"kind": "transactional", "after": {"interaction_types": ["claim"]}, "quarantine_days": 30},
    )
    people.put(warehouse, "customers", [*people.customers(3), people.customer("OUT", opted_out=True)])
    claims = [("C000001", 2, "phone"), ("C000001", 80, "web"), ("C000002", 40, "phone"), ("C000003", 91, "phone"), ("OUT", 3, "phone")]
    claims += [("C000002", days, "web") for days in (10, 11, 12)]
    rows = [
        people.interaction(f"I{number}", who, NOW - timedelta(days=days), channel=channel)
        for number, (who, days, channel) in enumerate(claims)
    ]
    people.put(warehouse, "interactions", [*rows, people.interaction("CALL", "C000003", NOW, interaction_type="call")])
    draw(warehouse, folder, as_of=NOW - timedelta(days=1), now=NOW)

    def cells(programme: str, by: str) -> dict[str, tuple[int | None, int | None]]:
        plan = make(warehouse, folder, programme, by=by, margin=10, now=NOW)
        assert plan.counts == "interactions in 90 days"
        return {cell.cell: (cell.eligible, cell.available) for cell in plan.cells}

    assert cells("claims", "segment") == {"private": (6, 2)}, "two customers, once each"
    assert cells("often", "segment") == {"private": (6, 5)}, "three times at most"
    # C000001 by chance on the telephone or the web, C000002 with three chances of four on the web.
    assert cells("claims", "channel") == {"phone": (2, 1), "web": (4, 1)}
    assert cells("claims", "branch") == {}


def test_an_unknown_dimension_is_answered_with_the_nearest() -> None:
    with pytest.raises(ShopkeeperError, match="did you mean region"):
        dimension_of("customer.regoin")
