"""The truth file: what was planted, to hold every estimate against."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from shopkeeper.demo import attitude, goals, improvement, panel, planted, population, product_fault, staff_survey, value
from shopkeeper.demo.config import BANDS, DAY, PROGRAMMES, RELATIONSHIP, TRANSACTIONAL, Array, SimulationConfig, date_of
from shopkeeper.demo.faults import FAULTS, Tally
from shopkeeper.demo.organisation import BRANCHES, CITIES, branch_code
from shopkeeper.demo.referrals import told as referrals_told
from shopkeeper.demo.simulation import Part, Simulation

CURRENT_DAYS = 90
RESOLUTION_EDGES_HOURS = (24, 72, 168, 336)
RESOLUTION_BANDS = ("same day", "1 to 3 days", "4 to 7 days", "8 to 14 days", "over 14 days")


class Truth:
    """Gathers the truth part by part; all that it keeps are counts and sums."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.config: SimulationConfig = simulation.config
        self._bands: Counter[tuple[Any, ...]] = Counter()
        self._counts: Counter[str] = Counter()
        self._referrals: Counter[str] = Counter()
        self._faults: Counter[tuple[str, str]] = Counter()
        self._margins = np.zeros((3, 3))  # sums of margins: band held × band supposed
        self._held = np.zeros(3, int)
        self._gamed: list[dict[str, Any]] = []
        self._year = planted.last_year(self.config)
        self._growth: dict[str, float] = {}
        self._offers = np.zeros(len(attitude.OFFERS))  # sums of points
        self._could_be_offered = 0
        self._same_day = np.zeros(2)  # sums of points: promoters, detractors
        self._asked_lately = 0
        self._fault_answers, self._fault_mentions = 0, 0.0
        self._silent: dict[tuple[str, str], Array] = {}  # customers, and sums of their chances of the bands
        self._improved, self._improved_answers = 0.0, 0  # sum of points
        self._goals = np.zeros((len(goals.judged(self.config)), 2))  # answers, and sums of marks

    def add(self, part: Part, faults: Tally) -> None:
        frame = part.clean_frame
        inside = frame.in_frame
        band = frame.band
        in_wave = inside & (frame.programme == RELATIONSHIP)
        after = inside & (frame.programme == TRANSACTIONAL)
        current = self._is_current(frame.moment)
        for wave in range(len(self.config.wave_days)):
            self._count(("wave", wave), band[in_wave & (frame.wave == wave)])
        for quarter in np.unique(_quarters(frame.moment[after])):
            self._count(("quarter", str(quarter)), band[after][_quarters(frame.moment[after]) == quarter])
        self._count(("current",), band[after & current])
        self._count(("current with quarantined",), band[(frame.programme == TRANSACTIONAL) & current])
        for branch in range(BRANCHES):
            self._count(("branch", TRANSACTIONAL, branch), band[after & (frame.branch == branch)])
            self._count(("branch", RELATIONSHIP, branch), band[in_wave & (frame.branch == branch)])
        claims = np.flatnonzero(after & (part.events.kind[frame.event] == population.CLAIM))
        hours = (part.events.resolved - part.events.occurred)[frame.event[claims]] / 3600
        place = np.searchsorted(RESOLUTION_EDGES_HOURS, hours, side="right")
        for number in range(len(RESOLUTION_BANDS)):
            self._count(("resolution", number), band[claims][place == number])

        self._counts.update(
            customers=len(part.customers), interactions=len(part.events), complaints=len(part.complaints), postings=len(part.postings)
        )
        for code, name in enumerate(PROGRAMMES):
            of_it = part.frame.programme == code
            self._counts[f"invitations_{name}"] += int((part.frame.drawn & of_it).sum())
            self._counts[f"answers_{name}"] += int((part.frame.answered & of_it).sum())
        self._referrals.update(referrals_told(part.referrals))
        self._referrals.update(planted.referrers(self.config, part))
        for entity, counted in faults.items():
            self._faults.update({(entity, name): number for name, number in counted.items()})
        for held in range(3):
            rows = part.margins.potential[part.margins.band == held]
            self._margins[held] += rows.sum(axis=0)
            self._held[held] += len(rows)
        if self._year is not None:
            of_part = planted.growth(self.config, part, self._year)
            self._growth = {name: self._growth.get(name, 0.0) + amount for name, amount in of_part.items()}
        points = planted.offer_points(self.config, self.simulation.organisation, part)
        self._offers += points.sum(axis=0)
        self._could_be_offered += len(points)
        sooner = planted.same_day_points(self.config, self.simulation.organisation, part)
        self._same_day += sooner.sum(axis=0)
        self._asked_lately += len(sooner)
        improved = planted.improved_points(self.config, self.simulation.organisation, part)
        self._improved += float(improved.sum())
        self._improved_answers += len(improved)
        about_fault, of_each_cause = product_fault.expected(self.config, part)
        self._fault_answers += about_fault
        self._fault_mentions += of_each_cause
        for cell, sums in planted.silent_sums(self.config, self.simulation.organisation, part).items():
            self._silent[cell] = self._silent.get(cell, 0) + sums
        self._goals += goals.sums(self.config, part)
        self._gamed += [
            {**asdict(gamed), "branch": branch_code(gamed.branch), "since": date_of(gamed.since).isoformat(), "part": part.number}
            for gamed in part.gamed
        ]

    def _is_current(self, moment: Array) -> Array:
        return moment >= (self.config.end_day - CURRENT_DAYS) * DAY

    def _count(self, cell: tuple[Any, ...], band: Array) -> None:
        for code in range(3):
            self._bands[(*cell, code)] += int((band == code).sum())

    def _cell(self, *cell: Any) -> dict[str, Any]:
        detractors, passives, promoters = (self._bands[(*cell, code)] for code in range(3))
        total = detractors + passives + promoters
        nps = round(100 * (promoters - detractors) / total, 4) if total else None
        return {"frame": total, "promoters": promoters, "passives": passives, "detractors": detractors, "nps": nps}

    def document(self) -> dict[str, Any]:
        """Plain data for JSON."""
        config = self.config
        waves = [{"wave": date_of(day).isoformat(), **self._cell("wave", wave)} for wave, day in enumerate(config.wave_days)]
        quarters = sorted({str(cell[1]) for cell in self._bands if cell[0] == "quarter"})
        return {
            "config": config.described(),
            "as_of": config.as_of.isoformat(),
            "counts": dict(self._counts),
            "nps_current": {
                "window_days": CURRENT_DAYS,
                "window": [date_of(config.end_day - CURRENT_DAYS).isoformat(), config.ends_on.isoformat()],
                "relationship": {**waves[-1], "is_in_window": bool(config.wave_days[-1] >= config.end_day - CURRENT_DAYS)},
                "transactional": {**self._cell("current"), "with_quarantined": self._cell("current with quarantined")},
            },
            "nps_by_wave": waves,
            "nps_by_quarter_transactional": [{"quarter": quarter, **self._cell("quarter", quarter)} for quarter in quarters],
            "branches": [
                {
                    "branch": branch_code(branch),
                    "name": CITIES[branch],
                    "promoter_share_effect": round(float(self.simulation.organisation.branch_effect[branch]), 6),
                    "relationship": self._cell("branch", RELATIONSHIP, branch),
                    "transactional": self._cell("branch", TRANSACTIONAL, branch),
                }
                for branch in range(BRANCHES)
            ],
            "claims_by_time_to_resolution": [{"band": name, **self._cell("resolution", i)} for i, name in enumerate(RESOLUTION_BANDS)],
            "margins": self._margins_told(),
            "parameters": {**attitude.described(), "value": value.described(config)},
            "gaming": self._gamed,
            "referrals": dict(self._referrals),
            "earned_growth": None if self._year is None else planted.growth_told(self._year, self._growth),
            "offers": self._offers_told(),
            "panel": panel.truth(),
            "employees": staff_survey.truth(config, self.simulation.organisation),
            "drivers": self._drivers_told(),
            "product_fault": self._fault_told(),
            "silent": self._silent_told(),
            "initiatives": self._initiatives_told(),
            "goals": goals.told(self.config, self._goals),
            "faults": [
                {"entity": f.entity, "fault": f.name, "rows": self._faults[(f.entity, f.name)], "fate": f.fate, "is_extra_row": f.is_extra}
                for f in FAULTS
            ],
        }

    def _fault_told(self) -> dict[str, Any]:
        """Percent of the words about the product, in its bad weeks, that name each cause."""
        share = round(100 * self._fault_mentions / max(1, self._fault_answers), 4)
        return {
            "product": product_fault.product(),
            "days": product_fault.DAYS,
            "answers": self._fault_answers,
            "share": dict.fromkeys(product_fault.CAUSES, share),
        }

    def _initiatives_told(self) -> dict[str, float]:
        """Initiative → points of score that it brings among the answers about calls and claims where it is done."""
        return {improvement.INITIATIVE: round(self._improved / self._improved_answers, 4)} if self._improved_answers else {}

    def _silent_told(self) -> dict[str, Any]:
        """Points that those asked lately who gave no answer would have given, had they: of each programme, `all` and by segment."""
        told: dict[str, Any] = {name: {} for name in PROGRAMMES}
        for (programme, segment), (customers, detractors, _, promoters) in sorted(self._silent.items()):
            if customers:
                nps = round(100 * float(promoters - detractors) / float(customers), 4)
                told[programme][segment] = {"customers": int(customers), "nps": nps}
        return told

    def _offers_told(self) -> dict[str, Any]:
        """Points that an offer adds, over all calls and claims of a year that a survey follows. `all`: any offer."""
        points = self._offers / max(1, self._could_be_offered)
        by_type = dict(zip(attitude.OFFERS, points.round(4).tolist(), strict=True))
        return {"days": planted.OFFER_DAYS, "effect": {**by_type, "all": round(float(points.mean()), 4)}}

    def _drivers_told(self) -> dict[str, Any]:
        """Points of promoters and detractors among a year's answers about calls and claims, had all been settled the same day."""
        promoters, detractors = (self._same_day / max(1, self._asked_lately)).round(4).tolist()
        return {"days": planted.DRIVER_DAYS, "all_settled_the_same_day": {"promoters": promoters, "detractors": detractors}}

    def _margins_told(self) -> dict[str, Any]:
        """Means in euros over all who were customers on the anchor wave's day."""
        everyone = self._margins.sum(axis=0) / max(1, self._held.sum())
        moves = ((0, 1), (1, 2), (0, 2))
        with np.errstate(invalid="ignore", divide="ignore"):
            factual = np.diag(self._margins) / self._held
        return {
            "customers_by_band": dict(zip(BANDS, self._held.tolist(), strict=True)),
            "mean_if_all_were": dict(zip(BANDS, everyone.round(4).tolist(), strict=True)),
            "mean_of_those_who_are": {name: round(float(x), 4) if np.isfinite(x) else None for name, x in zip(BANDS, factual, strict=True)},
            "effect": {f"{BANDS[a]}_to_{BANDS[b]}": round(float(everyone[b] - everyone[a]), 4) for a, b in moves},
            "naive_difference": {
                f"{BANDS[a]}_to_{BANDS[b]}": round(float(factual[b] - factual[a]), 4) if np.isfinite(factual[b] - factual[a]) else None
                for a, b in moves
            },
        }


def _quarters(moment: Array) -> Array:
    months = moment.astype("datetime64[s]").astype("datetime64[M]").astype(int)
    return (
        np.array([f"{m // 12 + 1970}-Q{m % 12 // 3 + 1}" for m in range(months.min(), months.max() + 1)])[months - months.min()]
        if len(months)
        else np.zeros(0, "U7")
    )
