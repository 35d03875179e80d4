"""Initiatives: what is done about a cause, and what it brought."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "initiative_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("initiative_id", sa.Text(), nullable=False, comment="A plain name, such as letters-in-plain-words."),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("command_id", sa.UUID(), nullable=False, comment="Names what was asked for: asked twice, it happens once."),
        sa.Column("actor", sa.Text(), nullable=False, comment="An employee's id, a user of the command line, shopkeeper, or file."),
        sa.Column("came_from", sa.Text(), nullable=True, comment="proposed: learning, huddle, leaders or file"),
        sa.Column("backlog_item_id", sa.UUID(), nullable=True, comment="proposed: what the front line handed over."),
        sa.Column("title", sa.Text(), nullable=True, comment="proposed, revised: in the company's words; names nobody."),
        sa.Column("owner", sa.Text(), nullable=True, comment="proposed, revised: a department or role, never a person."),
        sa.Column("due_on", sa.Date(), nullable=True, comment="proposed, revised: by when it is to be done."),
        sa.Column(
            "budget",
            sa.Numeric(precision=18, scale=2),
            nullable=True,
            comment="proposed, revised: money that is set aside, in the company's currency.",
        ),
        sa.Column(
            "cost", sa.Numeric(precision=18, scale=2), nullable=True, comment="proposed, revised: what it is expected to cost, or did."
        ),
        sa.Column(
            "programme", sa.Text(), nullable=True, comment="proposed, revised: the survey programme whose answers tell whom it is for."
        ),
        sa.Column(
            "dimension",
            sa.Text(),
            nullable=True,
            comment="proposed, revised: among whose answers, as in nps_by_segment; all for everybody's.",
        ),
        sa.Column("dimension_value", sa.Text(), nullable=True),
        sa.Column("theme", sa.Text(), nullable=True, comment="proposed, revised: what they write about; empty for anything."),
        sa.Column(
            "expected_effect",
            sa.Numeric(precision=7, scale=2),
            nullable=True,
            comment="proposed, revised: points of the score that it is expected to bring.",
        ),
        sa.Column(
            "confidence",
            sa.Numeric(precision=5, scale=4),
            nullable=True,
            comment="proposed, revised: how sure of it whoever proposes is, 0 to 1.",
        ),
        sa.Column("measure", sa.Text(), nullable=True, comment="measure_registered: nps, promoters or detractors, in points"),
        sa.Column("measure_programme", sa.Text(), nullable=True, comment="measure_registered: of which programme."),
        sa.Column("measure_dimension", sa.Text(), nullable=True, comment="measure_registered: among whose answers; all for everybody's."),
        sa.Column("measure_value", sa.Text(), nullable=True),
        sa.Column(
            "measure_units",
            sa.Text(),
            nullable=True,
            comment="measure_registered: units of one kind where it is done, separated by blanks; others compare.",
        ),
        sa.Column("happened_on", sa.Date(), nullable=True, comment="started, done: the day, in company time."),
        sa.Column("reason", sa.Text(), nullable=True, comment="dropped, verified: why, in the company's words; names nobody."),
        sa.Column("you_said", sa.Text(), nullable=True, comment="told: what customers said, in the company's words."),
        sa.Column("we_did", sa.Text(), nullable=True, comment="told: what was done about it."),
        sa.Column(
            "for_customers", sa.Boolean(), nullable=True, comment="told: whether customers are to read it too, besides the front line."
        ),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="known_at cuts here.",
        ),
        sa.CheckConstraint("came_from in ('learning', 'huddle', 'leaders', 'file')", name=op.f("initiative_events_came_from_check")),
        sa.CheckConstraint(
            "event in ('proposed', 'revised', 'measure_registered', 'funded', 'started', 'done', 'verified', 'dropped', 'told')",
            name=op.f("initiative_events_event_check"),
        ),
        sa.CheckConstraint("event not in ('proposed', 'revised') or title is not null", name=op.f("initiative_events_title_check")),
        sa.CheckConstraint("measure in ('nps', 'promoters', 'detractors')", name=op.f("initiative_events_measure_check")),
        sa.CheckConstraint("confidence between 0 and 1", name=op.f("initiative_events_confidence_check")),
        sa.CheckConstraint("cost > 0", name=op.f("initiative_events_cost_check")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("initiative_events_pkey")),
        sa.UniqueConstraint("command_id", name=op.f("initiative_events_command_id_key")),
        schema="ops",
        comment="Append-only: everything that was decided about an initiative.",
    )
    op.create_index(
        op.f("initiative_events_backlog_item_id_idx"),
        "initiative_events",
        ["backlog_item_id"],
        unique=True,
        schema="ops",
        postgresql_where=sa.text("backlog_item_id is not null"),
    )
    op.create_index(op.f("initiative_events_initiative_id_idx"), "initiative_events", ["initiative_id"], unique=False, schema="ops")
    op.create_table(
        "project_outbox",
        sa.Column("entry_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("initiative_id", sa.Text(), nullable=False),
        sa.Column(
            "content",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="All that the project tool is to hold: a later entry stands for earlier ones.",
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True, comment="Why the last attempt failed, in our own words."),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("project_outbox_pkey")),
        schema="ops",
        comment="What the project tool is told of initiatives; sent until it has confirmed it.",
    )
    op.create_index(op.f("project_outbox_initiative_id_idx"), "project_outbox", ["initiative_id"], unique=False, schema="ops")
    op.create_table(
        "initiative_effects",
        sa.Column("build_id", sa.BigInteger(), nullable=False),
        sa.Column("initiative_id", sa.Text(), nullable=False),
        sa.Column("before_starts_on", sa.Date(), nullable=True, comment="First day of the time before that is compared."),
        sa.Column("before_ends_on", sa.Date(), nullable=True, comment="Its last day."),
        sa.Column("after_starts_on", sa.Date(), nullable=True, comment="First day of the time after."),
        sa.Column("after_ends_on", sa.Date(), nullable=True, comment="Its last day."),
        sa.Column(
            "treated_units", sa.Integer(), nullable=False, comment="Units where it was done that have enough answers before and after."
        ),
        sa.Column(
            "comparable_units", sa.Integer(), nullable=False, comment="Units where it was not, of the same kind, with enough answers."
        ),
        sa.Column("responses", sa.BigInteger(), nullable=False, comment="Answers of all these units, before and after."),
        sa.Column(
            "effect",
            sa.Numeric(precision=9, scale=4),
            nullable=True,
            comment="Points that the measure rose more where it was done; empty where none may be published.",
        ),
        sa.Column("effect_low", sa.Numeric(precision=9, scale=4), nullable=True, comment="95 %, units as clusters."),
        sa.Column("effect_high", sa.Numeric(precision=9, scale=4), nullable=True),
        sa.Column(
            "placebo_p",
            sa.Numeric(precision=9, scale=6),
            nullable=True,
            comment="Share of ways to deal out the treated units that differ at least as much.",
        ),
        sa.Column(
            "trend_p",
            sa.Numeric(precision=9, scale=6),
            nullable=True,
            comment="Of no difference between both kinds of unit within the time before.",
        ),
        sa.Column("verdict", sa.Text(), nullable=False, comment="usable, or why not"),
        sa.PrimaryKeyConstraint("build_id", "initiative_id", name=op.f("initiative_effects_pkey")),
        schema="analysis",
        comment="What came of each initiative that was done, against units where it was not; the build at work alone.",
    )
