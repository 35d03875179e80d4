"""What customers write about."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, Numeric, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from shopkeeper.warehouse.tables import metadata, moment

THEMES = Table(
    "themes",
    metadata,
    Column("theme", Text, primary_key=True, comment="Its key in themes.yml."),
    Column("name", Text, nullable=False),
    Column("parent", Text, comment="Theme that it is a part of."),
    Column("position", Integer, nullable=False, comment="Place in the file."),
    schema="ops",
    comment="The taxonomy of themes.yml, as the current build reads it.",
)

THEME_PATTERNS = Table(
    "theme_patterns",
    metadata,
    Column("theme", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("is_excluded", Boolean, nullable=False, comment="A phrase inside of which no mention counts."),
    Column("position", Integer, nullable=False),
    Column("pattern", Text, nullable=False),
    PrimaryKeyConstraint("theme", "language", "is_excluded", "position"),
    schema="ops",
    comment="Words that mention a theme, from themes.yml.",
)

THEME_LANGUAGES = Table(
    "theme_languages",
    metadata,
    Column("theme", Text, nullable=False),
    Column("language", Text, nullable=False),
    PrimaryKeyConstraint("theme", "language"),
    schema="ops",
    comment="In which languages a theme, or a part of it, can be found at all.",
)

THEME_EXAMPLES = Table(
    "theme_examples",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False, comment="Row of theme_labels.csv."),
    Column("label_set", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("text", Text, nullable=False, comment="An invented sentence; no customer's."),
    Column("themes", Text, nullable=False, comment="What a reader found in it, separated by blanks."),
    schema="ops",
    comment="The labelled sentences of theme_labels.csv.",
)

THEME_LABELS = Table(
    "theme_labels",
    metadata,
    Column("response_id", UUID(), primary_key=True, comment="The answer, as marts know it."),
    Column("words", UUID(), nullable=False, comment="md5 of the redacted words that were read: other words need another label."),
    Column("themes", Text, nullable=False, comment="What was found in it, separated by blanks."),
    Column("is_random", Boolean, nullable=False, comment="Drawn from all words, and not from those without themes: these alone measure."),
    Column("labelled_by", Text, nullable=False),
    moment("labelled_at", required=True),
    schema="ops",
    comment="What people of the company found in redacted verbatims: ./shopkeeper label.",
)

THEME_READINGS = Table(
    "theme_readings",
    metadata,
    Column("response_id", UUID(), primary_key=True),
    Column("words", UUID(), nullable=False, comment="md5 of the redacted words that were read."),
    Column("language", Text, nullable=False, comment="In which they were read."),
    Column("method", Text, nullable=False, comment="Version of taxonomy and code: another one reads anew."),
    Column("sentiment", Numeric(5, 4), comment="VADER's compound, -1 to 1; English alone."),
    Column("themes", ARRAY(Text), nullable=False, comment="That the words mention, those above them included, in order of their keys."),
    schema="analysis",
    comment="Which words have been read for themes, and which themes they mention; kept between builds.",
)

THEME_CHANGES = Table(
    "theme_changes",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("programme", Text, nullable=False),
    Column("metric", Text, nullable=False),
    Column("theme", Text, nullable=False),
    Column("dimension", Text, nullable=False),
    Column("dimension_value", Text, nullable=False),
    Column("mentions", BigInteger, nullable=False, comment="In the 28 days that end with as_of."),
    Column("comments", BigInteger, nullable=False, comment="Answers in words that could have mentioned it, in these days."),
    Column("earlier_mentions", BigInteger, nullable=False, comment="In the 336 days before."),
    Column("earlier_comments", BigInteger, nullable=False),
    Column(
        "spread", Numeric(9, 6), comment="How much the share varied from one 28 days to the next, beyond chance; intraclass correlation."
    ),
    Column("p", Numeric(18, 12), comment="Probability of at least as many mentions, had nothing changed; empty where too little is known."),
    Column("q_value", Numeric(18, 12), comment="Benjamini–Hochberg, over all cells of the run."),
    Column("is_emerging", Boolean, nullable=False),
    PrimaryKeyConstraint("build_id", "programme", "metric", "theme", "dimension", "dimension_value"),
    schema="analysis",
    comment="Each theme's newest 28 days against the 336 before; the build at work alone.",
)

DISCOVERED_THEMES = Table(
    "discovered_themes",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("language", Text, nullable=False),
    Column("place", Integer, nullable=False, comment="1 for the one that most comments belong to."),
    Column("label", Text, nullable=False, comment="Words that set it apart, each written by at least five answers."),
    Column("product_id", Text, comment="Product that it is written about most out of proportion."),
    Column("comments", BigInteger, nullable=False),
    Column("comments_of_product", BigInteger),
    Column(
        "comments_looked_at", BigInteger, nullable=False, comment="Answers in words of the language that mention no theme, in 365 days."
    ),
    Column("detractors", BigInteger, nullable=False),
    Column("passives", BigInteger, nullable=False),
    Column("promoters", BigInteger, nullable=False),
    Column("examples", Text, nullable=False, comment="Ids of the three answers that stand for it best."),
    PrimaryKeyConstraint("build_id", "language", "place"),
    schema="analysis",
    comment="What words are about that mention no theme of the taxonomy; the build at work alone.",
)

THEME_QUALITY = Table(
    "theme_quality",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("label_set", Text, nullable=False, comment="A set of theme_labels.csv, or own: what ./shopkeeper label kept."),
    Column("theme", Text, nullable=False, comment="`all`, or a theme."),
    Column("language", Text, nullable=False),
    Column("n", BigInteger, nullable=False, comment="Labelled texts of the set in the language."),
    Column("labelled", BigInteger, nullable=False, comment="In which a reader found the theme."),
    Column("found", BigInteger, nullable=False, comment="In which the patterns found it."),
    Column("agreed", BigInteger, nullable=False, comment="In which both did."),
    PrimaryKeyConstraint("build_id", "label_set", "theme", "language"),
    schema="analysis",
    comment="Patterns against readers; the build at work alone.",
)
