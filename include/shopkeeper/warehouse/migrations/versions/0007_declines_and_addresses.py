"""The survey page may write down that a customer says no to this one survey; and where each invitation went is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

# The same lock as an answer's: a no and an answer at once come one after the other. What was answered stays an answer; who
# has said no may still change their mind and answer. Saying no again adds nothing.
RECORD_DECLINE = """
    create function ops.record_decline(invitation uuid) returns text
    language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
    as $$
    declare
        asked ops.invitations;
        moment timestamptz := clock_timestamp();
    begin
        perform pg_advisory_xact_lock(hashtextextended('shopkeeper.answer/' || record_decline.invitation, 0));
        select * into asked from ops.invitations where invitation_id = record_decline.invitation;
        if not found then
            return 'unknown';
        elsif exists (select from pii.survey_submissions as said where said.invitation_id = record_decline.invitation) then
            return 'already_answered';
        elsif moment >= asked.expires_at then
            return 'expired';
        end if;
        insert into ops.invitation_events (invitation_id, event, reason, actor, occurred_at)
        select asked.invitation_id, 'declined', 'declined by link', 'customer', moment
        where not exists (
            select from ops.invitation_events as events
            where events.invitation_id = record_decline.invitation and events.event = 'declined'
        );
        return 'declined';
    end
    $$
"""


def upgrade() -> None:
    op.execute(RECORD_DECLINE)
    op.create_table(
        "mailed_addresses",
        sa.Column("invitation_id", sa.UUID(), nullable=False),
        sa.Column("address_hash", sa.Text(), nullable=False, comment="sha256 of the address in small letters, as in contact_blocks."),
        sa.PrimaryKeyConstraint("invitation_id", name=op.f("mailed_addresses_pkey")),
        schema="pii",
        comment="Where each invitation was sent, so that nobody is asked twice for being two customers.",
    )
    op.create_index(op.f("mailed_addresses_address_hash_idx"), "mailed_addresses", ["address_hash"], unique=False, schema="pii")
