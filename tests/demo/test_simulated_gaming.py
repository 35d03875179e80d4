"""Each way of gaming raises promoters at its branch by what was planted, leaves its trace, and touches nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from shopkeeper.demo import Gaming, GamingMode, Part, SimulationConfig, simulate
from shopkeeper.demo.config import DAY, TRANSACTIONAL
from shopkeeper.demo.population import CONTACT_CHANGE
from shopkeeper.demo.surveys import BOUNCED


@pytest.fixture(scope="module", params=list(GamingMode))
def gamed(request: pytest.FixtureRequest) -> tuple[Gaming, Part]:
    gaming = Gaming(request.param)
    return gaming, simulate(SimulationConfig(gaming=(gaming,))).whole


def test_promoters_rise_by_what_was_planted(gamed: tuple[Gaming, Part]) -> None:
    gaming, part = gamed
    (done,) = part.gamed
    assert done.branch == gaming.branch_index
    assert done.answers == pytest.approx(250, abs=35)
    # three standard errors of a share among 250 answers, for the luck of the draw
    assert done.promoter_share - done.promoter_share_clean == pytest.approx(0.35, abs=0.09)


def test_nothing_changes_elsewhere(gamed: tuple[Gaming, Part], clean: Part) -> None:
    """Rows of other branches, the relationship programme, money and truth: equal to the company without gaming."""
    gaming, part = gamed
    frame = part.frame
    elsewhere = (frame.branch != gaming.branch_index) | (frame.programme != TRANSACTIONAL)
    for name, column in vars(frame).items():
        assert np.array_equal(column[elsewhere], vars(clean.frame)[name][elsewhere]), name
    assert np.array_equal(frame.score, clean.frame.score), "what customers think stays"
    assert np.array_equal(part.postings.cents, clean.postings.cents)
    assert np.array_equal(part.events.occurred[: len(clean.events)], clean.events.occurred)
    assert frame.is_gamed.sum() == part.gamed[0].rows_touched > 50


def test_each_mode_leaves_its_trace(gamed: tuple[Gaming, Part], clean: Part) -> None:
    gaming, part = gamed
    frame, before = part.frame, clean.frame
    touched = frame.is_gamed
    match gaming.mode:
        case GamingMode.ASKING_ONLY_THE_HAPPY:
            assert not frame.drawn[touched].any(), "they are not asked"
            assert (frame.score[touched] < 9).all()
        case GamingMode.ALTERED_ADDRESSES:
            assert (frame.disposition[touched] == BOUNCED).all()
            edits = part.events.kind == CONTACT_CHANGE
            assert edits.sum() == touched.sum(), "every bounce follows an edit by an employee"
            lead = np.sort(frame.moment[touched]) - np.sort(part.events.occurred[edits])
            assert lead.min() > 0
            assert lead.max() < 2 * DAY
            assert set(part.events.customer[edits]) == set(frame.customer[touched])
        case GamingMode.ANSWERING_ONESELF:
            assert (frame.seconds_taken[touched] < before.seconds_taken[before.answered].min()).all()
            assert (frame.given_score[touched] >= 9).all()
        case GamingMode.BEGGING:
            assert np.array_equal(frame.answered, before.answered)
            assert (frame.given_score[touched] > frame.score[touched]).all()
        case GamingMode.STRATEGIC_TIMING:
            since_settled = frame.moment[touched] - part.events.resolved[frame.event[touched]]
            assert since_settled.max() <= 15 * 60, "asked at once, in place of the next morning"


def test_a_clean_company_is_clean(clean: Part) -> None:
    assert clean.gamed == ()
    assert not clean.frame.is_gamed.any()
    assert np.array_equal(clean.frame.given_score, clean.frame.score)


def test_several_modes_at_once_keep_apart() -> None:
    part = simulate(SimulationConfig(gaming=(Gaming(GamingMode.BEGGING), Gaming(GamingMode.ANSWERING_ONESELF, answers=60)))).whole
    assert {done.branch for done in part.gamed} == {14, 10}
    assert set(np.unique(part.frame.branch[part.frame.is_gamed])) == {10, 14}
