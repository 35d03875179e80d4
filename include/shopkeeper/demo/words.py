"""Names and phrases. All persons are invented; mail addresses and telephone numbers are ones that are given to nobody."""

from __future__ import annotations

import numpy as np

from shopkeeper.demo.config import Array

FIRST_NAMES = (
    *("Anna", "Ben", "Clara", "David", "Elif", "Emil", "Emma", "Fatma", "Felix", "Finn", "Greta", "Hannah", "Henry", "Ida"),
    *("Jan", "Jonas", "Karl", "Katja", "Lea", "Lena", "Leon", "Lina", "Luca", "Maja", "Maria", "Mats", "Mehmet", "Mia"),
    *("Moritz", "Nele", "Noah", "Oskar", "Paul", "Paula", "Sara", "Sofia", "Theo", "Tom", "Yusuf", "Zoe"),
)
LAST_NAMES = (
    *("Albrecht", "Bauer", "Beck", "Berger", "Brandt", "Busch", "Demir", "Engel", "Fischer", "Frank", "Graf", "Haas", "Hahn"),
    *("Hartmann", "Heinrich", "Hoffmann", "Huber", "Jansen", "Kaiser", "Keller", "Koch", "Kraus", "Lang", "Lehmann", "Lorenz"),
    *("Maier", "Meyer", "Neumann", "Otto", "Peters", "Pohl", "Richter", "Roth", "Sauer", "Schmidt", "Schneider", "Schreiber"),
    *("Schulz", "Simon", "Sommer", "Stein", "Thomas", "Vogel", "Wagner", "Weber", "Winter", "Wolf", "Yilmaz", "Zimmermann"),
)
COMPANY_STEMS = ("Alster", "Berg", "Delta", "Elbe", "Fjord", "Heide", "Isar", "Kiesel", "Linden", "Mole", "Neckar", "Saale", "Tal", "Ufer")
COMPANY_KINDS = ("Logistics", "Bakery", "Engineering", "Consulting", "Gardens", "Print", "Dental", "Software", "Roofing", "Hotel")
TRADES = ("transport", "food", "engineering", "services", "agriculture", "media", "health", "technology", "construction", "hospitality")

HEARD_FROM = {
    "referral": ("a friend", "family", "a colleague"),
    "advertising": ("an advertisement", "the radio"),
    "comparison site": ("a comparison site",),
    "broker": ("a broker",),
    "branch": ("the branch in town",),
}
TOPICS = ("premium", "address", "claim", "waiting time", "cover", "cancellation", "invoice")
BLOCKED = ("deceased", "legal dispute", "asked in writing")
REASONS = ("price", "service", "speed", "advice", "claims", "website")

# openings by what it is about, then details by band; English, German, French
_OPENINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        "relationship": ("Customer for years.", "My overall impression:", "In general:", "All in all:", ""),
        "call": ("About my call last week:", "On the phone:", "I rang about my bill.", "The call:", ""),
        "claim": ("About my claim:", "The claim was settled.", "After the water damage:", "My bicycle was stolen.", ""),
    },
    "de": {
        "relationship": ("Insgesamt:", "Seit Jahren Kunde.", "Mein Eindruck:", ""),
        "call": ("Zum Telefonat:", "Am Telefon:", ""),
        "claim": ("Zu meinem Schaden:", "Nach dem Wasserschaden:", ""),
    },
    "fr": {"relationship": ("Dans l'ensemble :", ""), "call": ("Au téléphone :", ""), "claim": ("Pour mon sinistre :", "")},
}
_DETAILS: dict[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        (
            "nobody called me back.",
            "I had to explain everything three times.",
            "the payment took far too long.",
            "I was passed from one person to the next.",
            "the premium rose again without a word.",
            "the letter was impossible to understand.",
            "the website lost my documents.",
            "they paid less than promised.",
            "I waited on hold for half an hour.",
        ),
        (
            "it was all right, but slow.",
            "friendly, though a bit expensive.",
            "fine, nothing special.",
            "the app could be easier to use.",
            "good advice, long wait.",
            "the form asks for the same thing twice.",
        ),
        (
            "quick and friendly.",
            "they knew my case at once and solved it.",
            "the money was there within days.",
            "I was told clearly what happens next.",
            "very patient, thank you!",
            "the adviser found a cheaper cover for me.",
            "everything worked on the first try.",
            "I have already recommended you to my sister.",
        ),
    ),
    "de": (
        ("niemand hat zurückgerufen.", "die Zahlung hat viel zu lange gedauert.", "dreimal weiterverbunden.", "zu teuer geworden."),
        ("in Ordnung, aber langsam.", "freundlich, etwas teuer.", "die App könnte einfacher sein."),
        ("schnell und freundlich.", "sofort geholfen, danke!", "das Geld war nach wenigen Tagen da.", "sehr geduldige Beratung."),
    ),
    "fr": (
        ("personne ne m'a rappelé.", "le paiement a pris trop de temps."),
        ("correct, mais un peu lent.", "aimable, un peu cher."),
        ("rapide et aimable.", "tout a été réglé en quelques jours."),
    ),
}
_BEGGED = (" He asked me to give a ten.", " She said that only a ten counts.", "")
COMMENT_SHARE, CONTACT_SHARE = 0.55, 0.01


def comments(
    random: np.random.Generator,
    about: list[str],
    *,
    language: Array,
    band: Array,
    is_begged: Array,
    is_curt: Array,
    cause: Array | None = None,
) -> list[str | None]:
    """A comment or None per answer `about` relationship, call or claim; `is_curt` answers have none. A few give away who wrote them.

    `cause` is the place of a cause of the product's fault that the comment names in place of anything else; -1 for none.
    """
    from shopkeeper.demo import product_fault
    from shopkeeper.demo.population import LANGUAGES

    count = len(band)
    has_one = (random.random(count) < COMMENT_SHARE) & ~is_curt
    luck = random.random((count, 3))
    gives_away = random.random(count) < CONTACT_SHARE
    first, last = random.integers(0, len(FIRST_NAMES), count), random.integers(0, len(LAST_NAMES), count)
    written: list[str | None] = [None] * count
    for row in np.flatnonzero(has_one).tolist():
        code = LANGUAGES[language[row]]
        opening = _picked(_OPENINGS[code][about[row]], luck[row, 0])
        named = -1 if cause is None else int(cause[row])
        details = _DETAILS[code][band[row]] if named < 0 else product_fault.WORDS[code][named]
        detail = _picked(details, luck[row, 1])
        text = f"{opening} {detail}" if opening.endswith(":") else f"{opening} {detail[0].upper()}{detail[1:]}".strip()
        if is_begged[row]:
            text += _picked(_BEGGED, luck[row, 2])
        if gives_away[row]:
            name, surname = FIRST_NAMES[first[row]], LAST_NAMES[last[row]]
            text += f" {name} {surname}, {name.lower()}.{surname.lower()}@example.org, +49 30 23125 {100 + row % 900}"
        written[row] = text
    return written


def _picked(choices: tuple[str, ...], luck: float) -> str:
    return choices[int(luck * len(choices))]
