"""Would it have been right? Fit on the first half of the history, predict the second, and hold it against what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from shopkeeper.analysis.lifetime import bg_nbd, gamma_gamma
from shopkeeper.analysis.lifetime.bg_nbd import BgNbd
from shopkeeper.analysis.lifetime.gamma_gamma import GammaGamma
from shopkeeper.analysis.lifetime.histories import Histories
from shopkeeper.analysis.lifetime.likelihood import Floats, Optimum, blocks
from shopkeeper.analysis.lifetime.predictive import LEVELS, ROWS, SEED, Shop
from shopkeeper.analysis.lifetime.totals import Doubt, doubt_about_shop, interval

REPEAT_BUYERS = 100  # with fewer the parameters say little, and nothing is expected of anybody
MOST = 7  # customers with so many purchases or more share a row
SAMPLE = 20_000  # customers whose own intervals are tried
ERROR_FACTOR = 2.0  # a model that promised twice or half of what came is not used
ENOUGH = 100  # purchases in the holdout, from which on that is judged


@dataclass(frozen=True)
class Fitted:
    """Both models of the shop, and why they may not be used; `why_not` is empty when they may."""

    purchases: Optimum | None
    spend: Optimum | None
    why_not: str

    def models(self) -> tuple[Optimum, Optimum]:
        """Both; only when `why_not` is empty."""
        assert self.purchases is not None, self.why_not
        assert self.spend is not None, self.why_not
        return self.purchases, self.spend

    def shop(self, margin_share: float) -> Shop:
        purchases, spend = self.models()
        return Shop(BgNbd.of(purchases), GammaGamma.of(spend), margin_share)


def fit_shop(known: Histories, average: Floats) -> Fitted:
    """Fit BG/NBD on all buyers and Gamma-Gamma on those who bought again; `average` spend per repeat purchase."""
    again = known.repeats > 0
    if again.sum() < REPEAT_BUYERS:
        return Fitted(None, None, f"{int(again.sum())} customers bought again, fewer than {REPEAT_BUYERS}")
    purchases = bg_nbd.fit(known)
    spend = gamma_gamma.fit(known.repeats[again], average[again])
    if purchases.why_not:
        return Fitted(purchases, spend, f"purchases: {purchases.why_not}")
    if spend.why_not:
        return Fitted(purchases, spend, f"spend: {spend.why_not}")
    if spend.parameters[1] <= 1:
        return Fitted(purchases, spend, "spend: customers differ so much that their mean has no end (q is not above 1)")
    return Fitted(purchases, spend, "")


@dataclass(frozen=True)
class Holdout:
    """Customers as known at the split, and what they did in the `weeks` after it: purchase days and spend."""

    known: Histories
    average: Floats
    weeks: float
    purchases: Floats
    spend: Floats


def calibrate(holdout: Holdout) -> dict[str, Any]:
    """Predicted against actual: by purchases before the split, in all, and the share of customers inside their own interval.

    `why_not` says that the prediction was so far off that nothing may rest on it, or why there is no prediction.
    """
    fitted = fit_shop(holdout.known, holdout.average)
    if fitted.why_not:
        return {"checked": False, "why_not_checked": fitted.why_not, "why_not": ""}
    purchases, spending = fitted.models()
    shop = fitted.shop(1.0)
    predicted = shop.purchases.expected(holdout.known, holdout.weeks)
    spend = predicted * shop.spend.expected_average(holdout.known.repeats, holdout.average)
    covered = _coverage(shop, holdout)
    doubt = Doubt(doubt_about_shop(purchases, spending, holdout.known, holdout.average, holdout.weeks), Doubt.none().contracts)
    # the luck of the total, from that of the customers sampled
    variance = np.full(len(spend), covered.pop("spend_variance"))
    low, high = interval(spend, np.zeros(len(spend)), variance, doubt)
    bought, promised = float(holdout.purchases.sum()), float(predicted.sum())
    is_off = max(bought, promised) >= ENOUGH and not 1 / ERROR_FACTOR < promised / max(bought, 1.0) < ERROR_FACTOR
    return {
        "checked": True,
        "why_not": f"held out: {promised:.0f} purchases were promised and {bought:.0f} came" if is_off else "",
        "customers": len(holdout.known),
        "weeks": holdout.weeks,
        "bg_nbd": dict(zip(("r", "alpha", "a", "b"), purchases.parameters.tolist(), strict=True)),
        "gamma_gamma": dict(zip(("p", "q", "gamma"), spending.parameters.tolist(), strict=True)),
        "by_repeat_purchases": by_repeats(holdout.known.repeats, predicted, holdout.purchases),
        "purchases_predicted": promised,
        "purchases_actual": bought,
        "purchases_error": promised / bought - 1 if bought else None,
        "spend_predicted": float(spend.sum()),
        "spend_low": low,
        "spend_high": high,
        "spend_actual": float(holdout.spend.sum()),
        **covered,
    }


def by_repeats(repeats: Floats, predicted: Floats, actual: Floats) -> list[dict[str, Any]]:
    """Means per customer by the number of repeat purchases before the split; the last row is for MOST and more."""
    kind = np.minimum(repeats, MOST).astype(int)
    counts = np.bincount(kind, minlength=MOST + 1)
    means = [np.bincount(kind, values, MOST + 1) / np.maximum(counts, 1) for values in (predicted, actual)]
    return [
        {"repeat_purchases": n, "customers": int(counts[n]), "predicted": float(means[0][n]), "actual": float(means[1][n])}
        for n in range(MOST + 1)
        if counts[n]
    ]


def _coverage(shop: Shop, holdout: Holdout) -> dict[str, float]:
    """How many customers ended inside their own 95 % interval, of purchases and of spend, among a sample of them."""
    random = np.random.default_rng([SEED, 4])
    count = len(holdout.known)
    chosen = np.sort(random.choice(count, SAMPLE, replace=False)) if count > SAMPLE else np.arange(count)
    inside = np.zeros(2)
    variance = 0.0
    for part in blocks(len(chosen), ROWS):
        rows = chosen[part]
        known, average = holdout.known[rows], holdout.average[rows]
        bought, _, _ = shop.draw_purchases(known, holdout.weeks, random)
        spend = shop.draw_spend(known, average, bought, random)
        variance += float(spend.var(axis=1).sum())
        for number, (drawn, actual) in enumerate(((bought, holdout.purchases[rows]), (spend, holdout.spend[rows]))):
            low, high = np.quantile(drawn, LEVELS, axis=1)
            inside[number] += np.count_nonzero((low <= actual) & (actual <= high))
    shares = inside / len(chosen)
    return {"covered_purchases": float(shares[0]), "covered_spend": float(shares[1]), "spend_variance": variance / len(chosen)}
