"""One comparison of three arms or two, judged: what may be published, and in words why not.

The rule of publication: estimate on those with a fair chance of every arm. Publish nothing if that leaves out more than a
fifth, if an arm weighs less than 100, if weighting does not make two arms alike, or if the comparison finds an effect on
what came before, where there can be none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import ndtr

from shopkeeper.analysis.effects import comparison
from shopkeeper.analysis.effects.covariates import Covariates
from shopkeeper.analysis.effects.models import Array

MOST_DROPPED = 0.20
FEWEST_EFFECTIVE = 100
CONTROL_LEVEL = 0.01
Z = 1.959963984540054
USABLE = "usable"
BEFORE = "the same, before"


@dataclass(frozen=True)
class Study:
    """What is known of each row before, which arm it is in, and what came of it.

    `covariates` and `before` (the same outcome, earlier) were known strictly before. `before` is the negative control, which no
    arm can have moved; it is a covariate too, except where it is the outcome itself. `weight` speaks for those who did not answer.
    """

    arms: Sequence[str]
    covariates: Covariates
    before: Array
    arm: Array
    outcome: Array
    weight: Array


@dataclass(frozen=True)
class Balance:
    """Standardised differences of each covariate between two arms among those kept, before and after weighting."""

    names: Sequence[str]
    before: Array
    after: Array
    limit: float

    @property
    def largest(self) -> float:
        return float(np.abs(self.after).max(initial=0.0))


@dataclass(frozen=True)
class Effect:
    """From one arm to another. Everything but the naive difference and the verdict is None where nothing could be fitted.

    `effect` is None unless the verdict is `usable`.
    """

    from_arm: str
    to_arm: str
    rows: int
    rows_kept: int
    naive: tuple[float, float, float] | None
    effect: tuple[float, float, float] | None
    dropped_share: float | None
    smallest_effective_n: float | None
    control_p: float | None
    e_value: float | None
    balance: Balance | None
    smallest_arm: int
    verdict: str

    def numbers(self, name: str, prefix: str, interval: tuple[float, float, float] | None) -> dict[str, float | None]:
        """An interval as three columns: name, prefix_low, prefix_high."""
        middle, low, high = interval or (None, None, None)
        return {name: middle, f"{prefix}_low": low, f"{prefix}_high": high}

    def checks(self) -> dict[str, object]:
        """What the rule of publication looked at, with its limits, as plain data."""
        return {
            "from": self.from_arm,
            "to": self.to_arm,
            "dropped_share": _rounded(self.dropped_share),
            "most_dropped": MOST_DROPPED,
            "smallest_effective_n": _rounded(self.smallest_effective_n),
            "fewest_effective": FEWEST_EFFECTIVE,
            "largest_imbalance": _rounded(self.balance.largest if self.balance else None),
            "imbalance_limit": _rounded(self.balance.limit if self.balance else None),
            "negative_control_p": _rounded(self.control_p),
            "negative_control_level": CONTROL_LEVEL,
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Judged:
    """All pairs of arms, from the lower to the higher; `kept` are the rows whom the effects speak for."""

    effects: Sequence[Effect]
    kept: Array


def judge(study: Study, *, seed: int = comparison.SEED) -> Judged:
    """Compare each pair of arms, and publish what the rule allows. Never raises for data that cannot tell."""
    count, arms = len(study.arm), len(study.arms)
    pairs = list(combinations(range(arms), 2))
    sizes = np.bincount(study.arm, minlength=arms)
    if sizes.min() < FEWEST_EFFECTIVE:  # an effective number is never above the number itself
        few = [f"{name} {size}" for name, size in zip(study.arms, sizes, strict=True) if size < FEWEST_EFFECTIVE]
        verdict = f"too few customers: {', '.join(few)}; at least {FEWEST_EFFECTIVE} are needed"
        return Judged([_without_fit(study, *pair, verdict) for pair in pairs], np.zeros(count, bool))

    adjusting = np.column_stack([study.before, study.covariates.values])
    scores = comparison.cross_fitted(adjusting, study.arm, study.outcome, arms, study.weight, seed=seed)
    control = comparison.cross_fitted(study.covariates.values, study.arm, study.before, arms, study.weight, seed=seed)
    kept = scores.has_overlap
    of_kept = scores.kept(kept)
    effective = of_kept.effective_n()
    faults = _faults_of_all(study, kept, effective)
    effects = [
        _compared(study, adjusting, pair, scores=of_kept, control=control.kept(kept & control.has_overlap), kept=kept, faults=faults)
        for pair in pairs
    ]
    return Judged(effects, kept)


def _faults_of_all(study: Study, kept: Array, effective: Array) -> list[str]:
    faults = []
    dropped = 1 - kept.mean()
    if dropped > MOST_DROPPED:
        faults.append(f"no overlap: {100 * dropped:.1f} % have next to no chance of some arm, more than {100 * MOST_DROPPED:.0f} %")
    small = [f"{name} {n:.0f}" for name, n in zip(study.arms, effective, strict=True) if n < FEWEST_EFFECTIVE]
    if small:
        faults.append(f"too little to go by: effective number of {', '.join(small)}, under {FEWEST_EFFECTIVE}")
    return faults


def _compared(
    study: Study,
    adjusting: Array,
    pair: tuple[int, int],
    *,
    scores: comparison.Scores,
    control: comparison.Scores,
    kept: Array,
    faults: Sequence[str],
) -> Effect:
    first, second = pair
    effective = scores.effective_n()
    balance = None
    names, known = [BEFORE, *study.covariates.names[: study.covariates.shown]], adjusting[:, : study.covariates.shown + 1]
    faults = list(faults)
    if effective[first] and effective[second]:
        before, after = comparison.imbalance(known[kept], scores.arm == first, scores.arm == second, scores.weight, scores.balancing_weight)
        limit = max(0.1, 2.5 * float(np.sqrt(1 / effective[first] + 1 / effective[second])))
        balance = Balance(names, before, after, limit)
        if balance.largest > limit:
            worst = balance.names[int(np.abs(after).argmax())]
            faults.append(f"not alike: {worst} differs by {balance.largest:.2f} standard deviations after weighting, limit {limit:.2f}")
    p = _p_value(*control.effect(first, second))
    if p is not None and p < CONTROL_LEVEL:
        faults.append(f"finds an effect on the time before (p {p:.4f}), where there can be none")
    effect, error = scores.effect(first, second)
    if not faults and not np.isfinite(error):
        faults.append("the estimate has no error")
    spread = float(np.sqrt(np.cov(study.outcome[kept], aweights=scores.weight))) if kept.sum() > 1 else 0.0
    return Effect(
        from_arm=study.arms[first],
        to_arm=study.arms[second],
        rows=len(study.arm),
        rows_kept=int(kept.sum()),
        naive=_interval(*comparison.naive(study.outcome, study.arm == first, study.arm == second)),
        effect=None if faults else _interval(effect, error),
        dropped_share=float(1 - kept.mean()),
        smallest_effective_n=float(effective.min()),
        control_p=p,
        e_value=_known(comparison.e_value_of_means(effect, spread)) if not faults else None,
        balance=balance,
        smallest_arm=_smallest_arm(study, pair),
        verdict="; ".join(faults) or USABLE,
    )


def _without_fit(study: Study, first: int, second: int, verdict: str) -> Effect:
    return Effect(
        from_arm=study.arms[first],
        to_arm=study.arms[second],
        rows=len(study.arm),
        rows_kept=0,
        naive=_interval(*comparison.naive(study.outcome, study.arm == first, study.arm == second)),
        effect=None,
        dropped_share=None,
        smallest_effective_n=None,
        control_p=None,
        e_value=None,
        balance=None,
        smallest_arm=_smallest_arm(study, (first, second)),
        verdict=verdict,
    )


def _interval(middle: float, error: float) -> tuple[float, float, float] | None:
    return (middle, middle - Z * error, middle + Z * error) if np.isfinite(middle) and np.isfinite(error) else None


def _p_value(effect: float, error: float) -> float | None:
    if not np.isfinite(effect) or not error > 0:
        return None
    return float(2 * ndtr(-abs(effect) / error))


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _smallest_arm(study: Study, pair: tuple[int, int]) -> int:
    return min(int((study.arm == arm).sum()) for arm in pair)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def describe_left_out(study: Study, kept: Array) -> str:
    """In words: what share the estimate leaves out, and what sets those apart most."""
    if kept.all():
        return "(nobody is left out)"
    if not kept.any():
        return "(everybody is left out)"
    share = 100 * (1 - kept.mean())
    known = np.column_stack([study.before, study.covariates.values[:, : study.covariates.shown]])
    names = [BEFORE, *study.covariates.names[: study.covariates.shown]]
    difference, _ = comparison.imbalance(known, kept, ~kept, study.weight, study.weight)
    strongest = np.argsort(-np.abs(difference), kind="stable")[:2]
    traits = [f"{names[k]} {'+' if difference[k] > 0 else '−'}{abs(difference[k]):.1f} SD" for k in strongest]
    return f"(left out: {share:.1f} %, who differ in {' and '.join(traits)})"
