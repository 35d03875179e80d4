"""What an offer does to the score, on companies that make offers to customers of long standing first."""

from __future__ import annotations

from collections import Counter

import pytest
from simulated_offers import compared


def _tally(seeds: tuple[int, ...]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in seeds:
        for one in compared(seed, often=3).values():
            effect = one.effect
            assert effect.naive is not None
            if effect.effect is not None:
                counts["published"] += 1
                counts["covered"] += effect.effect[1] <= one.truth <= effect.effect[2]
                counts["raw covered"] += effect.naive[1] <= one.truth <= effect.naive[2]
                counts["raw too high"] += effect.naive[0] > effect.effect[0]
    return counts


def test_an_offer_is_not_praised_for_whom_it_was_made_to() -> None:
    # Without adjustment even the offer that annoys seems to please, and would be made more often.
    counts = _tally((0, 2))
    assert counts["published"] == 8
    assert counts["covered"] >= 7
    assert counts["raw too high"] == 8


def test_an_offer_that_is_rarely_made_is_not_judged_but_all_together_are() -> None:
    # Of one type the sample company makes too few: a figure for each would be noise with a name.
    found = compared(1)
    assert found["all"].effect.effect is not None
    assert found["all"].effect.effect[1] <= found["all"].truth <= found["all"].effect.effect[2]
    assert found["all"].effect.naive is not None
    assert found["all"].effect.naive[1] > found["all"].truth
    assert all(one.effect.effect is None and "effective number" in one.effect.verdict for name, one in found.items() if name != "all")


@pytest.mark.long
def test_forty_companies_that_make_offers() -> None:
    counts = _tally(tuple(range(40)))
    print(counts)
    assert counts["published"] >= 144
    assert counts["covered"] >= 0.9 * counts["published"]
    assert counts["raw covered"] <= 0.6 * counts["published"]
