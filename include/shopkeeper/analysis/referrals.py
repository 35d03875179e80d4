"""What recommendations brought: the conserved ledger of the referral forest, and customer referral value by type.

Source of the referral value: Kumar, Petersen, Leone (2010), Driving Profitability by Encouraging Customer Referrals,
Journal of Marketing 74(5). The ledger is exact: it is kept in whole units of 1/10000 of the currency.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from shopkeeper.analysis import columns
from shopkeeper.company.config import Company
from shopkeeper.warehouse.analysis_tables import FITS, REFERRAL_LEDGER

Whole = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]

UNIT = Decimal("0.0001")  # of the company's currency: the last digit of every amount in the marts
PLACES_OF_SHARE = 9  # of the share that is passed up: more would not fit into 64 bits on the way

_CUSTOMERS = """
    select customer_id, cast(lifetime_value_to_date * 10000 as bigint) as own
    from intermediate.int_customers__values
    where lifetime_value_to_date is not null
    order by customer_id
"""
_EDGES = """
    select judged.referrer_customer_id as parent, judged.referred_customer_id as child, tree.depth
    from intermediate.int_referrals__tree as tree
    inner join intermediate.int_referrals__judged as judged using (referral_key)
"""
_FLOWS = """
    select referral_key, referrer_customer_id as referrer, year_number as year, would_have_come_anyway as anyway,
        coalesce(net_margin, 0) as margin, coalesce(saved_acquisition, 0) as saved
    from intermediate.int_referrals__yearly
    order by referral_key, year_number
"""


def levels(depth: Whole) -> Iterator[Whole]:
    """Places of the nodes of each depth, deepest first; roots, whose depth is 0, are left out."""
    order = np.argsort(-depth, kind="stable")
    below = order[: np.count_nonzero(depth)]
    return iter(np.split(below, np.flatnonzero(np.diff(depth[below])) + 1)) if len(below) else iter(())


def hold(own: Whole, parent: Whole, depth: Whole, passed_up: Decimal) -> Whole:
    """What each node holds once every node but the roots has passed the share `passed_up` of all that it held to its parent.

    `own` is in whole units; `parent` is a place, -1 for a root; `depth` is 0 for roots and the parent's plus 1 for all others.
    What is passed is rounded to a whole unit and the rest stays, so the sum is that of `own`, to the unit.
    """
    share = Fraction(round(passed_up, PLACES_OF_SHARE))
    held = own.copy()
    for level in levels(depth):
        # held × share without leaving 64 bits: whole multiples of the denominator, and what is over
        whole, over = np.divmod(held[level], share.denominator)
        passed = whole * share.numerator + (2 * over * share.numerator + share.denominator) // (2 * share.denominator)
        held[level] -= passed
        np.add.at(held, parent[level], passed)
    return held


def below(own: Whole, parent: Whole, depth: Whole) -> Whole:
    """The sum of `own` over everyone below each node. Arguments as of `hold`."""
    total = np.zeros_like(own)
    for level in levels(depth):
        np.add.at(total, parent[level], own[level] + total[level])
    return total


@dataclass(frozen=True)
class Flows:
    """What referred customers brought: one entry per referral (its place) and year (1, 2, …); money in the company's currency."""

    referral: Whole
    year: Whole
    net_margin: Numbers
    saved_acquisition: Numbers


def referral_values(flows: Flows, referrer: Whole, anyway: Whole, *, rate: float, referrers: int) -> tuple[Numbers, Numbers]:
    """Customer referral value of each of `referrers`, (low, high), discounted at `rate` a year.

    `referrer` and `anyway` are of each referral: whose it is, and whether the customer who came would have come anyway: 0 no (type
    1: net margin and saved acquisition cost count), 1 yes (type 2: the saved cost alone), -1 unknown, where the range goes
    from the lower of both to the higher. A referrer without referrals gets 0.
    """
    now = (1 + rate) ** -flows.year.astype(np.float64)
    brought = np.bincount(flows.referral, flows.net_margin * now, len(referrer))
    saved = np.bincount(flows.referral, flows.saved_acquisition * now, len(referrer))
    least = saved + np.select([anyway == 0, anyway == 1], [brought, 0.0], np.minimum(brought, 0))
    most = saved + np.select([anyway == 0, anyway == 1], [brought, 0.0], np.maximum(brought, 0))
    low: Numbers = np.bincount(referrer, least, referrers).astype(np.float64)
    high: Numbers = np.bincount(referrer, most, referrers).astype(np.float64)
    return low, high


def analyse(connection: sa.Connection, build_id: int, company: Company) -> dict[str, Any]:
    """Write `analysis.referral_ledger`: one row per customer with a lifetime value to date; without revenue from finance, none.

    Returns how many customers and referrals there are, how deep the forest is, and the two sums that must be equal.
    """
    people, edges, flows = (columns.read(connection, query) for query in (_CUSTOMERS, _EDGES, _FLOWS))
    own: Whole = people["own"].to_numpy()
    known: pa.ChunkedArray = people["customer_id"]
    parent, depth = np.full(len(own), -1), np.zeros(len(own), np.int64)
    child = _places(edges["child"], known)
    inside = child >= 0
    parent[child[inside]] = _places(edges["parent"], known)[inside]
    depth[child[inside]] = edges["depth"].to_numpy()[inside]
    held = hold(own, parent, depth, company.referrals.passed_up)
    low, high = _referral_values(flows, known, float(company.lifetime_value.discount_rate))
    # rows about customers are kept for the build at work alone, and a million rows are forgotten faster at once than one by one
    connection.execute(sa.text(f"truncate {REFERRAL_LEDGER.fullname}"))
    columns.write(
        connection,
        REFERRAL_LEDGER,
        build_id,
        {
            "customer_id": known,
            "own_value": money(own),
            "tree_value": money(below(own, parent, depth)),
            "ledger_value": money(held),
            "referral_value_low": np.round(low, 4),
            "referral_value_high": np.round(high, 4),
        },
    )
    found = {
        "customers": len(own),
        "referrals": int(np.count_nonzero(depth)),
        "deepest": int(depth.max(initial=0)),
        "passed_up": str(company.referrals.passed_up),
        "discount_rate": str(company.lifetime_value.discount_rate),
        "own": str(int(own.sum()) * UNIT),
        "held": str(int(held.sum()) * UNIT),
    }
    connection.execute(sa.delete(FITS).where(FITS.c.build_id == build_id, FITS.c.analysis == "referrals"))
    connection.execute(sa.insert(FITS).values(build_id=build_id, analysis="referrals", part="ledger", estimates=found))
    return found


def money(units: Whole) -> pa.Array:
    """Whole units as decimals with four places, to the last digit."""
    # an Arrow decimal is a whole number of 128 bits, the lower half first; the upper half of a small one repeats its sign
    wide = np.stack([units, units >> 63], axis=1)
    return pa.Array.from_buffers(pa.decimal128(38, 4), len(units), [None, pa.py_buffer(np.ascontiguousarray(wide))])


def _referral_values(read: pa.Table, known: pa.ChunkedArray, rate: float) -> tuple[Numbers, Numbers]:
    of = _places(read["referrer"], known)
    read, of = read.filter(pa.array(of >= 0)), of[of >= 0]
    place = np.asarray(pc.dictionary_encode(read["referral_key"].combine_chunks()).indices).astype(np.int64)
    _, first = np.unique(place, return_index=True)  # places are numbered in the order in which they appear
    anyway = np.asarray(pc.fill_null(pc.cast(read["anyway"], pa.int8()), -1)).astype(np.int64)
    flows = Flows(place, read["year"].to_numpy(), read["margin"].to_numpy(), read["saved"].to_numpy())
    return referral_values(flows, of[first], anyway[first], rate=rate, referrers=len(known))


def _places(ids: pa.ChunkedArray, known: pa.ChunkedArray) -> Whole:
    """Place of each id among those known; -1 for others."""
    places: Whole = np.asarray(pc.fill_null(pc.index_in(ids, value_set=known.combine_chunks()), -1)).astype(np.int64)
    return places
