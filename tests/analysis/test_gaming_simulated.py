"""Five ways of gaming in the sample company of 24 branches, and companies in which nobody games: who is found, and who is accused."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from simulated_gaming import Played, company, complaining_later, reviewed, typed_in_one_evening

from shopkeeper.demo import Gaming, GamingMode, SimulationConfig, gaming, simulate

# what each way leaves behind, whatever else it does; begging leaves nothing but the scores
TRACES = {
    GamingMode.ASKING_ONLY_THE_HAPPY: "not_asked",
    GamingMode.ALTERED_ADDRESSES: "bounced_after_edit",
    GamingMode.ANSWERING_ONESELF: "answered_fast",
    GamingMode.BEGGING: "more_promoters",
    GamingMode.STRATEGIC_TIMING: "asked_early",
}


def over(seeds: range) -> dict[str, list[Played]]:
    """Way of gaming, or `clean` → what was found in each seed."""
    found: dict[str, list[Played]] = {"clean": [], **{mode: [] for mode in GamingMode}}
    for seed in seeds:
        simulation, clean = company(seed)
        found["clean"].append(reviewed(simulation, clean))
        for mode in GamingMode:
            found[mode].append(reviewed(simulation, clean, Gaming(mode)))
    return found


def told(found: dict[str, list[Played]]) -> str:
    return "; ".join(
        f"{way}: found {sum(one.is_found for one in runs)}, others accused {sum(bool(one.accused) for one in runs)},"
        f" by {dict(Counter(signal for one in runs for signal in one.found_by))},"
        f" others by {dict(Counter(accused[:3] for one in runs for accused in one.accused))}"
        for way, runs in found.items()
    )


@pytest.mark.slow
def test_who_games_is_found_and_nobody_else() -> None:
    """Two seeds of what the long proof does with 200."""
    found = over(range(302, 304))
    for way, runs in found.items():
        assert not any(one.accused for one in runs), told(found)
        if way != "clean":
            assert all(TRACES[GamingMode(way)] in one.found_by for one in runs), told(found)


@pytest.mark.slow
def test_piles_and_promoters_who_complain_are_found() -> None:
    """What none of the five ways leaves: the answers of every other week typed in one go, and scores that customers did not mean."""
    simulation, clean = company(304)
    found = reviewed(simulation, complaining_later(typed_in_one_evening(clean, 3, 0.5), 20, 0.4))
    assert found.named == {("answered_in_bursts", 3), ("promoters_complain", 20)}


@pytest.mark.long
def test_two_hundred_companies() -> None:
    """An honest branch that is accused will never trust the score again; one that games and is not found teaches the others to."""
    found = over(range(200))
    print(told(found))
    for way, runs in found.items():
        assert sum(bool(one.accused) for one in runs) <= 6, told(found)
        if way != "clean":
            assert sum(one.is_found for one in runs) >= 180, told(found)


def test_the_played_frame_is_that_of_a_company_gamed_from_the_start() -> None:
    """The proof lays gaming over a clean company: it must be the company that the simulator would have made."""
    settings: dict[str, int] = {"customers": 3_000, "months": 24}
    _, clean = company(1, **settings)
    config = SimulationConfig(seed=1, gaming=(Gaming(GamingMode.ALTERED_ADDRESSES),), **settings)
    gamed = simulate(config).whole
    frame, altered, _ = gaming.play(config, clean.clean_frame, clean.events, 0)
    for name, column in vars(frame).items():
        assert np.array_equal(column, vars(gamed.frame)[name]), name
    assert len(altered) == frame.is_gamed.sum() > 0
