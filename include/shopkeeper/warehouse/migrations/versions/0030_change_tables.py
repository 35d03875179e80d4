"""Changes of a company's own rules and goals: proposed, approved, written back; and who may, and may move initiatives.

Who may stands in `ops.directory.decides`, which the pipeline makes from the roles that closed_loop.yml names: the desk can read it,
and cannot write it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"

DECIDES = """
    create function ops.decides() returns boolean language sql stable security definer set search_path = pg_catalog, pg_temp
    as $$
        select exists (
            select from ops.directory
            where directory.employee_id = ops.current_employee() and directory.decides and directory.is_here
        )
    $$
"""
ME, LEADER = "(select ops.current_employee())", "(select ops.decides())"
PIPELINE = "(select pg_has_role(nspowner, 'usage') from pg_catalog.pg_namespace where nspname = 'ops')"

# One's own proposal may be taken back by oneself, and decided on by anybody else who may; what was written, only the pipeline says.
MAY_SAY = f"""
    {LEADER} and actor = {ME} and exists (
        select from ops.changes
        where changes.change_id = change_events.change_id
            and case change_events.event
                when 'proposed' then changes.proposed_by = {ME}
                when 'withdrawn' then changes.proposed_by = {ME}
                when 'approved' then changes.proposed_by <> {ME}
                when 'refused' then changes.proposed_by <> {ME}
                else false
            end
    )
"""
POLICIES = {
    "ops.changes": (LEADER, f"{LEADER} and proposed_by = {ME}"),
    "ops.change_events": (LEADER, MAY_SAY),
    "ops.initiative_events": (LEADER, f"{LEADER} and actor = {ME}"),
    "pii.change_texts": (
        "exists (select from ops.change_events as events where events.event_id = change_texts.event_id)",
        f"exists (select from ops.change_events as events where events.event_id = change_texts.event_id and events.actor = {ME})",
    ),
}


def upgrade() -> None:
    op.add_column(
        "directory",
        sa.Column(
            "decides",
            sa.Boolean(),
            nullable=False,
            server_default=sa.text("false"),
            comment="Has one of the roles that `leaders` of closed_loop.yml names: may propose and approve changes of goals and rules.",
        ),
        schema="ops",
    )
    op.create_table(
        "changes",
        sa.Column("change_id", sa.UUID(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False, comment="In the company folder: closed_loop.yml or goals.csv."),
        sa.Column(
            "edits",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="What is to be set, added and taken out; from it the new file is made.",
        ),
        sa.Column(
            "diff",
            sa.Text(),
            nullable=False,
            comment="The same for people: a unified diff, without the lines that may hold addresses or keys.",
        ),
        sa.Column("before_hash", sa.Text(), nullable=False, comment="SHA-256 of the file that was changed; empty where there was none."),
        sa.Column("after_hash", sa.Text(), nullable=False, comment="SHA-256 of the file that comes of it."),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("file in ('closed_loop.yml', 'goals.csv')", name=op.f("changes_file_check")),
        sa.PrimaryKeyConstraint("change_id", name=op.f("changes_pkey")),
        schema="ops",
        comment="One row per change of a company's own rules or goals that a leader has proposed at the desk. Append-only.",
    )
    op.create_index(op.f("changes_proposed_at_idx"), "changes", ["proposed_at"], unique=False, schema="ops")
    op.create_table(
        "change_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("change_id", sa.UUID(), nullable=False),
        sa.Column("command_id", sa.UUID(), nullable=False, comment="Names what was asked for: asked twice, it happens once."),
        sa.Column(
            "event",
            sa.Text(),
            nullable=False,
            comment="proposed, approved, refused, withdrawn, branched, applied, conflicted",
        ),
        sa.Column("actor", sa.Text(), nullable=False, comment="The employee; for what the command line did, who was at the keyboard."),
        sa.Column("commit_id", sa.Text(), nullable=True, comment="branched: the commit."),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(
            "event in ('proposed', 'approved', 'refused', 'withdrawn', 'branched', 'applied', 'conflicted')",
            name=op.f("change_events_event_check"),
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("change_events_pkey")),
        sa.UniqueConstraint("command_id", name=op.f("change_events_command_id_key")),
        schema="ops",
        comment="What became of each change, by whom and when. Append-only. Nobody decides on his own.",
    )
    op.create_index(op.f("change_events_change_id_idx"), "change_events", ["change_id"], unique=False, schema="ops")
    for name, events in (("one_decision", "'approved', 'refused'"), ("one_end", "'refused', 'withdrawn', 'applied', 'conflicted'")):
        op.create_index(
            f"change_events_{name}",
            "change_events",
            ["change_id"],
            unique=True,
            schema="ops",
            postgresql_where=sa.text(f"event in ({events})"),
        )
    op.create_table(
        "change_texts",
        sa.Column("event_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False, comment="Why, in the leader's words."),
        sa.PrimaryKeyConstraint("event_id", name=op.f("change_texts_pkey")),
        schema="pii",
    )
    op.execute(DECIDES)
    for table, (seen, added) in POLICIES.items():
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy pipeline on {table} using ({PIPELINE}) with check ({PIPELINE})")
        op.execute(f"create policy desk_sees on {table} for select to desk using ({seen})")
        op.execute(f"create policy desk_adds on {table} for insert to desk with check ({added})")
