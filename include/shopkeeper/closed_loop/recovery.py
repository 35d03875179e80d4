"""The recovery survey: some days after an order was resolved, the customer is asked once more.

Whoever is due is put into a wave of its own, in the survey's ledger, and the survey system sends it and collects the answer like
any other. The event `recovery_asked` ties invitation and order. It follows soon after another survey by its nature, so the quarantine
between programmes lets it pass (survey/recheck.py); opt-outs, blocks, and everything else hold.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shopkeeper.closed_loop.commands import SHOPKEEPER
from shopkeeper.company import conditions
from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import Programme
from shopkeeper.errors import fail
from shopkeeper.survey import assignment, mode, random_numbers, windows
from shopkeeper.survey.addresses import ADDRESS, goes_by_email, well_formed
from shopkeeper.survey.current import newest, survivors
from shopkeeper.survey.packet import NOW_KNOWN
from shopkeeper.survey.waves import Wave
from shopkeeper.warehouse.survey_tables import WAVES
from shopkeeper.warehouse.typing import literal

# After an outage of the closed loop nobody is asked about what is long past.
TOO_LATE = timedelta(days=30)
SIZE = 5000


def ask(engine: sa.Engine, folder: CompanyFolder, *, now: datetime, run_id: str | None = None) -> int:
    """Invite every customer whose order was resolved long enough ago; returns how many invitations were written.

    Once per order, whatever becomes of it: who may not be asked is noted with the reason. A customer with an open order waits for
    its end. Raises ShopkeeperError when closed_loop.yml names a programme that programmes.yml lacks, or delivery is not set up.
    """
    name = folder.closed_loop.cycle.recovery_programme
    if name is None:
        return 0
    programme = folder.programmes.programmes.get(name)
    if programme is None or programme.kind == "employee":
        where = "closed_loop.yml › cycle › recovery_programme"
        raise fail(where, f"{name} is no programme for customers in programmes.yml", "name one that is, or take it out")
    asked = 0
    while True:
        with engine.begin() as connection:
            # Of two runs at once the second finds everything done.
            connection.execute(sa.text("select pg_advisory_xact_lock(hashtextextended('shopkeeper.closed_loop.recovery', 0))"))
            due = _find_due(connection, folder, now)
            if not due:
                return asked
            asked += _invite(connection, folder, name, programme, now=now, run_id=run_id)
        if due < SIZE:
            return asked


_DUE = f"""
    create temporary table due_recoveries on commit drop as
    select order_id, coalesce(merged.survivor_customer_id, customer_id) as customer_id, interaction_id, closed_at
    from ops.work_orders as orders
    left join ({survivors()}) as merged using (customer_id)
    where state = 'closed' and close_reason = 'resolved' and closed_at <= :until and closed_at > :since
        and not exists (
            select from ops.work_order_events as events
            where events.order_id = orders.order_id and events.event in ('recovery_asked', 'recovery_left_out')
        )
        and not exists (
            select from ops.work_orders as others
            where others.customer_id = coalesce(merged.survivor_customer_id, orders.customer_id) and others.state = 'open'
        )
    order by closed_at, order_id
    limit :size
"""


def _find_due(connection: sa.Connection, folder: CompanyFolder, now: datetime) -> int:
    until = now - timedelta(days=folder.closed_loop.cycle.recovery_after_days)
    given = {"until": until, "since": until - TOO_LATE, "size": SIZE, "known_at": NOW_KNOWN}
    connection.execute(sa.text("drop table if exists due_recoveries"))
    return connection.execute(sa.text(_DUE), given).rowcount


def _invite(connection: sa.Connection, folder: CompanyFolder, name: str, programme: Programme, *, now: datetime, run_id: str | None) -> int:
    wave = _wave(connection, name, now)
    windows.store(connection, programme, wave, as_of=now, company_zone=folder.company.zone)
    _judge(connection, folder, programme, wave, now)
    connection.execute(sa.text(_FRAME), {"wave_id": wave.wave_id})
    drawn = _write_invitations(connection, folder, programme, wave, now)
    candidates = connection.scalar(sa.text("select count(*) from recoveries")) or 0
    connection.execute(
        sa.insert(WAVES).values(
            wave_id=wave.wave_id,
            programme=name,
            name=wave.name,
            salt=wave.salt,
            covers_from=wave.covers_from,
            covers_to=wave.covers_to,
            as_of=now,
            config_hash=folder.programmes.config_hash(name),
            config=programme.frozen(),
            quarantine=folder.programmes.quarantine.model_dump(mode="json"),
            method=programme.method(),
            delivery=mode.current(connection).delivery,
            candidates=candidates,
            turned_away=candidates - drawn,
            drawn=drawn,
            drawn_at=now,
            run_id=run_id,
        )
    )
    connection.execute(sa.text(_EVENTS), {"now": now, "actor": SHOPKEEPER})
    return drawn


def _wave(connection: sa.Connection, name: str, now: datetime) -> Wave:
    """A wave of everybody who is due now, named by the moment."""
    stamp = now.astimezone(UTC).isoformat().replace("+00:00", "Z")
    like = "select count(*) from ops.waves where programme = :name and starts_with(name, :stamp)"
    before = connection.scalar(sa.text(like), {"name": name, "stamp": stamp})
    since = connection.scalar(sa.text("select min(closed_at) from due_recoveries"))
    assert since is not None
    return Wave(name, f"{stamp}-{before + 1}" if before else stamp, covers_from=since, covers_to=now, began=since)


def _judge(connection: sa.Connection, folder: CompanyFolder, programme: Programme, wave: Wave, now: datetime) -> None:
    """Make `recoveries`: everybody who is due, with the first reason why not, in the words of survey.frame.REASONS."""
    condition = conditions.condition(programme.eligibility, conditions.ABOUT[programme.kind])
    blocked = """
        exists (
            select from pii.contact_blocks as blocks
            where blocks.lifted_at is null and (
                blocks.customer_id = due.customer_id
                or blocks.address_hash = encode(sha256(convert_to(lower(btrim(customer.email)), 'UTF8')), 'hex')
            )
        )
    """
    declined = """
        exists (
            select from ops.invitations
            inner join ops.invitation_events as events using (invitation_id)
            where invitations.customer_id = due.customer_id and events.event in ('declined', 'opted_out')
                and events.occurred_at > :declined_since
        )
    """
    reasons = [
        ("another_interaction", "place > 1"),
        ("gone", "customer.customer_id is null"),
        ("not_eligible", f"not {condition.sql}"),
        ("staff", "customer.is_staff"),
        ("opted_out", "customer.opted_out"),
        ("do_not_contact", "customer.do_not_contact is not null"),
        ("blocked", blocked),
    ]
    if goes_by_email(programme):
        reasons += [("no_email", "customer.email is null"), ("malformed_email", f"not {well_formed('customer.email')}")]
    reasons.append(("after_decline", declined))
    first = " ".join(f"when {sql} then {literal(reason)}" for reason, sql in reasons)
    query = f"""
        create temporary table recoveries on commit drop as
        with due as (
            select *, row_number() over (partition by customer_id order by closed_at desc, order_id) as place from due_recoveries
        ),
        customer as ({newest("customers", pii=("email",), among="select customer_id from due")}),
        interaction as ({newest("interactions", among="select interaction_id from due where interaction_id is not null")})
        select
            due.order_id, due.customer_id, due.interaction_id, due.closed_at as moment, customer.timezone, customer.locale,
            {random_numbers.sql(wave.salt, "due.customer_id")} as random_number,
            case {first} end as reason
        from due
        left join customer on due.customer_id = customer.customer_id
        left join interaction on due.interaction_id = interaction.interaction_id
    """
    given: dict[str, Any] = {
        **condition.binds,
        "known_at": NOW_KNOWN,
        "as_of_on": now.astimezone(folder.company.zone).date(),
        "timezone": folder.company.timezone,
        "address_form": ADDRESS,
        "declined_since": now - timedelta(days=folder.programmes.quarantine.after_decline_days),
    }
    connection.execute(sa.text("drop table if exists recoveries"))
    connection.execute(sa.text(query), given)


_FRAME = """
    insert into quality.wave_frames (wave_id, customer_id, interaction_id, random_number, outcome, reason, inclusion_probability)
    select
        :wave_id, customer_id, interaction_id, random_number, case when reason is null then 'drawn' else 'turned_away' end, reason,
        case when reason is null then 1 end
    from recoveries
"""

_INVITATION = "ops.stable_id('invitation', concat_ws(chr(31), 'recovery', order_id))"

_EVENTS = f"""
    insert into ops.work_order_events (order_id, event, command_id, actor, reason, invitation_id, occurred_at)
    select
        order_id, case when reason is null then 'recovery_asked' else 'recovery_left_out' end,
        ops.stable_id('recovery', cast(order_id as text)), :actor, reason, case when reason is null then {_INVITATION} end, :now
    from recoveries
    order by order_id
"""


def _write_invitations(connection: sa.Connection, folder: CompanyFolder, programme: Programme, wave: Wave, now: datetime) -> int:
    """Invitations and what is to be sent; everybody who is due is asked, so each speaks for one."""
    written = connection.execute(
        sa.text(
            f"""
            with asked as (select * from recoveries where reason is null)
            insert into ops.invitations (
                invitation_id, wave_id, programme, customer_id, interaction_id, provider, channel, locale, inclusion_probability,
                design_weight, arms, invited_at, due_at, expires_at
            )
            select
                {_INVITATION}, :wave_id, :programme, customer_id, interaction_id, :provider,
                {assignment.channel(programme, wave, "asked")}, {assignment.locale(programme, "asked")}, 1, 1,
                {assignment.arms(programme, wave, "asked")}, :as_of, due_at, due_at + :lasts
            from asked cross join {assignment.due_at(programme, wave, "asked")}
            """
        ),
        {
            **assignment.binds(programme, now, folder.company.timezone),
            "wave_id": wave.wave_id,
            "programme": wave.programme,
            "provider": programme.provider,
            "lasts": timedelta(days=programme.expires_after_days),
        },
    ).rowcount
    queue = "select invitation_id, 'invitation', due_at from ops.invitations where wave_id = :wave_id"
    connection.execute(
        sa.text(f"insert into ops.send_queue (invitation_id, message, due_at) {queue}"),
        {"wave_id": wave.wave_id},
    )
    return written
