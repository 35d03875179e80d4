"""The packet: who is asked, and what last happened between the customer and us, gathered when an invitation is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from shopkeeper.survey.current import newest, survivors

RECENT = 3
# Sending goes by what is known at that moment: a batch that has only just passed may hold an opt-out.
NOW_KNOWN = "infinity"


@dataclass(frozen=True)
class Interaction:
    """`with_role` and `with_unit` name the employee's role and the unit, as they were then; nobody by name."""

    interaction_id: str
    interaction_type: str | None
    occurred_at: datetime
    resolved_at: datetime | None
    channel: str | None
    outcome: str | None
    with_role: str | None
    with_unit: str | None


@dataclass(frozen=True)
class Packet:
    """Identity and last interactions of one who is asked, newest first. `about` is the interaction that the survey is about.

    `other_records` are the customer records that turned out to be this person too.
    """

    invitation_id: UUID
    person_id: str
    full_name: str | None = field(repr=False)
    email: str | None = field(repr=False)
    locale: str | None
    timezone: str | None
    about: Interaction | None
    recent: tuple[Interaction, ...]
    may_not_be_asked: str | None = None
    other_records: tuple[str, ...] = ()

    def fields(self, zone: ZoneInfo) -> dict[str, str]:
        """The packet as flat texts, for providers: empty where not known; dates are in `zone`, company time."""
        fields = {"customer_id": self.person_id, "full_name": self.full_name or "", "email": self.email or "", "locale": self.locale or ""}
        last = (*self.recent, *(None,) * RECENT)[:RECENT]
        for prefix, one in (("about", self.about), *((f"recent_{place}", one) for place, one in enumerate(last, 1))):
            fields[f"{prefix}_interaction_id"] = one.interaction_id if one else ""
            fields[f"{prefix}_type"] = (one and one.interaction_type) or ""
            fields[f"{prefix}_on"] = one.occurred_at.astimezone(zone).date().isoformat() if one else ""
            fields[f"{prefix}_channel"] = (one and one.channel) or ""
            fields[f"{prefix}_role"] = (one and one.with_role) or ""
            fields[f"{prefix}_unit"] = (one and one.with_unit) or ""
            fields[f"{prefix}_outcome"] = (one and one.outcome) or ""
        return fields


_PEOPLE = f"""
    with asked as (select invitation_id, customer_id, employee_id, locale from ops.invitations where invitation_id = any(:ids)),
    customers as ({newest("customers", pii=("full_name", "email"), among="select customer_id from asked where customer_id is not null")}),
    merged as ({survivors()}),
    employees as (
        select distinct on (employee_id) employee_id, email from ({newest("employees", pii=("email",))}) as versions
        where employee_id in (select employee_id from asked) order by employee_id, valid_from desc nulls last
    )
    select
        asked.invitation_id, coalesce(asked.customer_id, asked.employee_id) as person_id, customers.full_name,
        coalesce(customers.email, employees.email) as email, asked.locale, customers.timezone,
        case
            when asked.customer_id in (select customer_id from merged) then 'merged'
            when coalesce(customers.customer_id, employees.employee_id) is null then 'gone'
            when customers.opted_out then 'opted_out'
            when customers.do_not_contact is not null then 'do_not_contact'
            when customers.is_staff then 'staff'
        end as may_not_be_asked,
        array(select merged.customer_id from merged where merged.survivor_customer_id = asked.customer_id) as other_records
    from asked
    left join customers using (customer_id)
    left join employees using (employee_id)
"""

_INTERACTIONS = f"""
    with invited as (
        select invitation_id, customer_id, interaction_id from ops.invitations where invitation_id = any(:ids) and customer_id is not null
    ),
    asked as (
        select * from invited
        union all
        select invited.invitation_id, merged.customer_id, invited.interaction_id
        from invited inner join ({survivors()}) as merged on invited.customer_id = merged.survivor_customer_id
    ),
    found as (
        {newest("interactions", among="select interaction_id from raw.interactions where customer_id in (select customer_id from asked)")}
    ),
    placed as (
        select
            asked.invitation_id, found.*, found.interaction_id is not distinct from asked.interaction_id as is_about,
            row_number() over (partition by asked.invitation_id order by found.occurred_at desc, found.interaction_id) as place
        from asked
        inner join found using (customer_id)
        where found.occurred_at <= :now
    ),
    kept as (select * from placed where is_about or place <= :recent),
    units as (select * from ({newest("org_units")}) as versions where org_unit_id in (select org_unit_id from kept)),
    staff as (select * from ({newest("employees")}) as versions where employee_id in (select employee_id from kept))
    select
        kept.invitation_id, kept.is_about, kept.place, kept.interaction_id, kept.interaction_type, kept.occurred_at, kept.resolved_at,
        kept.channel, kept.outcome,
        (
            select staff.role from staff
            where staff.employee_id = kept.employee_id and coalesce(staff.valid_from, '-infinity') <= kept.occurred_at
            order by staff.valid_from desc nulls last limit 1
        ) as with_role,
        (
            select units.name from units
            where units.org_unit_id = kept.org_unit_id and coalesce(units.valid_from, '-infinity') <= kept.occurred_at
            order by units.valid_from desc nulls last limit 1
        ) as with_unit
    from kept
    order by kept.invitation_id, kept.place
"""


def gather(connection: sa.Connection, invitation_ids: Sequence[UUID], now: datetime) -> Mapping[UUID, Packet]:
    """The packets of these invitations, by invitation, from what is known at this moment.

    `may_not_be_asked` says why not, where the CRM says so by now: merged, gone, opted_out, do_not_contact or staff.
    """
    given = {"ids": list(invitation_ids), "known_at": NOW_KNOWN, "now": now, "recent": RECENT}
    about: dict[UUID, Interaction] = {}
    recent: dict[UUID, list[Interaction]] = {}
    for row in connection.execute(sa.text(_INTERACTIONS), given).mappings():
        interaction = Interaction(**{name: row[name] for name in Interaction.__dataclass_fields__})
        if row["is_about"]:
            about[row["invitation_id"]] = interaction
        if row["place"] <= RECENT:
            recent.setdefault(row["invitation_id"], []).append(interaction)
    packets = {}
    for row in connection.execute(sa.text(_PEOPLE), given).mappings():
        invitation_id = row["invitation_id"]
        records = {**row, "other_records": tuple(row["other_records"])}
        packets[invitation_id] = Packet(**records, about=about.get(invitation_id), recent=tuple(recent.get(invitation_id, ())))
    return packets
