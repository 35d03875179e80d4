"""What was planted in the sample company beside what the published marts say: one table, and whether each interval holds its truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

HEADS = ("what", ">planted", ">estimated", "95 % interval", "holds it")
Z = 1.959964

# an estimate with the low and the high end of its interval
Estimate = tuple[float | None, float | None, float | None]


@dataclass(frozen=True)
class Compared:
    """One figure. Without an estimate `why_not` says why it was not published; without an interval nothing is held against it."""

    what: str
    planted: float
    estimate: Estimate
    unit: str = ""
    decimals: int = 2
    why_not: str = ""

    @property
    def holds(self) -> bool | None:
        _, low, high = self.estimate
        return None if low is None or high is None else low <= self.planted <= high

    def cells(self) -> list[str]:
        estimated, low, high = ("" if number is None else f"{number:,.{self.decimals}f}" for number in self.estimate)
        interval = "" if self.holds is None else f"{low} to {high}"
        holds = {None: self.why_not, True: "yes", False: "no"}[self.holds]
        what = f"{self.what} ({self.unit})" if self.unit else self.what
        return [what, f"{self.planted:,.{self.decimals}f}", estimated, interval, holds]


def compare(connection: sa.Connection, truth: Mapping[str, Any]) -> list[Compared]:
    """Every planted figure that some published mart estimates, in the order of the parts below."""
    found: list[Compared] = []
    for mart, part in PARTS:
        if connection.scalar(sa.text("select to_regclass(:name)"), {"name": mart}) is not None:
            found += part(connection, truth)
    return found


def _scores(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    query = """
        select programme, nps, nps_low, nps_high, nps_weighted, nps_weighted_low, nps_weighted_high
        from marts.nps_current where dimension = 'all' and metric = 'nps'
    """
    estimates = _by(connection, query, "programme")
    for programme, cell in truth["nps_current"].items():
        if isinstance(cell, dict) and cell.get("nps") is not None and programme in estimates:
            score = estimates[programme]
            told = "hidden" if score.nps is None else ""
            interval = _estimate(score.nps, score.nps_low, score.nps_high)
            yield Compared(f"NPS, {programme}", cell["nps"], interval, "points", decimals=1, why_not=told)
            weighted = _estimate(score.nps_weighted, score.nps_weighted_low, score.nps_weighted_high)
            told = told or ("" if score.nps_weighted is not None else "no weights")
            yield Compared(f"NPS weighted, {programme}", cell["nps"], weighted, "points", decimals=1, why_not=told)


def _moves(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    query = """
        select from_band || '_to_' || to_band as move, effect, effect_low, effect_high, verdict
        from marts.band_conversion_values where metric = 'nps' and segment = 'all'
    """
    estimates = _by(connection, query, "move")
    for move, planted in truth["margins"]["effect"].items():
        if estimate := estimates.get(move):
            interval = _estimate(estimate.effect, estimate.effect_low, estimate.effect_high)
            what = f"moving a {move.replace('_', ' ')}"
            yield Compared(what, planted, interval, "€ in 12 months", why_not=f"refused: {estimate.verdict}")


def _shop(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    query = """
        select estimates from analysis.fits
        where build_id = (select build_id from ops.current_build) and analysis = 'lifetime value' and estimates ->> 'unit' = 'weeks'
    """
    estimates: dict[str, Any] = connection.scalar(sa.text(query)) or {}
    for model, name in (("bg_nbd", "BG/NBD"), ("gamma_gamma", "Gamma-Gamma")):
        for letter, planted in truth["parameters"]["value"]["shop"][model].items():
            if found := estimates.get(model, {}).get(letter):
                interval = _estimate(found["estimate"], found["low"], found["high"])
                yield Compared(f"shop, {name} {letter}", planted, interval, decimals=3)


def _referrals(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    """By share, among recommendations of customers who had answered the wave before."""
    query = """
        select latest.band, count(*) as referrals
        from marts.fct_referrals as referrals
        cross join lateral (
            select band from marts.fct_survey_responses as answers
            where customer_id = referrals.referrer_customer_id and programme = 'relationship' and metric = 'nps'
                and excluded_reason is null and band is not null
                and responded_on < referrals.referred_joined_on and responded_on > referrals.referred_joined_on - 200
            order by responded_at desc limit 1
        ) as latest
        where referrals.is_kept and referrals.origin = 'record'
        group by latest.band
    """
    counts = {band: row.referrals for band, row in _by(connection, query, "band").items()}
    planted = {band: truth["referrals"].get(f"answered_by_{band}", 0) for band in ("detractor", "passive", "promoter")}
    if not counts or not sum(planted.values()):
        return
    for band, number in planted.items():
        share = counts.get(band, 0) / sum(counts.values())
        what = f"recommendations by who was a {band} at the wave before"
        yield Compared(what, 100 * number / sum(planted.values()), _share(share, sum(counts.values())), "%", decimals=1)


def _growth(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    """Retention and revenue by origin are counted, not estimated; what nobody knows the origin of makes the rate a range."""
    told = truth.get("earned_growth")
    if told is None or told["earned_growth_rate"] is None:
        return
    query = f"select * from marts.earned_growth where period_grain = 'year' and period_starts_on = date '{told['year']:d}-01-01'"
    row = connection.execute(sa.text(query)).one_or_none()
    if row is None or not row.is_comparable:
        return
    year = told["year"]
    kept = (_percent(row.net_revenue_retention), None, None)
    yield Compared(f"net revenue retention {year}", 100 * told["net_revenue_retention"], kept, "%", decimals=1)
    for name in ("earned_new_revenue", "bought_new_revenue"):
        what = f"{name.replace('_', ' ')} {year}"
        yield Compared(what, told[name], (float(getattr(row, name)), None, None), "€", decimals=0)
    low, high = _percent(row.earned_growth_rate_low), _percent(row.earned_growth_rate_high)
    yield Compared(f"earned growth {year}, a range", 100 * told["earned_growth_rate"], (None, low, high), "%", decimals=1)


def _offers(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    query = """
        select offer_type, effect, effect_low, effect_high, verdict from marts.offer_effects
        where metric = 'nps' and period_grain = 'rolling_365_days' and contrast = 'made'
    """
    estimates = _by(connection, query, "offer_type")
    for kind, planted in truth.get("offers", {}).get("effect", {}).items():
        if estimate := estimates.get(kind):
            interval = _estimate(estimate.effect, estimate.effect_low, estimate.effect_high)
            what = "offering anything" if kind == "all" else f"offering {kind}"
            yield Compared(what, planted, interval, "points", decimals=1, why_not=f"refused: {estimate.verdict}")


def _themes(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    query = """
        select theme, theme_name, share, share_low, share_high from marts.theme_trends
        where programme = 'transactional' and metric = 'nps' and period_grain = 'rolling_28_days'
            and dimension = 'product' and dimension_value = :product and is_emerging
    """
    told = truth.get("product_fault", {})
    rows = connection.execute(sa.text(query), {"product": told.get("product")}).all()
    found = {row.theme: row for row in rows}
    for theme, planted in told.get("share", {}).items():
        row = found.get(theme)
        what = f"{told['product']}: {row.theme_name.lower() if row else theme}"
        interval = _estimate(row.share, row.share_low, row.share_high) if row else (None, None, None)
        yield Compared(what, planted, interval, "% of comments", decimals=1, why_not="not found to be emerging")


def _drivers(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    """Had all calls and claims been settled the same day."""
    query = """
        select promoters_if_all, promoters_if_all_low, promoters_if_all_high,
            detractors_if_all, detractors_if_all_low, detractors_if_all_high, verdict
        from marts.driver_effects
        where programme = 'transactional' and metric = 'nps' and dimension = 'all' and driver = 'resolution_band' and level = 'same day'
    """
    told = truth.get("drivers", {}).get("all_settled_the_same_day", {})
    row = connection.execute(sa.text(query)).one_or_none()
    if row is None:
        return
    for name, planted in told.items():
        interval = _estimate(*(getattr(row, f"{name}_if_all{end}") for end in ("", "_low", "_high")))
        what = f"{name}, had all been settled the same day"
        yield Compared(what, planted, interval, "points", decimals=1, why_not=f"refused: {row.verdict}")


def _panel(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    """Of the newest quarter that is over; the planted scores are those of every quarter."""
    query = """
        select competitor, nps_weighted, nps_weighted_low, nps_weighted_high, gap, gap_low, gap_high
        from marts.benchmark_nps
        where period_grain = 'quarter' and period_ends_on < (select as_of_on from ops.current_build)
        order by period_starts_on
    """
    estimates, told = _by(connection, query, "competitor"), truth.get("panel", {"nps": {}, "gap": {}})
    for name, planted in told["nps"].items():
        if row := estimates.get(name):
            interval = _estimate(row.nps_weighted, row.nps_weighted_low, row.nps_weighted_high)
            yield Compared(f"NPS in the panel, {name}", planted, interval, "points", decimals=1, why_not="hidden")
    for name, planted in told["gap"].items():
        if row := estimates.get(name):
            interval = _estimate(row.gap, row.gap_low, row.gap_high)
            yield Compared(f"ahead of {name}", planted, interval, "points", decimals=1, why_not="hidden")


def _employees(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    query = "select period, nps, nps_low, nps_high from marts.employee_nps where unit_kind = 'everybody' and metric = 'nps'"
    estimates = _by(connection, query, "period")
    for survey in truth.get("employees", ()):
        if row := estimates.get(survey["period"]):
            interval = _estimate(row.nps, row.nps_low, row.nps_high)
            yield Compared(f"NPS of employees, {survey['period']}", survey["nps"], interval, "points", decimals=1, why_not="hidden")


def _goals(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    """Of goals whose period is over; and which ones were made so that their parts do not add up to them."""
    told = truth.get("goals", {"score": {}, "not_adding_up": []})
    found = _by(connection, "select * from marts.goal_attainment", "goal_id")
    for name, planted in told["score"].items():
        if planted is not None and (goal := found.get(name)):
            interval = _estimate(goal.nps, goal.nps_low, goal.nps_high)
            yield Compared(
                f"goal {name}, {goal.status.replace('_', ' ')}", planted, interval, "points", decimals=1, why_not="too few answers"
            )
    if judged := [goal for goal in found.values() if goal.is_consistent is not None]:
        parted = {goal.goal_id for goal in judged}
        short = [goal.goal_id for goal in judged if not goal.is_consistent]
        planted = sum(name in parted for name in told["not_adding_up"])
        what = f"goals that their parts fall short of: {', '.join(short) or 'none'}"
        yield Compared(what, planted, (float(len(short)), None, None), decimals=0)


def _initiatives(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    query = "select initiative_id, title, effect, effect_low, effect_high, effect_verdict from marts.initiative_priorities"
    estimates = _by(connection, query, "initiative_id")
    for name, planted in truth.get("initiatives", {}).items():
        if row := estimates.get(name):
            interval = _estimate(row.effect, row.effect_low, row.effect_high)
            yield Compared(row.title, planted, interval, "points", decimals=1, why_not=f"refused: {row.effect_verdict}")


def _silent(connection: sa.Connection, truth: Mapping[str, Any]) -> Iterator[Compared]:
    """Modelled: what those who did not answer would have said."""
    query = """
        select programme || ' ' || dimension_value as cell, predicted_nps, predicted_nps_low, predicted_nps_high
        from marts.predicted_scores where metric = 'nps' and dimension in ('all', 'segment')
    """
    estimates = _by(connection, query, "cell")
    refused = """
        select programme, verdict from marts.predicted_quality where metric = 'nps' and verdict not like 'not chosen%'
    """
    verdicts = _by(connection, refused, "programme")
    for programme, cells in truth.get("silent", {}).items():
        for value, told in cells.items():
            row = estimates.get(f"{programme} {value}")
            interval = _estimate(row.predicted_nps, row.predicted_nps_low, row.predicted_nps_high) if row else (None, None, None)
            why_not = "hidden" if row else verdicts[programme].verdict if programme in verdicts else "nobody is silent"
            what = f"NPS of the silent, modelled, {programme}" + ("" if value == "all" else f", {value}")
            yield Compared(what, told["nps"], interval, "points", decimals=1, why_not=why_not)


Part = Callable[[sa.Connection, Mapping[str, Any]], Iterator[Compared]]
PARTS: tuple[tuple[str, Part], ...] = (
    ("marts.nps_current", _scores),
    ("marts.band_conversion_values", _moves),
    ("analysis.fits", _shop),
    ("marts.fct_referrals", _referrals),
    ("marts.earned_growth", _growth),
    ("marts.offer_effects", _offers),
    ("marts.benchmark_nps", _panel),
    ("marts.employee_nps", _employees),
    ("marts.driver_effects", _drivers),
    ("marts.theme_trends", _themes),
    ("marts.predicted_scores", _silent),
    ("marts.initiative_priorities", _initiatives),
    ("marts.goal_attainment", _goals),
)


def _by(connection: sa.Connection, query: str, key: str) -> dict[str, Any]:
    return {getattr(row, key): row for row in connection.execute(sa.text(query))}


def _estimate(estimate: Any, low: Any, high: Any) -> Estimate:
    return tuple(None if number is None else float(number) for number in (estimate, low, high))  # type: ignore[return-value]


def _percent(share: Any) -> float | None:
    return None if share is None else 100 * float(share)


def _share(share: float, n: int) -> Estimate:
    """In per cent, with its Wilson interval."""
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * (share * (1 - share) / n + Z**2 / (4 * n**2)) ** 0.5 / (1 + Z**2 / n)
    return 100 * share, 100 * (centre - half), 100 * (centre + half)
