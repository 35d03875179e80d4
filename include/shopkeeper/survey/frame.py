"""The frame of a wave: everyone who might be asked, each with the first reason why not, in one pass over the records.

Works in the temporary table `candidates`; what it holds at the end is frozen in quality.wave_frames.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from shopkeeper.company import conditions
from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import Programme
from shopkeeper.survey import random_numbers
from shopkeeper.survey.addresses import ADDRESS, HASH, goes_by_email, well_formed
from shopkeeper.survey.current import largest_batch, newest, survivors
from shopkeeper.survey.waves import Wave
from shopkeeper.warehouse.entities import ENTITIES
from shopkeeper.warehouse.typing import literal, name

# code → in words, in the order in which they are judged
REASONS = {
    "merged": "turned out to be the same person as another customer, who is asked instead",
    "not_eligible": "does not meet the programme's condition",
    "staff": "works for the company",
    "opted_out": "has asked not to be surveyed, according to the CRM",
    "do_not_contact": "must not be contacted, according to the CRM",
    "blocked": "is on the suppression list",
    "no_email": "no e-mail address is known",
    "malformed_email": "the e-mail address is not one",
    "shared_address": "another customer has the same e-mail address, and one of them was picked at random",
    "too_old": "came to light too long after it happened",
    "quarantine_programme": "another invitation of this programme is too near",
    "quarantine_any": "an invitation of another programme is too near",
    "after_decline": "declined a survey not long before",
    "another_interaction": "is asked about another interaction, picked at random",
    "quota_reached": "enough have answered there",
}


def gather(
    connection: sa.Connection, folder: CompanyFolder, programme: Programme, wave: Wave, *, as_of: datetime, known_at: datetime
) -> None:
    """Make `candidates`: one row per customer (or employee), or per interaction where the programme follows those.

    Its random number is the customer's; the interaction's where several of one customer may be asked about. `one_of` says
    among how many the row was picked at random. Only shared addresses, earlier invitations and quotas are judged later.
    Makes `merged` too, who is the same person as whom, for the quarantine.
    """
    condition = conditions.condition(programme.eligibility, conditions.ABOUT[programme.kind])
    binds: dict[str, Any] = {
        **condition.binds,
        "known_at": known_at,
        "as_of": as_of,
        "as_of_on": as_of.astimezone(folder.company.zone).date(),
        "timezone": folder.company.timezone,
        "address_form": ADDRESS,
    }
    by = programme.sampling.by
    stratum = conditions.grouping(by, conditions.ABOUT[programme.kind]) if by else "cast(null as text)"
    merged = connection.execute(sa.text(f"create temporary table merged on commit drop as {survivors()}"), binds).rowcount > 0
    if programme.after is not None:
        _interactions(connection, programme, wave, binds)
    unit = "interaction.interaction_id" if asks_about_each(programme) else "customer.customer_id"
    if programme.kind == "employee":
        unit = "employee.employee_id"
    judged = _judged(connection, programme, condition.sql, is_any_merged=merged)
    connection.execute(
        sa.text(
            f"""
            create temporary table candidates on commit drop as
            select {_columns(programme)}, {stratum} as stratum, {random_numbers.sql(wave.salt, unit)} as random_number,
                1 as one_of, case {judged} end as reason
            from {_records(connection, programme, known_at)}
            """
        ),
        binds,
    )


def asks_about_each(programme: Programme) -> bool:
    """Whether several interactions of one customer may be asked about in one wave."""
    return programme.after is not None and not programme.sampling.one_per_customer and programme.quarantine == 0


def _interactions(connection: sa.Connection, programme: Programme, wave: Wave, binds: dict[str, Any]) -> None:
    """Make `wave_interactions`: those that the programme asks about and no earlier wave of it has judged.

    What happened before the programme's first wave began to cover never comes up; what comes to light late does.
    """
    after = programme.after
    assert after is not None
    chosen = [("interaction_type", after.interaction_types), ("outcome", after.outcomes)]
    filters = "".join(f" and {column} = any(:{column}s)" for column, values in chosen if values)
    others = ", ".join(name(column.name) for column in ENTITIES["interactions"].plain_columns if column.name != "customer_id")
    connection.execute(
        sa.text(
            f"""
            create temporary table wave_interactions on commit drop as
            select coalesce(survivor_customer_id, customer_id) as customer_id, {others}, {after.moment} as moment
            from ({newest("interactions")}) as interaction
            left join merged using (customer_id)
            where {after.moment} > :began and {after.moment} <= :as_of{filters}
                and not exists (
                    select from quality.wave_frames as earlier
                    where earlier.interaction_id = interaction.interaction_id
                        and earlier.wave_id in (select wave_id from ops.waves where programme = :programme)
                )
            """
        ),
        {
            **binds,
            "began": wave.began,
            "programme": wave.programme,
            "interaction_types": list(after.interaction_types),
            "outcomes": list(after.outcomes),
        },
    )
    connection.execute(sa.text("analyze wave_interactions"))
    binds["too_old"] = binds["as_of"] - timedelta(days=after.too_old_days)


def _columns(programme: Programme) -> str:
    if programme.kind == "employee":
        person = f"employee.employee_id as customer_id, cast(null as text) as timezone, cast(null as text) as locale, {HASH}"
    else:
        person = f"customer.customer_id, customer.timezone, customer.locale, {HASH}"
    if programme.after is None:
        return f"{person}, cast(null as text) as interaction_id, cast(null as timestamptz) as moment"
    return f"{person}, interaction.interaction_id, interaction.moment"


def _records(connection: sa.Connection, programme: Programme, known_at: datetime) -> str:
    if programme.kind == "employee":
        return f"""(
            select distinct on (employee_id) * from ({newest("employees", pii=["email"])}) as employee
            where coalesce(valid_from, date '1900-01-01') <= :as_of_on
            order by employee_id, valid_from desc nulls last
        ) as employee"""
    if programme.after is None:
        mostly = largest_batch(connection, "customers", known_at=known_at)
        return f"({newest('customers', pii=['email'], mostly=mostly)}) as customer"
    among = "select distinct customer_id from wave_interactions"
    return (
        f"wave_interactions as interaction inner join ({newest('customers', pii=['email'], among=among)}) as customer using (customer_id)"
    )


def _judged(connection: sa.Connection, programme: Programme, eligible: str, *, is_any_merged: bool) -> str:
    """The branches of a CASE: what can be told from the record alone."""
    person = "employee" if programme.kind == "employee" else "customer"
    email = f"lower({person}.email)"
    reasons = [("merged", "customer.customer_id in (select customer_id from merged)")] if is_any_merged and person == "customer" else []
    reasons.append(("not_eligible", f"not {eligible}"))
    if programme.kind != "employee":
        reasons += [
            ("staff", "customer.is_staff"),
            ("opted_out", "customer.opted_out"),
            ("do_not_contact", "customer.do_not_contact is not null"),
        ]
    # Hashing every address costs time, so it is done only where some address is blocked.
    if person == "customer" and _any(connection, "customer_id is not null and lifted_at is null"):
        blocked = "select customer_id from pii.contact_blocks where customer_id is not null and lifted_at is null"
        blocked += f" union all select survivor_customer_id from merged where customer_id in ({blocked})"
        reasons.append(("blocked", f"customer.customer_id in ({blocked})"))
    if _any(connection, "address_hash is not null and lifted_at is null"):
        blocked = "select decode(address_hash, 'hex') from pii.contact_blocks where address_hash is not null and lifted_at is null"
        reasons.append(("blocked", f"{person}.email is not null and sha256(convert_to({email}, 'UTF8')) in ({blocked})"))
    if goes_by_email(programme):
        reasons += [("no_email", f"{person}.email is null"), ("malformed_email", f"not {well_formed(f'{person}.email')}")]
    if programme.after is not None:
        reasons.append(("too_old", "interaction.moment <= :too_old"))
    return " ".join(f"when {sql} then {literal(reason)}" for reason, sql in reasons)


def _any(connection: sa.Connection, where: str) -> bool:
    return bool(connection.scalar(sa.text(f"select exists (select from pii.contact_blocks where {where})")))


def settle_several_interactions(connection: sa.Connection, programme: Programme, wave: Wave) -> None:
    """Of several interactions of one customer in a wave, one picked at random is asked about."""
    if programme.after is None or asks_about_each(programme):
        return
    connection.execute(
        sa.text(
            f"""
            update candidates
            set one_of = one_of * ranked.interactions, reason = case when ranked.place > 1 then 'another_interaction' end
            from (
                select interaction_id, row_number() over (partition by customer_id order by pick, interaction_id) as place,
                    count(*) over (partition by customer_id) as interactions
                from (
                    select customer_id, interaction_id, {random_numbers.sql(wave.salt + "|interaction", "interaction_id")} as pick
                    from candidates
                    where reason is null
                ) as free
            ) as ranked
            where ranked.interaction_id = candidates.interaction_id and ranked.interactions > 1
            """
        )
    )


def settle_quotas(connection: sa.Connection, programme: Programme) -> None:
    """Where nobody is wanted, nobody is asked; a quota that answers fill stops the sending instead."""
    if closed := [value for value, quota in programme.sampling.quotas.items() if quota == 0]:
        connection.execute(
            sa.text("update candidates set reason = 'quota_reached' where reason is null and stratum = any(:closed)"), {"closed": closed}
        )
