"""A fourth thing that the survey page may do: write down that a customer says no to this one survey."""

from __future__ import annotations

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
