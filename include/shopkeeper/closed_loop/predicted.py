"""Customers who were asked, said nothing, and would probably have been detractors: the at-risk list, from the published marts.

Only where closed_loop.yml has a rule of the kind `predicted`. Nothing was said by anybody: the signal, the order and the message say that a
model expects it, and never how much.
"""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import sqlalchemy as sa

from shopkeeper.closed_loop.facts import OF_FOUND, PEOPLE, Facts, read
from shopkeeper.company.closed_loop import Rule
from shopkeeper.company.config import CompanyFolder

# Whoever an order was opened for since the invitation has been spoken to, or will be.
_AT_RISK = f"""
    with
    subjects as materialized (
        select
            'prediction' as subject, predicted.programme || '|' || predicted.invitation_id as key,
            cast(:as_of as timestamptz) as occurred_at, predicted.customer_id, invitations.interaction_id, predicted.programme,
            predicted.detractor_probability as value
        from marts.predicted_nps as predicted
        inner join marts.fct_survey_invitations as invitations using (invitation_id)
        where predicted.detractor_probability >= :at_least
            and (cardinality(cast(:programmes as text[])) = 0 or predicted.programme = any(:programmes))
            and not exists (
                select from ops.signals
                where subject = 'prediction' and subject_key = predicted.programme || '|' || predicted.invitation_id
            )
            and not exists (
                select from ops.work_orders as orders
                where orders.customer_id = predicted.customer_id and (orders.state = 'open' or orders.opened_at >= invitations.invited_at)
            )
        order by predicted.detractor_probability desc, predicted.customer_id, predicted.programme
        limit :still
    ),
    {PEOPLE}
    select {OF_FOUND}, subjects.programme, subjects.value
    from found
    inner join subjects using (subject, key)
    order by subjects.value desc, found.key
"""


def at_risk(connection: sa.Connection, folder: CompanyFolder, *, now: datetime) -> list[Facts]:
    """Whom the rules may still speak of today, the likeliest first; empty without such a rule, or before anything was predicted.

    A prediction is looked at once. It is dated to what the publication knew, so that an old one leads to nothing any more.
    """
    rules = {name: rule for name, rule in folder.closed_loop.rules.items() if rule.kind == "predicted"}
    if not rules or not connection.scalar(sa.text("select to_regclass('marts.predicted_nps') is not null")):
        return []
    as_of = connection.scalar(sa.text("select as_of from quality.publications order by publication_id desc limit 1"))
    found: dict[str, Facts] = {}
    for name, rule in rules.items():
        found |= {facts.key: facts for facts in _of_rule(connection, folder, name, rule, as_of=as_of, now=now)}
    return list(found.values())


def _of_rule(
    connection: sa.Connection, folder: CompanyFolder, name: str, rule: Rule, *, as_of: datetime | None, now: datetime
) -> list[Facts]:
    today = datetime.combine(now.astimezone(folder.company.zone).date(), time(), folder.company.zone)
    done = sa.text("select count(*) from ops.signals where rule = :rule and noticed_at >= :today")
    still = rule.at_most_per_day - int(connection.scalar(done, {"rule": name, "today": today}) or 0)
    if as_of is None or still <= 0:
        return []
    given: dict[str, Any] = {"as_of": as_of, "at_least": rule.at_least, "programmes": list(rule.programmes), "still": still, "now": now}
    return read(connection, _AT_RISK, given)
