"""What is planted in the customers, their scores and their answering is really there."""

from __future__ import annotations

import time
from datetime import date

import numpy as np
import pytest

from shopkeeper.demo import Part, Simulation, SimulationConfig, attitude, simulate, telling
from shopkeeper.demo.config import DAY, NEVER, RELATIONSHIP, TRANSACTIONAL, Array, date_of
from shopkeeper.demo.population import BUSINESS, CALL, CLAIM, REFERRAL, Recent
from shopkeeper.errors import ShopkeeperError

SEEDS = range(4)


def points(scores: Array, weights: Array | None = None) -> float:
    return float(100 * np.average((scores >= 9).astype(int) - (scores <= 6), weights=weights))


def asked(part: Part, programme: int) -> Array:
    return part.frame.drawn & (part.frame.programme == programme)


def test_the_company_is_plausible(clean: Part) -> None:
    frame = clean.frame
    for programme in (RELATIONSHIP, TRANSACTIONAL):
        inside = frame.in_frame & (frame.programme == programme)
        assert 25 < points(frame.score[inside]) < 45
        invited = asked(clean, programme)
        assert 0.25 < frame.answered[invited].mean() < 0.35
    assert 0.03 < np.mean(clean.customers.left_day < SimulationConfig().end_day) < 0.25
    assert len(np.unique(frame.score)) == 11


def test_slow_claims_make_detractors(clean: Part) -> None:
    """The claims question: what does time to resolution do to the score."""
    frame = clean.frame
    claims = np.flatnonzero(frame.in_frame & (frame.event >= 0))
    claims = claims[clean.events.kind[frame.event[claims]] == CLAIM]
    event = frame.event[claims]
    days = (clean.events.resolved - clean.events.occurred)[event] / DAY
    quick, slow, slowest = (points(frame.score[claims][chosen]) for chosen in (days < 3, (days >= 7) & (days < 14), days >= 14))
    assert quick > slow + 20
    assert slow > slowest + 20


def test_a_branch_is_as_good_as_planted() -> None:
    """24 branches, SD 5 points of promoter share, and each branch's true share moves one for one with its effect."""
    effects = np.concatenate([simulate(SimulationConfig(seed=seed)).organisation.branch_effect for seed in range(60)])
    assert effects.std() == pytest.approx(0.05, abs=0.003)
    planted, found = [], []
    for seed in SEEDS:
        simulation = simulate(SimulationConfig(seed=seed))
        frame = simulation.whole.frame
        for branch in range(24):
            here = frame.in_frame & (frame.branch == branch)
            planted.append(simulation.organisation.branch_effect[branch])
            found.append((frame.band[here] == 2).mean())
    slope = np.polyfit(planted, found, 1)[0]
    assert slope == pytest.approx(1, abs=0.12)
    assert np.corrcoef(planted, found)[0, 1] > 0.9


@pytest.mark.parametrize("mode", ["ignorable", "interaction", "score"])
def test_the_unhappy_answer_less_in_each_mode(mode: str) -> None:
    """Raw answers flatter the company, whatever makes people silent; only the reason differs."""
    for seed in (1, 2):
        frame = simulate(SimulationConfig(seed=seed, nonresponse=mode)).whole.frame  # type: ignore[arg-type]
        for programme in (RELATIONSHIP, TRANSACTIONAL):
            inside = frame.in_frame & (frame.programme == programme)
            answers = frame.answered & (frame.programme == programme)
            assert points(frame.given_score[answers]) > points(frame.score[inside]) + 4
            unhappy, happy = (frame.answer_probability[inside & (frame.band == band)].mean() for band in (0, 2))
            assert unhappy < 0.85 * happy


def test_the_score_plays_no_part_where_answering_is_ignorable(clean: Part) -> None:
    """Given segment, tenure band, recent complaint and failed-interaction band, P(answer) is one number."""
    frame = clean.frame
    cell = ((frame.segment * 3 + frame.tenure_band) * 2 + frame.complaint) * 4 + frame.failed_band
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    probability = frame.answer_probability[order]
    assert np.allclose(np.maximum.reduceat(probability, starts), np.minimum.reduceat(probability, starts))
    # and it is additive on the log scale: the four effects rebuild every cell
    design = np.column_stack([np.eye(3)[frame.segment], np.eye(3)[frame.tenure_band], frame.complaint, np.eye(4)[frame.failed_band]])
    fitted = design @ np.linalg.lstsq(design, np.log(frame.answer_probability), rcond=None)[0]
    assert np.allclose(fitted, np.log(frame.answer_probability))


def test_weighting_by_the_planted_probabilities_finds_the_true_score() -> None:
    """The planted truth is reachable: the mean error over waves is nought, while raw answers are points away."""
    weighted, raw = [], []
    for seed in SEEDS:
        frame = simulate(SimulationConfig(seed=seed)).whole.frame
        for wave in range(6):
            inside, answers = frame.in_frame & (frame.wave == wave), frame.answered & (frame.wave == wave)
            true = points(frame.score[inside])
            weighted.append(points(frame.score[answers], 1 / frame.answer_probability[answers]) - true)
            raw.append(points(frame.score[answers]) - true)
    assert abs(np.mean(weighted)) < 3 * np.std(weighted) / np.sqrt(len(weighted))
    assert np.mean(raw) > 5


def test_crossing_matters_only_in_its_mode(clean: Part) -> None:
    """`interaction` cannot be rebuilt from segment and tenure added up; `score` depends on the band alone."""
    crossed = simulate(SimulationConfig(nonresponse="interaction")).whole.frame
    design = np.column_stack(
        [np.eye(3)[crossed.segment], np.eye(3)[crossed.tenure_band], crossed.complaint, np.eye(4)[crossed.failed_band]]
    )
    fitted = design @ np.linalg.lstsq(design, np.log(crossed.answer_probability), rcond=None)[0]
    assert np.abs(fitted - np.log(crossed.answer_probability)).max() > 0.2
    by_score = simulate(SimulationConfig(nonresponse="score")).whole.frame
    for band in range(3):
        assert len(np.unique(by_score.answer_probability[by_score.band == band])) == 1
    assert np.array_equal(by_score.score, clean.frame.score)


def test_what_answering_depends_on_is_complete_in_the_crm(clean: Part) -> None:
    """Complaint and failed-interaction band are computed again here from the records, in another way."""
    frame, events, complaints = clean.frame, clean.events, clean.complaints
    random = np.random.default_rng(1)
    for row in random.choice(np.flatnonzero(frame.in_frame), 300, replace=False):
        customer, moment = frame.customer[row], frame.moment[row]
        opened = complaints.opened[complaints.customer == customer]
        assert frame.complaint[row] == ((opened <= moment) & (opened > moment - 365 * DAY)).any()
        own = (events.customer == customer) & (events.kind == CALL)
        recent = events.failed[own][(events.occurred[own] <= moment) & (events.occurred[own] > moment - 365 * DAY)]
        expected = 0 if not len(recent) else 1 + int(recent.max() >= 0.3) + int(recent.max() >= 0.6)
        assert frame.failed_band[row] == expected


def test_nobody_is_asked_within_the_quarantine(clean: Part) -> None:
    frame = clean.frame
    order = np.lexsort((frame.moment, frame.customer))
    order = order[frame.drawn[order]]
    same = np.diff(frame.customer[order]) == 0
    gap = np.diff(frame.moment[order])[same]
    assert gap.min() >= 30 * DAY
    both_transactional = (frame.programme[order][:-1] == TRANSACTIONAL) & (frame.programme[order][1:] == TRANSACTIONAL)
    assert np.diff(frame.moment[order])[same & both_transactional].min() >= 92 * DAY


def test_nobody_is_asked_who_must_not_be(company: Simulation, clean: Part) -> None:
    frame, customers = clean.frame, clean.customers
    who = frame.customer[frame.drawn]
    for barred in (~customers.has_email, customers.opted_out, customers.do_not_contact, customers.is_staff):
        assert not barred[who].any()
    day = frame.moment[frame.drawn] // DAY
    assert (customers.joined_day[who] < day).all()
    assert (day < customers.left_day[who]).all()
    answered = frame.answered
    assert (frame.responded[answered] > frame.moment[answered]).all()
    assert (frame.responded[answered] < company.config.end_day * DAY).all()
    assert (frame.responded[~answered] == NEVER).all()


def test_nothing_happens_outside_a_contract(company: Simulation, clean: Part) -> None:
    events, customers = clean.events, clean.customers
    served = events.kind <= 2
    day = events.occurred[served] // DAY
    assert (day >= customers.joined_day[events.customer[served]]).all()
    assert (day < customers.left_day[events.customer[served]]).all()
    assert (events.occurred < company.config.end_day * DAY).all()
    about = clean.complaints.event
    assert (events.customer[about[about >= 0]] == clean.complaints.customer[about >= 0]).all()
    assert (clean.complaints.opened[about >= 0] > events.occurred[about[about >= 0]] // DAY * DAY).all()


def test_promoters_refer_more_and_the_tree_is_a_forest(clean: Part) -> None:
    edges = clean.referrals
    real = (edges.fault == 0) & (edges.child >= 0)
    assert len(np.unique(edges.child[real])) == real.sum()
    joined = clean.customers.joined_day
    assert (joined[edges.parent[real]] < joined[edges.child[real]]).all()
    share_of = np.bincount(edges.parent_band[real], minlength=3) / np.bincount(clean.margins.band, minlength=3)
    assert share_of[2] > 2 * share_of[1] > 2 * share_of[0]
    assert {1, 2, 3} <= set(edges.fault.tolist())
    itself = edges.fault == 2
    assert (edges.parent[itself] == edges.child[itself]).all()
    for parent, child in zip(edges.parent[edges.fault == 1], edges.child[edges.fault == 1], strict=True):
        assert ((edges.parent == child) & (edges.child == parent) & real).any(), "a cycle needs the edge back"
    second = edges.child[edges.fault == 3]
    assert np.isin(second, edges.child[real]).all()


def test_teams_and_employees_move(company: Simulation) -> None:
    organisation = company.organisation
    config = company.config
    start, end = np.array([config.start_day]), np.array([config.end_day])
    teams = np.arange(120)
    assert (organisation.branch_at(teams, start) != organisation.branch_at(teams, end)).sum() == 3
    slots = np.tile(np.arange(5), 120)
    then, now = (organisation.employee_at(np.repeat(teams, 5), slots, day) for day in (start, end))
    assert len(np.unique(now)) == len(now) == 600, "everyone is in one place"
    assert (then != now).sum() == 48
    left = {posting.employee for posting in organisation.postings if posting.unit is None}
    assert len(left) == 24
    assert not left & set(now.tolist())


def test_the_same_seed_gives_the_same_company_and_another_seed_does_not(clean: Part) -> None:
    again, other = simulate(SimulationConfig()).whole, simulate(SimulationConfig(seed=2)).whole
    for mine, theirs in ((clean.frame, again.frame), (clean.events, again.events), (clean.postings, again.postings)):
        for name, column in vars(mine).items():
            assert np.array_equal(column, vars(theirs)[name], equal_nan=column.dtype.kind == "f")
    assert not np.array_equal(clean.customers.joined_day, other.customers.joined_day)


def test_time_grows_in_line_with_customers() -> None:
    def seconds(customers: int) -> float:
        started = time.process_time()
        for _ in simulate(SimulationConfig(customers=customers, part_size=5_000)).parts():
            pass
        return time.process_time() - started

    seconds(1_000)
    small = min(seconds(5_000) for _ in range(3))
    assert seconds(50_000) < 16 * small


def test_parts_are_one_company() -> None:
    """Customers made in parts are numbered through, and one part's customers do not depend on how many follow."""
    small, large = (
        simulate(SimulationConfig(customers=3_000, part_size=1_000)),
        simulate(SimulationConfig(customers=4_000, part_size=1_000)),
    )
    parts = list(small.parts())
    assert [part.customers.first_number for part in parts] == [1, 1001, 2001]
    assert np.array_equal(parts[1].frame.score, list(large.parts())[1].frame.score)
    with pytest.raises(ShopkeeperError, match="read parts"):
        _ = small.whole


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"customers": 0}, "at least 1"),
        ({"months": 12}, "at least 18"),
        ({"seed": -1}, "0 or more"),
        ({"fault_share": 0.5}, "0 to 0.2"),
    ],
)
def test_what_cannot_be_simulated_is_said(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(ShopkeeperError, match=said):
        SimulationConfig(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "config",
    [SimulationConfig(customers=1), SimulationConfig(customers=40, months=18), SimulationConfig(ends_on=date(2024, 2, 29), customers=60)],
)
def test_small_and_short_companies_work(config: SimulationConfig) -> None:
    part = simulate(config).whole
    assert len(part.customers) == config.customers
    assert config.starts_on.day == 1
    assert {date_of(day).weekday() for day in config.wave_days} == {1}, "waves go out on a Tuesday"
    assert (config.wave_days >= config.end_day - 90).any(), "the newest wave is in the current score"


def test_the_recent_past_ends_at_its_moment(clean: Part) -> None:
    """A complaint counts from its own second on for 365 days, not before and not after."""
    complaints = clean.complaints
    recent = Recent(clean.events, complaints)
    customer, opened = complaints.customer[:1], complaints.opened[:1]
    only = (complaints.customer == customer[0]).sum() == 1
    assert recent.complaint(customer, opened).all()
    if only:
        assert not recent.complaint(customer, opened - 1).any()
        assert not recent.complaint(customer, opened + 365 * DAY).any()


def test_bands_of_attitude_and_company_agree() -> None:
    assert attitude.band(np.arange(11)).tolist() == [0] * 7 + [1] * 2 + [2] * 2
    assert BUSINESS == 2


def test_customers_tell_who_sent_them_in_ways_that_can_be_traced_and_in_others(company: Simulation) -> None:
    # Were every name a number, the demo would show a matching of names that no company has; were none of them right, no edge at all.
    part = company.whole
    told = telling.told(company.config, part.customers, part.referrals, part.number)
    joined = part.customers.joined_day
    has_parent = told.parent >= 0
    assert (joined[told.parent[has_parent]] <= joined[has_parent]).all()
    assert (part.customers.channel[has_parent] == REFERRAL).all()
    words = [text for text in told.recommended_by if text]
    assert len({text[0] for text in words}) > 10
    assert 0.5 < len(words) / sum(heard in ("colleague", "friend_or_family") for heard in told.heard_from) < 0.9
    recorded = {int(part.referrals.child[i]): int(part.referrals.parent[i]) for i in np.flatnonzero(part.referrals.fault == 0)}
    assert all(told.parent[child] == parent for child, parent in recorded.items() if child >= 0)
