"""The survey trigger and the survey system: waves, the ledger of invitations, the suppression list, answers from the page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

ENTITIES = (
    "accounts",
    "acquisition_costs",
    "benchmark_responses",
    "calls",
    "category_spend",
    "complaints",
    "contact_outcomes",
    "customers",
    "employees",
    "interactions",
    "offers",
    "org_units",
    "products",
    "referrals",
    "revenue",
    "service_costs",
    "survey_invitations",
    "survey_responses",
)
EVENTS = (
    "claimed",
    "released",
    "sending",
    "sent",
    "deferred",
    "refused",
    "doubtful",
    "not_sent",
    "delivered",
    "bounced",
    "complained",
    "opened",
    "started",
    "partial",
    "completed",
    "declined",
    "opted_out",
    "expired",
    "offered",
    "agreed",
    "called_back",
    "reached",
    "answered",
)


def upgrade() -> None:
    op.create_table(
        "invitation_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("invitation_id", sa.UUID(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True, comment="invitation or reminder: which e-mail it is about, if one"),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True, comment="The provider's or the mail server's own code, never its text."),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why, in our own words; never an address."),
        sa.Column("actor", sa.Text(), server_default="shopkeeper", nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="known_at cuts here.",
        ),
        sa.CheckConstraint(f"event in {EVENTS!r}", name=op.f("invitation_events_event_check")),
        sa.CheckConstraint("message in ('invitation', 'reminder')", name=op.f("invitation_events_message_check")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("invitation_events_pkey")),
        schema="ops",
        comment="Append-only: everything that happened to an invitation. Its state follows from here.",
    )
    op.create_index(op.f("invitation_events_invitation_id_idx"), "invitation_events", ["invitation_id"], unique=False, schema="ops")
    op.create_index(
        op.f("invitation_events_recorded_at_idx"),
        "invitation_events",
        ["recorded_at"],
        unique=False,
        schema="ops",
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "invitations",
        sa.Column("invitation_id", sa.UUID(), nullable=False, comment="ids.stable('invitation', wave | customer | interaction)"),
        sa.Column("wave_id", sa.UUID(), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="Empty in an employee programme."),
        sa.Column("employee_id", sa.Text(), nullable=True, comment="Who is asked in an employee programme."),
        sa.Column("interaction_id", sa.Text(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("stratum", sa.Text(), nullable=True),
        sa.Column("inclusion_probability", sa.Numeric(precision=14, scale=12), nullable=True),
        sa.Column(
            "design_weight", sa.Numeric(precision=18, scale=6), nullable=True, comment="1 / inclusion_probability; empty where that is."
        ),
        sa.Column(
            "arms", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment="Split test → arm."
        ),
        sa.Column("invited_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("invitations_pkey")),
        schema="ops",
        comment="One row per invitation, written before anything is sent and never changed.",
    )
    op.create_index(op.f("invitations_customer_id_due_at_idx"), "invitations", ["customer_id", "due_at"], unique=False, schema="ops")
    op.create_index(op.f("invitations_wave_id_idx"), "invitations", ["wave_id"], unique=False, schema="ops")
    op.create_table(
        "pauses",
        sa.Column("pause_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("programme", sa.Text(), nullable=True, comment="Empty means every programme."),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resumed_by", sa.Text(), nullable=True),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("pause_id", name=op.f("pauses_pkey")),
        schema="ops",
        comment="While one is open nothing is sent.",
    )
    op.create_table(
        "plans",
        sa.Column("plan_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False),
        sa.Column(
            "margin", sa.Numeric(precision=6, scale=2), nullable=False, comment="Points of half-width that each cell is planned for."
        ),
        sa.Column(
            "cells",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="Per cell: customers, answers needed, rate, design effect, invitations.",
        ),
        sa.Column("invitations", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("plans_pkey")),
        schema="ops",
    )
    op.create_table(
        "response_flags",
        sa.Column("_key", sa.UUID(), nullable=False, comment="Of raw.survey_responses."),
        sa.Column("_batch_id", sa.BigInteger(), nullable=False),
        sa.Column("flag", sa.Text(), nullable=False, comment="speeder, straight_line, duplicate, gibberish or own_staff"),
        sa.Column("excludes", sa.Boolean(), nullable=False, comment="Whether the answer is left out of scores for it."),
        sa.PrimaryKeyConstraint("_batch_id", "_key", "flag", name=op.f("response_flags_pkey")),
        schema="ops",
        comment="Doubts about an answer's quality. They mark it and never delete it.",
    )
    op.create_table(
        "send_queue",
        sa.Column("invitation_id", sa.UUID(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="Temporary refusals so far."),
        sa.Column(
            "worker",
            sa.BigInteger(),
            nullable=True,
            comment="Advisory lock of the worker that has claimed it; a worker that died holds none.",
        ),
        sa.PrimaryKeyConstraint("invitation_id", "message", name=op.f("send_queue_pkey")),
        schema="ops",
        comment="What is still to be sent. A row leaves when its e-mail was sent, refused, is doubtful, or is not to be sent.",
    )
    op.create_index(
        op.f("send_queue_due_at_idx"), "send_queue", ["due_at"], unique=False, schema="ops", postgresql_where=sa.text("worker is null")
    )
    op.create_table(
        "wave_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("wave_id", sa.UUID(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False, comment="tested, approved or cancelled"),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("wave_events_pkey")),
        schema="ops",
        comment="Append-only: who tested, approved or cancelled which wave.",
    )
    op.create_index(op.f("wave_events_wave_id_idx"), "wave_events", ["wave_id"], unique=False, schema="ops")
    op.create_table(
        "waves",
        sa.Column("wave_id", sa.UUID(), nullable=False, comment="ids.stable('wave', programme | name)"),
        sa.Column("programme", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="First day of a cadence's wave, else the end of what it covers."),
        sa.Column("salt", sa.Text(), nullable=False, comment="programme|name: what the permanent random numbers are made with."),
        sa.Column("covers_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covers_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.Column("config_hash", sa.Text(), nullable=False, comment="Of the programme as it was; see Programmes.config_hash."),
        sa.Column(
            "config",
            sa.JSON(),
            nullable=False,
            comment="The programme as it was, whole: a wave keeps to it when the file changes.",
        ),
        sa.Column("method", sa.Text(), nullable=False, comment="Waves with different methods are not put on one trend line."),
        sa.Column("delivery", sa.Text(), nullable=False, comment="sandbox or live, as it was when the wave was drawn"),
        sa.Column("plan_id", sa.BigInteger(), nullable=True, comment="The approved plan that it follows."),
        sa.Column("candidates", sa.BigInteger(), nullable=False),
        sa.Column("turned_away", sa.BigInteger(), nullable=False),
        sa.Column("drawn", sa.BigInteger(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.CheckConstraint("delivery in ('sandbox', 'live')", name=op.f("waves_delivery_check")),
        sa.PrimaryKeyConstraint("wave_id", name=op.f("waves_pkey")),
        sa.UniqueConstraint("programme", "name", name=op.f("waves_programme_name_key")),
        schema="ops",
        comment="Each wave, frozen when it was drawn. Its frame is quality.wave_frames.",
    )
    op.create_index(op.f("waves_programme_covers_to_idx"), "waves", ["programme", "covers_to"], unique=False, schema="ops")
    op.create_table(
        "contact_blocks",
        sa.Column("block_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="hard_bounce, soft_bounces, complaint, opted_out or do_not_contact"),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="Whom not to ask; a person, whatever the address."),
        sa.Column("address_hash", sa.Text(), nullable=True, comment="Where not to write: sha256 of the address in small letters."),
        sa.Column("reason", sa.Text(), nullable=True, comment="In the words of whoever asked for it."),
        sa.Column("invitation_id", sa.UUID(), nullable=True, comment="The invitation that led to it."),
        sa.Column("blocked_by", sa.Text(), nullable=False),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lift_reason", sa.Text(), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind in ('hard_bounce', 'soft_bounces', 'complaint', 'opted_out', 'do_not_contact')", name=op.f("contact_blocks_kind_check")
        ),
        sa.CheckConstraint("customer_id is not null or address_hash is not null", name=op.f("contact_blocks_somebody_check")),
        sa.PrimaryKeyConstraint("block_id", name=op.f("contact_blocks_pkey")),
        schema="pii",
        comment="The suppression list: never contacted while not lifted. On top of what the CRM says.",
    )
    op.create_index(op.f("contact_blocks_address_hash_idx"), "contact_blocks", ["address_hash"], unique=False, schema="pii")
    op.create_index(op.f("contact_blocks_customer_id_idx"), "contact_blocks", ["customer_id"], unique=False, schema="pii")
    op.create_table(
        "provider_messages",
        sa.Column("message_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False, comment="Its name under providers in programmes.yml."),
        sa.Column("native_id", sa.Text(), nullable=False, comment="The webhook-id: the same message again is the same message."),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment="As it came, whole."),
        sa.Column("call_id", sa.Text(), nullable=True, comment="The call that it is about, if one."),
        sa.Column("customer_id", sa.Text(), nullable=True, comment="Who called."),
        sa.Column("reply", sa.Text(), nullable=True, comment="What a hang-up was answered: call_back, or why there is to be none."),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("batch_id", sa.BigInteger(), nullable=True, comment="The batch that its answer has joined."),
        sa.PrimaryKeyConstraint("message_id", name=op.f("provider_messages_pkey")),
        sa.UniqueConstraint("provider", "native_id", name=op.f("provider_messages_provider_native_id_key")),
        schema="pii",
        comment="What providers told by webhook, written before it is acknowledged. Settled once it is an answer or in the ledger.",
    )
    op.create_index(op.f("provider_messages_customer_id_idx"), "provider_messages", ["customer_id"], unique=False, schema="pii")
    op.create_index(
        op.f("provider_messages_message_id_idx"),
        "provider_messages",
        ["message_id"],
        unique=False,
        schema="pii",
        postgresql_where=sa.text("settled_at is null"),
    )
    op.create_index(
        op.f("provider_messages_provider_call_id_idx"), "provider_messages", ["provider", "call_id"], unique=False, schema="pii"
    )
    op.create_table(
        "survey_submissions",
        sa.Column("submission_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("invitation_id", sa.UUID(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("is_complete", sa.Boolean(), nullable=False, comment="The customer pressed the last button."),
        sa.Column(
            "answers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Question role → answer, closed questions.",
        ),
        sa.Column(
            "free_answers",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="Question role → the customer's own words.",
        ),
        sa.Column("may_call_back", sa.Boolean(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "client_hash",
            sa.Text(),
            nullable=True,
            comment="Keyed hash of address and browser: tells whether two answers came from one device.",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True, comment="The batch that it has joined; empty until one is closed."),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("survey_submissions_pkey")),
        schema="pii",
        comment="What the survey page was sent, as it came: each row adds to what the same invitation said before.",
    )
    op.create_index(op.f("survey_submissions_invitation_id_idx"), "survey_submissions", ["invitation_id"], unique=False, schema="pii")
    op.create_index(
        op.f("survey_submissions_submission_id_idx"),
        "survey_submissions",
        ["submission_id"],
        unique=False,
        schema="pii",
        postgresql_where=sa.text("batch_id is null"),
    )
    op.create_table(
        "wave_frames",
        sa.Column("wave_id", sa.UUID(), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False, comment="The employee in an employee programme."),
        sa.Column(
            "interaction_id", sa.Text(), nullable=True, comment="What would be asked about; empty in relationship and employee programmes."
        ),
        sa.Column("stratum", sa.Text(), nullable=True),
        sa.Column("random_number", sa.Double(), nullable=True, comment="Permanent random number in [0, 1) under the wave's salt."),
        sa.Column("outcome", sa.Text(), nullable=False, comment="drawn, not_drawn or turned_away"),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why turned away; one code each, in the order in which they are judged."),
        sa.Column(
            "inclusion_probability",
            sa.Numeric(precision=14, scale=12),
            nullable=True,
            comment="Chance of having been drawn; empty where nobody can know it.",
        ),
        schema="quality",
        comment="The frozen frame of each wave: every candidate, drawn or not, and why not. Without personal data.",
    )
    op.create_index(op.f("wave_frames_wave_id_idx"), "wave_frames", ["wave_id"], unique=False, schema="quality", postgresql_using="brin")
    for table in ("builds", "current_build"):
        op.add_column(
            table,
            sa.Column(
                "last_event_id",
                sa.BigInteger(),
                server_default=sa.text("0"),
                nullable=False,
                comment="Events of the ledger up to this one are read.",
            ),
            schema="ops",
        )
    for entity in ENTITIES:
        op.alter_column(
            entity,
            "_row_hash",
            existing_type=sa.UUID(),
            comment="Over the source texts of the plain columns and how they are read.",
            existing_comment="Over the typed plain columns.",
            existing_nullable=False,
            schema="raw",
        )
