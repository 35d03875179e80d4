"""How many to draw from each stratum of a wave."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from fractions import Fraction
from typing import TypeVar

Stratum = TypeVar("Stratum", bound=Hashable)


def allocate(
    n: int, sizes: Mapping[Stratum, int], deviations: Mapping[Stratum, float] | None = None, *, floor: int = 0
) -> dict[Stratum, int]:
    """Divide n among strata: in proportion to their sizes, or to size × standard deviation (Neyman) where those are given.

    No stratum gives more than it has, and each gives at least `floor` as far as it has so many; what is left is divided
    among the others. Fractions are settled by the largest remainder, ties by the order of `sizes`. The parts add up to n,
    to the sum of sizes where n is more, and to the sum of floors where that is more than n.
    Raises ValueError for a negative size, deviation, n or floor.
    Source: Neyman (1934); Cochran (1977), Sampling Techniques, 5.5.
    """
    weights = {stratum: Fraction(size) * (Fraction(deviations[stratum]) if deviations else 1) for stratum, size in sizes.items()}
    if n < 0 or floor < 0 or any(size < 0 for size in sizes.values()) or any(weight < 0 for weight in weights.values()):
        raise ValueError("n, floor, sizes and deviations cannot be negative")
    lowest = {stratum: min(floor, size) for stratum, size in sizes.items()}
    n = max(min(n, sum(sizes.values())), sum(lowest.values()))
    fixed: dict[Stratum, int] = {}
    while True:
        free = [stratum for stratum in sizes if stratum not in fixed]
        left = n - sum(fixed.values())
        total = sum(weights[stratum] for stratum in free)
        if not total:  # nothing tells these apart but their size
            weights |= {stratum: Fraction(sizes[stratum]) for stratum in free}
            total = sum(weights[stratum] for stratum in free)
        shares = {stratum: left * weights[stratum] / total if total else Fraction(0) for stratum in free}
        # Held at one kind of bound at a time, the kind that misses by more: only so do the others' shares move one way.
        over = {stratum: shares[stratum] - sizes[stratum] for stratum in free if shares[stratum] > sizes[stratum]}
        under = {stratum: lowest[stratum] - shares[stratum] for stratum in free if shares[stratum] < lowest[stratum]}
        if not over and not under:
            return fixed | _rounded(left, shares, sizes) if free else fixed
        if sum(over.values()) >= sum(under.values()):
            fixed |= {stratum: sizes[stratum] for stratum in over}
        else:
            fixed |= {stratum: lowest[stratum] for stratum in under}


def _rounded(n: int, shares: Mapping[Stratum, Fraction], sizes: Mapping[Stratum, int]) -> dict[Stratum, int]:
    whole = {stratum: int(share) for stratum, share in shares.items()}
    by_remainder = sorted(whole, key=lambda stratum: whole[stratum] - shares[stratum])  # stable: ties keep their order
    for stratum in by_remainder[: n - sum(whole.values())]:
        whole[stratum] += 1
    return whole
