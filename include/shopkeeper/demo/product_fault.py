"""A fault of one product in the newest weeks, with three causes: what customers who wrote about it say.

Scores stay what they are; only words change, so that whatever finds the causes finds them in the words.
"""

from __future__ import annotations

import numpy as np

from shopkeeper.demo.config import DAY, TRANSACTIONAL, Array, SimulationConfig
from shopkeeper.demo.organisation import PRODUCTS
from shopkeeper.demo.simulation import Part

PRODUCT = 0
DAYS = 28
# by their keys in the sample company's themes.yml
CAUSES = ("charged_twice", "login", "wrong_documents")
# of those who write anything: how many write about one of the causes, by band
SHARE_BY_BAND = (0.95, 0.9, 0.6)

WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        (
            "the premium was debited twice this month.",
            "you collected the direct debit two times.",
            "I was charged double for my car.",
            "two invoices came for one month.",
        ),
        (
            "I cannot log in to the portal any more.",
            "the login code never arrives.",
            "my password does not work since the summer.",
            "signing in to the portal is impossible.",
        ),
        (
            "the policy shows the wrong number plate.",
            "my documents came with somebody else's name.",
            "the certificate has the wrong car on it.",
            "there is a mistake in the new contract.",
        ),
    ),
    "de": (
        ("der Beitrag wurde doppelt abgebucht.", "es wurde zweimal eingezogen."),
        ("ich kann mich im Portal nicht mehr anmelden.", "der Anmeldecode kommt nie an."),
        ("die Police trägt ein falsches Kennzeichen.", "in den Unterlagen steht ein falscher Name."),
    ),
    "fr": (
        ("la prime a été prélevée deux fois.",),
        ("impossible de me connecter au portail.",),
        ("le contrat porte une mauvaise adresse.",),
    ),
}


def product() -> str:
    """As the CRM and the marts call it."""
    return PRODUCTS[PRODUCT][0]


def causes(config: SimulationConfig, part: Part, row: Array) -> Array:
    """What each answer (a row of the part's frame) would name if it had words: the place of a cause, -1 for none."""
    random = config.stream("product fault", part.number)
    is_named = _is_about_it(config, part) & (random.random(len(part.frame)) < np.array(SHARE_BY_BAND)[part.frame.given_band])
    named: Array = np.where(is_named, np.cumsum(is_named) % len(CAUSES), -1)[row]
    return named


def expected(config: SimulationConfig, part: Part) -> tuple[int, float]:
    """Answers about the product in its bad weeks, and how many of them would name one given cause if all of them had words."""
    about = _is_about_it(config, part) & part.frame.answered
    shares = np.array(SHARE_BY_BAND)[part.frame.given_band[about]]
    return int(about.sum()), float(shares.sum()) / len(CAUSES)


def _is_about_it(config: SimulationConfig, part: Part) -> Array:
    frame = part.frame
    since = (config.end_day - DAYS) * DAY
    about: Array = (
        (frame.programme == TRANSACTIONAL)
        & (part.events.product[np.maximum(frame.event, 0)] == PRODUCT)
        & (frame.responded >= since)
        & (frame.responded < config.end_day * DAY)
    )
    return about
