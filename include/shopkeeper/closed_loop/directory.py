"""Who works where today: `ops.directory`, from the CRM's employees and units."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.survey.current import newest, readable
from shopkeeper.survey.packet import NOW_KNOWN

COLUMNS = ("org_unit_id", "unit_path", "manager_id", "role", "leads", "is_here", "locale", "decides")

# A row holds from its first day on, the first one for ever before; days are in company time. One who has left has a row without a
# unit, or is gone from the CRM's list; the last supervisor is kept, to whom falls what was his or hers. A column `locale` that the
# source has beside the declared ones says in which language somebody is written to.
_PEOPLE = f"""
    with recursive
    posts as (
        select employee_id, org_unit_id, manager_id, role, extra ->> 'locale' as locale, coalesce(valid_from, date '1900-01-01') as since
        from ({newest("employees", pii=("extra",))}) as posts
    ),
    standing as (
        select distinct on (employee_id) employee_id, org_unit_id, role, locale
        from posts where since <= :today
        order by employee_id, since desc
    ),
    supervised as (
        select distinct on (employee_id) employee_id, manager_id
        from posts where since <= :today and manager_id is not null
        order by employee_id, since desc
    ),
    ever as (
        select
            employee_id,
            (array_agg(manager_id order by _loaded_at desc, _batch_id desc) filter (where manager_id is not null))[1] as manager_id
        from raw.employees where {readable("employees")}
        group by employee_id
    ),
    units as (
        select distinct on (org_unit_id) org_unit_id, parent_id
        from (select org_unit_id, parent_id, coalesce(valid_from, date '1900-01-01') as since from ({newest("org_units")}) as said) as rows
        order by org_unit_id, (since <= :today) desc, case when since <= :today then since end desc, since
    ),
    placed (org_unit_id, unit_path) as (
        select org_unit_id, '/' || org_unit_id || '/'
        from units where parent_id is null or parent_id not in (select org_unit_id from units)
        union all
        select units.org_unit_id, placed.unit_path || units.org_unit_id || '/'
        from units inner join placed on units.parent_id = placed.org_unit_id
    )
    select
        ever.employee_id,
        standing.org_unit_id,
        case when standing.org_unit_id is not null then coalesce(placed.unit_path, '/' || standing.org_unit_id || '/') end as unit_path,
        coalesce(supervised.manager_id, ever.manager_id) as manager_id,
        standing.role,
        exists (
            select from supervised as others
            inner join standing as theirs using (employee_id)
            where others.manager_id = ever.employee_id and theirs.org_unit_id is not null
        ) as leads,
        standing.org_unit_id is not null as is_here,
        standing.locale,
        coalesce(standing.role = any(cast(:leaders as text[])), false) as decides
    from ever
    left join standing using (employee_id)
    left join supervised using (employee_id)
    left join placed on standing.org_unit_id = placed.org_unit_id
"""


def refresh(engine: sa.Engine, folder: CompanyFolder, *, now: datetime) -> dict[str, int]:
    """Make the directory say what the CRM says of today; returns how many are here, and how many entries were changed.

    Again on the same day it changes nothing. Nobody is ever dropped from it: orders and messages still name those who have left.
    """
    today = now.astimezone(folder.company.zone).date()
    listed, new = ", ".join(COLUMNS), ", ".join(f"excluded.{column}" for column in COLUMNS)
    old = ", ".join(f"directory.{column}" for column in COLUMNS)
    with engine.begin() as connection:
        connection.execute(sa.text("select pg_advisory_xact_lock(hashtextextended('shopkeeper.directory', 0))"))
        changed = connection.execute(
            sa.text(
                f"""
                insert into ops.directory (employee_id, {listed})
                select employee_id, {listed} from ({_PEOPLE}) as people
                on conflict (employee_id) do update set ({listed}) = row ({new})
                where row ({old}) is distinct from row ({new})
                """
            ).bindparams(sa.bindparam("today", type_=sa.Date)),
            {"today": today, "known_at": NOW_KNOWN, "leaders": list(folder.closed_loop.leaders)},
        ).rowcount
        here = connection.scalar(sa.text("select count(*) from ops.directory where is_here")) or 0
    return {"here": here, "changed": changed}
