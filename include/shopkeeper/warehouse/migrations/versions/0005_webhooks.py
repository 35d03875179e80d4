"""What webhooks may do: leave a message, and be told whether to call a customer back. They have no right to any table."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

DEFINER = "security definer set search_path = pg_catalog, pg_temp"

# A message that has come before, by its id, is the same message: it is acknowledged and changes nothing.
RECEIVE_MESSAGE = f"""
    create function ops.receive_message(provider_name text, webhook_id text, told jsonb) returns boolean
    language plpgsql volatile {DEFINER}
    as $$
    begin
        insert into pii.provider_messages (provider, native_id, payload, call_id, customer_id)
        values (
            receive_message.provider_name, receive_message.webhook_id, receive_message.told,
            receive_message.told #>> '{{data,call_id}}', receive_message.told #>> '{{data,customer_id}}'
        )
        on conflict (provider, native_id) do nothing;
        return found;
    end
    $$
"""

# The reply to a hang-up is the request to call back, and what it was is written before it is given. `rule`: programme, seconds
# until it is too late, days of quarantine (own_days, any_days, decline_days), and instance, which only live delivery names.
# Two reports of one call wait for each other, as do two calls of one customer: one of them gets the call-back. Why not is kept,
# and told only as far as it is about the call: whoever broke in here learns nothing about a customer.
ANSWER_HANG_UP = f"""
    create function ops.answer_hang_up(provider_name text, webhook_id text, told jsonb, rule jsonb) returns text
    language plpgsql volatile {DEFINER}
    as $$
    declare
        call text := told #>> '{{data,call_id}}';
        customer text := told #>> '{{data,customer_id}}';
        hung_up_at timestamptz := (told ->> 'timestamp')::timestamptz;
        sayable constant text[] := array['call_back', 'already_requested', 'late', 'not_agreed'];
        answer text;
    begin
        perform pg_advisory_xact_lock(hashtextextended('shopkeeper.survey.person.' || coalesce(customer, call), 0));
        select messages.reply into answer
        from pii.provider_messages as messages
        where messages.provider = provider_name and messages.native_id = webhook_id;
        if found then
            return case when answer = any(sayable) then answer else 'not_now' end;
        end if;
        answer := case
            when exists (
                select from pii.provider_messages as messages
                where messages.provider = provider_name and messages.call_id = call and messages.reply = 'call_back'
            ) then 'already_requested'
            when clock_timestamp() > hung_up_at + make_interval(secs => (rule ->> 'seconds')::integer) then 'late'
            when not exists (
                select from pii.provider_messages as messages
                where messages.provider = provider_name and messages.call_id = call and messages.payload ->> 'type' = 'call.agreed'
            ) then 'not_agreed'
            when not exists (select from ops.instance where instance.instance_id::text = lower(rule ->> 'instance')) then 'sandbox'
            when exists (
                select from ops.pauses
                where pauses.resumed_at is null and (pauses.programme is null or pauses.programme = rule ->> 'programme')
            ) then 'paused'
            when exists (
                select from pii.contact_blocks as blocks where blocks.customer_id = customer and blocks.lifted_at is null
            ) then 'blocked'
            when exists (
                select
                from ops.invitations as others
                join ops.invitation_events as events on events.invitation_id = others.invitation_id
                where others.customer_id = customer and others.interaction_id is distinct from call
                    and events.message is distinct from 'reminder'
                    and (
                        events.event = 'sent' and events.occurred_at > hung_up_at - make_interval(
                            days => (
                                rule ->> case when others.programme = rule ->> 'programme' then 'own_days' else 'any_days' end
                            )::integer
                        )
                        or events.event = 'declined'
                            and events.occurred_at > hung_up_at - make_interval(days => (rule ->> 'decline_days')::integer)
                    )
            ) or exists (
                select from pii.provider_messages as messages
                where messages.customer_id = customer and messages.call_id <> call and messages.reply = 'call_back'
                    and messages.received_at > hung_up_at - make_interval(days => (rule ->> 'own_days')::integer)
            ) then 'quarantine'
            else 'call_back'
        end;
        insert into pii.provider_messages (provider, native_id, payload, call_id, customer_id, reply)
        values (provider_name, webhook_id, told, call, customer, answer);
        return case when answer = any(sayable) then answer else 'not_now' end;
    end
    $$
"""


def upgrade() -> None:
    op.execute(RECEIVE_MESSAGE)
    op.execute(ANSWER_HANG_UP)
