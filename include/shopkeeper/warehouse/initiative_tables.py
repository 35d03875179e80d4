"""Initiatives: what is done about a cause, and what it brought.

`initiative_events` is append-only and all that is kept of an initiative: state, plan and measure are what follows from it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shopkeeper.warehouse.tables import metadata, moment

INITIATIVE_STATES = ("proposed", "funded", "in_progress", "done", "verified", "dropped")
INITIATIVE_EVENTS_KINDS = ("proposed", "revised", "measure_registered", "funded", "started", "done", "verified", "dropped", "told")
ORIGINS = ("learning", "huddle", "leaders", "file")
MEASURES = ("nps", "promoters", "detractors")

INITIATIVE_EVENTS = Table(
    "initiative_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("initiative_id", Text, nullable=False, comment="A plain name, such as letters-in-plain-words."),
    Column("event", Text, nullable=False),
    Column("command_id", UUID(), nullable=False, unique=True, comment="Names what was asked for: asked twice, it happens once."),
    Column("actor", Text, nullable=False, comment="An employee's id, a user of the command line, shopkeeper, or file."),
    Column("came_from", Text, comment="proposed: learning, huddle, leaders or file"),
    Column("backlog_item_id", UUID(), comment="proposed: what the front line handed over."),
    # proposed, revised: the whole plan, so that the last of them holds.
    Column("title", Text, comment="proposed, revised: in the company's words; names nobody."),
    Column("owner", Text, comment="proposed, revised: a department or role, never a person."),
    Column("due_on", Date, comment="proposed, revised: by when it is to be done."),
    Column("budget", Numeric(18, 2), comment="proposed, revised: money that is set aside, in the company's currency."),
    Column("cost", Numeric(18, 2), comment="proposed, revised: what it is expected to cost, or did."),
    Column("programme", Text, comment="proposed, revised: the survey programme whose answers tell whom it is for."),
    Column("dimension", Text, comment="proposed, revised: among whose answers, as in nps_by_segment; all for everybody's."),
    Column("dimension_value", Text),
    Column("theme", Text, comment="proposed, revised: what they write about; empty for anything."),
    Column("expected_effect", Numeric(7, 2), comment="proposed, revised: points of the score that it is expected to bring."),
    Column("confidence", Numeric(5, 4), comment="proposed, revised: how sure of it whoever proposes is, 0 to 1."),
    # measure_registered: what it will be judged by.
    Column("measure", Text, comment="measure_registered: nps, promoters or detractors, in points"),
    Column("measure_programme", Text, comment="measure_registered: of which programme."),
    Column("measure_dimension", Text, comment="measure_registered: among whose answers; all for everybody's."),
    Column("measure_value", Text),
    Column("measure_units", Text, comment="measure_registered: units of one kind where it is done, separated by blanks; others compare."),
    Column("happened_on", Date, comment="started, done: the day, in company time."),
    Column("reason", Text, comment="dropped, verified: why, in the company's words; names nobody."),
    Column("you_said", Text, comment="told: what customers said, in the company's words."),
    Column("we_did", Text, comment="told: what was done about it."),
    Column("for_customers", Boolean, comment="told: whether customers are to read it too, besides the front line."),
    moment("occurred_at", required=True),
    Column(
        "recorded_at", moment("recorded_at").type, nullable=False, server_default=sql("clock_timestamp()"), comment="known_at cuts here."
    ),
    CheckConstraint(f"event in {INITIATIVE_EVENTS_KINDS!r}", name="event"),
    CheckConstraint(f"came_from in {ORIGINS!r}", name="came_from"),
    CheckConstraint(f"measure in {MEASURES!r}", name="measure"),
    CheckConstraint("confidence between 0 and 1", name="confidence"),
    CheckConstraint("cost > 0", name="cost"),
    CheckConstraint("event not in ('proposed', 'revised') or title is not null", name="title"),
    Index(None, "initiative_id"),
    Index(None, "backlog_item_id", unique=True, postgresql_where=sql("backlog_item_id is not null")),
    schema="ops",
    comment="Append-only: everything that was decided about an initiative.",
)

PROJECT_OUTBOX = Table(
    "project_outbox",
    metadata,
    Column("entry_id", BigInteger, Identity(always=True), primary_key=True),
    Column("initiative_id", Text, nullable=False),
    Column("content", JSONB, nullable=False, comment="All that the project tool is to hold: a later entry stands for earlier ones."),
    moment("made_at", required=True),
    Column("attempts", Integer, nullable=False, server_default=sql("0")),
    moment("due_at", required=True),
    moment("done_at"),
    Column("problem", Text, comment="Why the last attempt failed, in our own words."),
    Index(None, "initiative_id"),
    schema="ops",
    comment="What the project tool is told of initiatives; sent until it has confirmed it.",
)

INITIATIVE_EFFECTS = Table(
    "initiative_effects",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("initiative_id", Text, nullable=False),
    Column("before_starts_on", Date, comment="First day of the time before that is compared."),
    Column("before_ends_on", Date, comment="Its last day."),
    Column("after_starts_on", Date, comment="First day of the time after."),
    Column("after_ends_on", Date, comment="Its last day."),
    Column("treated_units", Integer, nullable=False, comment="Units where it was done that have enough answers before and after."),
    Column("comparable_units", Integer, nullable=False, comment="Units where it was not, of the same kind, with enough answers."),
    Column("responses", BigInteger, nullable=False, comment="Answers of all these units, before and after."),
    Column("effect", Numeric(9, 4), comment="Points that the measure rose more where it was done; empty where none may be published."),
    Column("effect_low", Numeric(9, 4), comment="95 %, units as clusters."),
    Column("effect_high", Numeric(9, 4)),
    Column("placebo_p", Numeric(9, 6), comment="Share of ways to deal out the treated units that differ at least as much."),
    Column("trend_p", Numeric(9, 6), comment="Of no difference between both kinds of unit within the time before."),
    Column("verdict", Text, nullable=False, comment="usable, or why not"),
    PrimaryKeyConstraint("build_id", "initiative_id"),
    schema="analysis",
    comment="What came of each initiative that was done, against units where it was not; the build at work alone.",
)
