"""What stands before the pages: a count that workers share, and that no flood can blow up or push back."""

from __future__ import annotations

from pathlib import Path

import pytest

from shopkeeper.errors import ShopkeeperError
from shopkeeper.web.guard import Counter, networks
from shopkeeper.web.pages import browser_language


def test_workers_count_together_and_a_minute_later_it_is_forgotten(tmp_path: Path) -> None:
    """Each worker counting for itself would let through as many times the limit as there are workers."""
    now = [6000.0]
    workers = [Counter("secret", tmp_path / "counts", clock=lambda: now[0]) for _ in range(3)]
    waits = [workers[number % 3].seconds_to_wait(10, "link", "a") for number in range(12)]
    assert waits == [0] * 10 + [60, 60]
    assert workers[0].seconds_to_wait(10, "link", "b") == 0, "others are not held up"
    now[0] += 45
    assert workers[1].seconds_to_wait(10, "link", "a") == 15
    now[0] += 45  # half a minute into the next: half of the last minute's requests still count
    assert [workers[2].seconds_to_wait(10, "link", "a") == 0 for _ in range(6)] == [True] * 5 + [False]
    now[0] += 120
    assert workers[0].seconds_to_wait(10, "link", "a") == 0


def test_a_flood_of_made_up_keys_takes_no_memory_and_hardly_anybodys_turn(tmp_path: Path) -> None:
    counter = Counter("secret", tmp_path / "counts", clock=lambda: 6000.0)
    size = (tmp_path / "counts").stat().st_size
    for number in range(20_000):
        counter.seconds_to_wait(10, "client", str(number))
    assert (tmp_path / "counts").stat().st_size == size
    refused = sum(counter.seconds_to_wait(10, "client", f"other {number}") > 0 for number in range(2000))
    assert refused == 0


def test_proxies_that_are_no_networks_are_refused() -> None:
    assert networks("") == ()
    for wrong in ("proxy.example", "10.0.0.0/33", "10.0.0.1/8"):
        with pytest.raises(ShopkeeperError, match="SHOPKEEPER_TRUSTED_PROXIES"):
            networks(wrong)


def test_the_browsers_language_goes_by_its_weights() -> None:
    assert browser_language("fr;q=0.5, pt-BR;q=0.9, ja") == "pt"
    assert browser_language("") == browser_language("x;q=much, ,;;") == "en"
