"""Builds the page on the economics of loyalty from the newest publication: one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from shopkeeper.errors import fail
from shopkeeper.quality import sites
from shopkeeper.quality.economics import queries
from shopkeeper.quality.report.layout import Row
from shopkeeper.quality.report.reading import rows

BAND_NAMES = {"promoter": "Promoters", "passive": "Passives", "detractor": "Detractors", "never_answered": "Never answered"}


@dataclass(frozen=True)
class Measure:
    """A column of a mart with its _low, _high and _n: heading, what one number is, and how it is written (money, share, rate)."""

    name: str
    title: str
    note: str
    kind: str = "rate"


EXPECTED = Measure("lifetime_value_expected", "Expected lifetime value", "expected over the company's horizon, discounted", "money")
TO_DATE = Measure("lifetime_value_to_date", "Lifetime value to date", "revenue less all known costs, per customer", "money")
BEHAVIOUR = (
    TO_DATE,
    Measure("annual_spend", "Spend", "per customer and year", "money"),
    Measure("retention", "Retention", "bought the year before and again in the last one", "share"),
    Measure("share_of_wallet", "Share of wallet", "our part of what they spend in the category", "share"),
    Measure("referrals_made", "Recommendations that brought somebody", "per customer, to date"),
    Measure("complaints_per_customer_year", "Complaints", "per customer and year"),
    Measure("service_calls_per_customer_year", "Service calls", "per customer and year"),
    Measure("cost_to_serve", "Cost to serve", "per customer, to date", "money"),
    Measure("acquisition_cost", "Acquisition cost", "per customer", "money"),
)
FIRST_YEAR = Measure("first_year", "First year of a customer brought", "margin, by what the recommender had answered last", "money")


@dataclass(frozen=True)
class Bar:
    """One bar of a picture: its text, and where bar and whisker lie on the track, in per cent of its width."""

    name: str
    css: str
    value: str
    interval: str
    n: int
    start: float = 0
    width: float = 0
    low: float = 0
    reach: float = 0


@dataclass(frozen=True)
class Picture:
    name: str
    title: str
    note: str
    bars: tuple[Bar, ...]
    zero: float


def build_economics(engine: sa.Engine, company: str) -> bytes:
    """The page on the newest publication, as a zip that holds index.html; `company` is the name at its head.

    It prints no clock: the same publication gives the same page.

    Raises ShopkeeperError when nothing has been published yet.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        return sites.one_page(_render(_page(connection) | {"company": company}))


def _render(page: Row) -> str:
    environment = Environment(loader=PackageLoader("shopkeeper.quality", "."), autoescape=True, undefined=StrictUndefined)
    css = "".join(environment.get_template(name).render() for name in ("report/static/report.css", "economics/page.css"))
    return environment.get_template("economics/page.html.j2").render(page=page, css=Markup(css))  # our own files, no input


def _page(connection: sa.Connection) -> Row:
    found = rows(connection, queries.PUBLICATION)
    if not found:
        raise fail("economics", "nothing has been published yet", "./shopkeeper run")
    publication = found[0]
    currency = publication["company_currency"]
    bands = sorted(rows(connection, queries.BANDS), key=lambda row: list(BAND_NAMES).index(row["band"]))
    metric = bands[0]["metric"] if bands else None
    growth = rows(connection, queries.GROWTH)
    headline = _headline(bands, currency)
    return {
        "publication_id": publication["publication_id"],
        "as_of": f"{publication['as_of'].astimezone(ZoneInfo(publication['company_timezone'])):%Y-%m-%d}",
        "hidden_below": publication["hidden_below"],
        "currency": currency,
        "headline": headline,
        "pictures": [
            picture
            for measure in BEHAVIOUR
            if (picture := _draw(measure, bands, currency)) and not (headline and picture.name == headline.name)
        ],
        "moves": [_move(row, currency) for row in rows(connection, queries.MOVES, metric=metric)],
        "growth": [_growth(grain, [row for row in growth if row["period_grain"] == grain]) for grain in ("year", "quarter")],
        "referrals": _referrals(rows(connection, queries.REFERRALS), publication["hidden_below"], currency),
    }


# --- what is drawn ---------------------------------------------------------------------------------------------------


def _headline(bands: Sequence[Row], currency: str) -> Picture | None:
    """What a customer of each band is expected to bring; where no model says so, what customers brought to date."""
    return _draw(EXPECTED, bands, currency) or _draw(TO_DATE, bands, currency)


def _draw(measure: Measure, bands: Sequence[Row], currency: str) -> Picture | None:
    """A bar per band with its interval; nothing where no band has a value to show."""
    name = measure.name
    if all(row[name] is None for row in bands):
        return None
    ends = [float(row[part]) for row in bands for part in (name, f"{name}_low", f"{name}_high") if row[part] is not None]
    place = _Scale(ends)
    return Picture(name, measure.title, measure.note, tuple(_bar(measure, row, currency, place) for row in bands), place(0))


class _Scale:
    """Maps values to per cent of a track that holds 0 and all of them."""

    def __init__(self, values: Iterable[float]) -> None:
        known = [0.0, *values]
        self.lowest = min(known)
        self.span = (max(known) - self.lowest) or 1.0

    def __call__(self, value: float) -> float:
        return round(100 * (value - self.lowest) / self.span, 2)


def _bar(measure: Measure, row: Row, currency: str, place: _Scale) -> Bar:
    value, low, high, n = (row[f"{measure.name}{part}"] for part in ("", "_low", "_high", "_n"))
    name, css = BAND_NAMES[row["band"]], row["band"]
    if value is None:
        return Bar(name, css, "hidden" if n else "not known", "", n)
    start, end = sorted((place(0), place(float(value))))
    written = _written(value, measure.kind, currency)
    if low is None or high is None:
        return Bar(name, css, written, "", n, start, end - start)
    interval = f"{_written(low, measure.kind)} to {_written(high, measure.kind)}"
    left = place(float(low))
    return Bar(name, css, written, interval, n, start, end - start, left, place(float(high)) - left)


def _written(value: Any, kind: str, currency: str = "") -> str:
    number = float(value)
    if kind == "money":
        text = f"{number:,.0f} {currency}".rstrip()
    elif kind == "share":
        text = f"{100 * number:.1f} %" if currency else f"{100 * number:.1f}"
        text = text.replace("-0.0", "0.0")
    else:
        text = f"{number:.2f}"
    return text.replace("-", "−")


def _move(row: Row, currency: str) -> Row:
    is_usable = row["is_usable"]
    return {
        "from": BAND_NAMES[row["from_band"]].lower().removesuffix("s"),
        "to": BAND_NAMES[row["to_band"]].lower().removesuffix("s"),
        "effect": _written(row["effect"], "money", currency) if is_usable else None,
        "interval": f"{_written(row['effect_low'], 'money')} to {_written(row['effect_high'], 'money')}" if is_usable else None,
        "naive": None if row["naive_difference"] is None else _written(row["naive_difference"], "money", currency),
        "customers": row["customers"],
        "kept": row["customers_kept"],
        "speaks_for": row["speaks_for"],
        "verdict": row["verdict"],
        "verdict_class": "sound" if is_usable else "care",
    }


def _growth(grain: str, periods: Sequence[Row]) -> Row:
    """Per period how far growth and its earned part reach: the part lies between two ends where origins are unknown."""
    ends = [float(row[name]) for row in periods for name in ("growth_rate", "earned_growth_rate_low", "earned_growth_rate_high")]
    place = _Scale(ends)
    drawn = []
    for row in periods:
        low, high, growth = (float(row[name]) for name in ("earned_growth_rate_low", "earned_growth_rate_high", "growth_rate"))
        start, end = sorted((place(0), place(growth)))
        drawn.append(
            {
                "name": _period(grain, row),
                "growth": _written(growth, "share", "%"),
                "retention": _written(row["net_revenue_retention"], "share", "%"),
                "earned": _range(low, high),
                "n": row["customers_before"],
                "start": start,
                "width": end - start,
                "low": place(low),
                "reach": max(place(high) - place(low), 0),
            }
        )
    return {"grain": grain, "periods": drawn, "zero": place(0)}


def _range(low: float, high: float) -> str:
    ends = _written(low, "share"), _written(high, "share")
    return f"{ends[0]} %" if ends[0] == ends[1] else f"{ends[0]} to {ends[1]} %"


def _period(grain: str, row: Row) -> str:
    first, last = row["period_starts_on"], row["period_ends_on"]
    if grain == "year":
        return f"{first:%Y}" if first.month == 1 else f"{first:%b %Y} to {last:%b %Y}"
    return f"{first:%b} to {last:%b %Y}"


def _referrals(bands: Sequence[Row], hidden_below: int, currency: str) -> Row:
    """What customers who were recommended to us brought in their first year, by what the recommender had last answered."""
    drawn = []
    for row in sorted(bands, key=lambda row: list(BAND_NAMES).index(row["band"])):
        is_shown = row["n"] >= hidden_below
        mean, half = (float(row[name]) if is_shown else None for name in ("mean", "half_width"))
        drawn.append(
            row
            | {
                "first_year": mean,
                "first_year_low": None if mean is None or half is None else mean - half,
                "first_year_high": None if mean is None or half is None else mean + half,
                "first_year_n": row["n"],
            }
        )
    total = sum(float(row["total"] or 0) for row in bands)
    return {
        "count": sum(row["referrals"] for row in bands),
        "years_over": sum(row["n"] for row in bands),
        "total": _written(total, "money", currency),
        "picture": _draw(FIRST_YEAR, drawn, currency) if drawn else None,
    }
