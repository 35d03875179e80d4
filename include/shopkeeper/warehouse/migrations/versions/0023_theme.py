"""What customers write about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.create_table(
        "themes",
        sa.Column("theme", sa.Text(), nullable=False, comment="Its key in themes.yml."),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True, comment="Theme that it is a part of."),
        sa.Column("position", sa.Integer(), nullable=False, comment="Place in the file."),
        sa.PrimaryKeyConstraint("theme", name=op.f("themes_pkey")),
        schema="ops",
        comment="The taxonomy of themes.yml, as the current build reads it.",
    )
    op.create_table(
        "theme_patterns",
        sa.Column("theme", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("is_excluded", sa.Boolean(), nullable=False, comment="A phrase inside of which no mention counts."),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("theme", "language", "is_excluded", "position", name=op.f("theme_patterns_pkey")),
        schema="ops",
        comment="Words that mention a theme, from themes.yml.",
    )
    op.create_table(
        "theme_languages",
        sa.Column("theme", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("theme", "language", name=op.f("theme_languages_pkey")),
        schema="ops",
        comment="In which languages a theme, or a part of it, can be found at all.",
    )
    op.create_table(
        "theme_examples",
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False, comment="Row of theme_labels.csv."),
        sa.Column("label_set", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="An invented sentence; no customer's."),
        sa.Column("themes", sa.Text(), nullable=False, comment="What a reader found in it, separated by blanks."),
        sa.PrimaryKeyConstraint("position", name=op.f("theme_examples_pkey")),
        schema="ops",
        comment="The labelled sentences of theme_labels.csv.",
    )
    op.create_table(
        "theme_labels",
        sa.Column("response_id", sa.UUID(), nullable=False, comment="The answer, as marts know it."),
        sa.Column("words", sa.UUID(), nullable=False, comment="md5 of the redacted words that were read: other words need another label."),
        sa.Column("themes", sa.Text(), nullable=False, comment="What was found in it, separated by blanks."),
        sa.Column(
            "is_random",
            sa.Boolean(),
            nullable=False,
            comment="Drawn from all words, and not from those without themes: these alone measure.",
        ),
        sa.Column("labelled_by", sa.Text(), nullable=False),
        sa.Column("labelled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("response_id", name=op.f("theme_labels_pkey")),
        schema="ops",
        comment="What people of the company found in redacted verbatims: ./shopkeeper label.",
    )
    op.create_table(
        "theme_readings",
        sa.Column("response_id", sa.UUID(), nullable=False),
        sa.Column("words", sa.UUID(), nullable=False, comment="md5 of the redacted words that were read."),
        sa.Column("language", sa.Text(), nullable=False, comment="In which they were read."),
        sa.Column("method", sa.Text(), nullable=False, comment="Version of taxonomy and code: another one reads anew."),
        sa.Column("sentiment", sa.Numeric(precision=5, scale=4), nullable=True, comment="VADER's compound, -1 to 1; English alone."),
        sa.PrimaryKeyConstraint("response_id", name=op.f("theme_readings_pkey")),
        schema="analysis",
        comment="Which words have been read for themes; kept between builds.",
    )
    op.create_table(
        "theme_mentions",
        sa.Column("response_id", sa.UUID(), nullable=False),
        sa.Column("theme", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("response_id", "theme", name=op.f("theme_mentions_pkey")),
        schema="analysis",
        comment="The themes that an answer's words mention, those above them included; kept between builds.",
    )
    op.create_table(
        "theme_changes",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("theme", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("dimension_value", sa.Text(), nullable=False),
        sa.Column("mentions", sa.BigInteger(), nullable=False, comment="In the 28 days that end with as_of."),
        sa.Column("comments", sa.BigInteger(), nullable=False, comment="Answers in words that could have mentioned it, in these days."),
        sa.Column("earlier_mentions", sa.BigInteger(), nullable=False, comment="In the 336 days before."),
        sa.Column("earlier_comments", sa.BigInteger(), nullable=False),
        sa.Column(
            "spread",
            sa.Numeric(precision=9, scale=6),
            nullable=True,
            comment="How much the share varied from one 28 days to the next, beyond chance; intraclass correlation.",
        ),
        sa.Column(
            "p",
            sa.Numeric(precision=18, scale=12),
            nullable=True,
            comment="Probability of at least as many mentions, had nothing changed; empty where too little is known.",
        ),
        sa.Column("q_value", sa.Numeric(precision=18, scale=12), nullable=True, comment="Benjamini–Hochberg, over all cells of the run."),
        sa.Column("is_emerging", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(
            "build_id", "programme", "metric", "theme", "dimension", "dimension_value", name=op.f("theme_changes_pkey")
        ),
        schema="analysis",
        comment="Each theme's newest 28 days against the 336 before; the build at work alone.",
    )
    op.create_table(
        "discovered_themes",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False, comment="1 for the one that most comments belong to."),
        sa.Column("label", sa.Text(), nullable=False, comment="Words that set it apart, each written by at least five answers."),
        sa.Column("product_id", sa.Text(), nullable=True, comment="Product that it is written about most out of proportion."),
        sa.Column("comments", sa.BigInteger(), nullable=False),
        sa.Column("comments_of_product", sa.BigInteger(), nullable=True),
        sa.Column(
            "comments_looked_at",
            sa.BigInteger(),
            nullable=False,
            comment="Answers in words of the language that mention no theme, in 365 days.",
        ),
        sa.Column("detractors", sa.BigInteger(), nullable=False),
        sa.Column("passives", sa.BigInteger(), nullable=False),
        sa.Column("promoters", sa.BigInteger(), nullable=False),
        sa.Column("examples", sa.Text(), nullable=False, comment="Ids of the three answers that stand for it best."),
        sa.PrimaryKeyConstraint("build_id", "language", "place", name=op.f("discovered_themes_pkey")),
        schema="analysis",
        comment="What words are about that mention no theme of the taxonomy; the build at work alone.",
    )
    op.create_table(
        "theme_quality",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("label_set", sa.Text(), nullable=False, comment="A set of theme_labels.csv, or own: what ./shopkeeper label kept."),
        sa.Column("theme", sa.Text(), nullable=False, comment="`all`, or a theme."),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False, comment="Labelled texts of the set in the language."),
        sa.Column("labelled", sa.BigInteger(), nullable=False, comment="In which a reader found the theme."),
        sa.Column("found", sa.BigInteger(), nullable=False, comment="In which the patterns found it."),
        sa.Column("agreed", sa.BigInteger(), nullable=False, comment="In which both did."),
        sa.PrimaryKeyConstraint("build_id", "label_set", "theme", "language", name=op.f("theme_quality_pkey")),
        schema="analysis",
        comment="Patterns against readers; the build at work alone.",
    )
