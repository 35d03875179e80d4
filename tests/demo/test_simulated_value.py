"""Money: what is planted equals what is booked, and comparing bands naively misses it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import hyp2f1

from shopkeeper.demo import Part, Simulation, SimulationConfig, attitude, simulate, value
from shopkeeper.demo.config import DAY
from shopkeeper.demo.population import Recent


def test_the_planted_margin_is_the_booked_one(company: Simulation, clean: Part) -> None:
    """Revenue less direct and service costs in the window, from the records, is the planted margin under the band held."""
    config = company.config
    anchor = int(config.wave_days[config.anchor_wave])
    postings, events, complaints = clean.postings, clean.events, clean.complaints
    booked = np.zeros(len(clean.customers))
    inside = (postings.day > anchor) & (postings.day <= anchor + 365)
    rate = value.euros_per_unit(config, clean.customers, postings.customer[inside], postings.day[inside])
    np.add.at(booked, postings.customer[inside], (postings.cents - postings.cost_cents)[inside] / 100 * rate)
    for customer, moment, cents in (
        (events.customer, events.occurred, value.service_cents(events)),
        (complaints.customer, complaints.opened, np.full(len(complaints), 100 * value.COMPLAINT_COST)),
    ):
        day = moment // DAY
        inside = (day > anchor) & (day <= anchor + 365)
        np.add.at(booked, customer[inside], -cents[inside] / 100)
    assert booked[clean.margins.customer] == pytest.approx(clean.margins.factual, abs=0.01)


def test_a_better_band_is_worth_money_to_everyone_and_the_confounder_hides_how_much(clean: Part) -> None:
    margins = clean.margins
    effect = [float((margins.potential[:, k + 1] - margins.potential[:, k]).mean()) for k in range(2)]
    assert all(20 < step < 60 for step in effect)
    held = [margins.factual[margins.band == k] for k in range(3)]
    for k in range(2):
        naive = held[k + 1].mean() - held[k].mean()
        error = np.sqrt(held[k].var() / len(held[k]) + held[k + 1].var() / len(held[k + 1]))
        assert naive > effect[k] + 6 * error, "the naive difference is far off"


def test_tenure_is_what_confounds(company: Simulation, clean: Part) -> None:
    """Longer tenure: better band and greater margin, even had all held the same band."""
    anchor = int(company.config.wave_days[company.config.anchor_wave])
    tenure = attitude.log_years(anchor - clean.customers.joined_day[clean.margins.customer])
    assert np.corrcoef(tenure, clean.margins.potential[:, 1])[0, 1] > 0.5
    assert np.corrcoef(tenure, clean.margins.band)[0, 1] > 0.3


def test_the_band_moves_nothing_before_the_anchor_wave(clean: Part) -> None:
    """The negative control: given what the CRM knew, last year's margin knows nothing of this year's band."""
    margins, customers = clean.margins, clean.customers
    recent = Recent(clean.events, clean.complaints)
    anchor = SimulationConfig().wave_days[SimulationConfig().anchor_wave]
    settled = customers.joined_day[margins.customer] < anchor - 400
    who = margins.customer[settled]
    tenure = attitude.log_years(anchor - customers.joined_day[who])
    segment, moment = np.eye(3)[customers.segment[who]], np.full(len(who), anchor * DAY + 8 * 3600)
    known = [recent.complaint(who, moment), np.eye(4)[recent.failed_band(who, moment)][:, 1:]]
    design = np.column_stack([segment, segment * tenure[:, None], tenure**2, *known])
    before = margins.before[settled]
    residual = before - design @ np.linalg.lstsq(design, before, rcond=None)[0]
    happy = margins.band[settled] == 2
    error = residual.std() * np.sqrt(1 / happy.sum() + 1 / (~happy).sum())
    assert abs(residual[happy].mean() - residual[~happy].mean()) < 3 * error


def test_overlap_can_be_destroyed() -> None:
    """Nearly nobody could have held another band: tenure decides it."""
    part = simulate(SimulationConfig(customers=10_000, overlap="destroyed")).whole
    anchor = SimulationConfig().wave_days[SimulationConfig().anchor_wave]
    tenure = attitude.log_years(anchor - part.customers.joined_day[part.margins.customer])
    assert np.corrcoef(tenure, part.margins.band)[0, 1] > 0.8
    assert np.mean(part.margins.band[tenure > 1.9] == 2) > 0.97


def test_the_shop_follows_its_planted_process(company: Simulation, clean: Part) -> None:
    """Repeat purchases against BG/NBD's expectation, and what is spent against Gamma-Gamma's (Fader, Hardie, Lee 2005)."""
    bought = clean.events.kind == 3
    customer, day = clean.events.customer[bought], clean.events.occurred[bought] / DAY
    first = np.full(len(clean.customers), np.inf)
    np.minimum.at(first, customer, day)
    buyers = np.flatnonzero(np.isfinite(first))
    weeks = (company.config.end_day - first[buyers]) / 7
    repeats = np.bincount(customer, minlength=len(clean.customers))[buyers] - 1
    r, alpha, a, b = (value.SHOP[name] for name in ("r", "alpha", "a", "b"))
    expected = (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + weeks)) ** r * hyp2f1(r, b, a + b - 1, weeks / (alpha + weeks)))
    assert repeats.mean() == pytest.approx(expected.mean(), rel=0.06)
    assert np.mean(repeats == 0) == pytest.approx(((alpha / (alpha + weeks)) ** r).mean(), abs=0.02)
    sold = (clean.postings.event >= 0) & (clean.postings.cents > 0)
    average = value.SHOP["p"] * value.SHOP["gamma"] / (value.SHOP["q"] - 1)
    assert clean.postings.cents[sold].mean() / 100 == pytest.approx(average, rel=0.03)


def test_leaving_depends_on_the_band(company: Simulation, clean: Part) -> None:
    config = company.config
    anchor = int(config.wave_days[config.anchor_wave])
    left = clean.customers.left_day[clean.margins.customer] <= anchor + 365
    shares = [left[clean.margins.band == band].mean() for band in range(3)]
    assert shares[0] > shares[1] > shares[2]
    # a better band never brings the end nearer
    assert (np.diff(clean.contracts.left_under, axis=1) >= 0).all()
