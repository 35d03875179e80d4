"""Who in an account has been heard: contacts by what they are to it, their answers, and those who are silent.

Accounts stand under their ids. Some are people in business for themselves, and a report that was handed around cannot be erased.
"""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report import pictures
from shopkeeper.quality.report.layout import Column, Page, Picture, Row, Section, Table
from shopkeeper.quality.report.reading import has_rows, rows
from shopkeeper.quality.report.scoring import scored
from shopkeeper.quality.report.tracing import traced

ROLES = """
select
    contact_role, count(*) as accounts, sum(contacts)::bigint as contacts, sum(asked_contacts)::bigint as asked_contacts,
    sum(silent_contacts)::bigint as silent_contacts, sum(answers)::bigint as answers,
    (sum(promoters) + sum(passives) + sum(detractors))::bigint as responses, sum(promoters)::bigint as promoters,
    sum(passives)::bigint as passives, sum(detractors)::bigint as detractors
from account_contacts_by_role
group by contact_role
order by sum(contacts) desc, contact_role
"""

# Whom nobody hears of an account that is heard: its score is that of the others. The largest first, as many as can be read.
UNHEARD = """
select
    accounts.account_id, accounts.industry, accounts.contacts, accounts.asked_contacts, accounts.silent_contacts, accounts.promoters,
    accounts.passives, accounts.detractors, accounts.answers, accounts.latest_responded_on,
    string_agg(roles.contact_role, ', ' order by roles.contact_role) as silent_roles
from dim_accounts as accounts
inner join account_contacts_by_role as roles
    on accounts.account_id = roles.account_id and roles.contacts = roles.silent_contacts
where accounts.answers > 0
group by
    accounts.account_id, accounts.industry, accounts.contacts, accounts.asked_contacts, accounts.silent_contacts, accounts.promoters,
    accounts.passives, accounts.detractors, accounts.answers, accounts.latest_responded_on
order by accounts.contacts desc, accounts.detractors desc, accounts.account_id
limit 500
"""

COUNTED = """
select
    count(*) as accounts, count(*) filter (where answers > 0) as heard,
    count(*) filter (where answers > 0 and silent_roles > 0) as partly, count(*) filter (where asked_contacts = 0) as unasked
from dim_accounts
where contacts > 0
"""

BANDS = (Column("promoters", "Promoters", "count"), Column("passives", "Passives", "count"), Column("detractors", "Detractors", "count"))
CONTACTS = (
    Column("contacts", "Contacts", "count"),
    Column("asked_contacts", "Asked", "count"),
    Column("silent_contacts", "Silent", "count"),
)
ROLE_COLUMNS = (
    Column("contact_role", "Role"),
    Column("accounts", "Accounts", "count"),
    *CONTACTS,
    Column("answers", "Answers", "count"),
    *BANDS,
    Column("score", "Score", "points"),
    Column("low", "Low", "points"),
    Column("high", "High", "points"),
)
UNHEARD_COLUMNS = (
    Column("account_id", "Account"),
    Column("industry", "Industry"),
    Column("silent_roles", "Nobody is heard of"),
    *CONTACTS,
    *BANDS,
    Column("answers", "Answers", "count"),
    Column("latest_responded_on", "Latest", "day"),
)

QUERY = """-- one account: everybody in it, the role, what was said last, and its name
select accounts.name, customers.contact_role, customers.customer_id, latest.responded_on, latest.score, latest.band, latest.verbatim
from marts.dim_accounts as accounts
inner join marts.dim_customers as customers on accounts.account_id = customers.account_id
left join lateral (
    select * from marts.fct_survey_responses as responses
    where responses.customer_id = customers.customer_id and responses.excluded_reason is null
    order by responded_at desc nulls last limit 1
) as latest on true
where accounts.account_id = '{account}'
order by customers.contact_role, customers.customer_id;
"""


def page(connection: sa.Connection, hidden_below: int) -> Page | None:
    if not has_rows(connection, "account_contacts_by_role"):
        return None
    roles = [scored(row, hidden_below) for row in rows(connection, ROLES)]
    unheard = [row | {"trace": traced("dim_accounts", row)} for row in rows(connection, UNHEARD)]
    counted = rows(connection, COUNTED)[0]
    text = (
        f"Of {counted['accounts']:,} accounts {counted['heard']:,} have been heard; in {counted['partly']:,} of these whole roles are"
        f" silent. {counted['unasked']:,} have no contact who was ever asked."
    )
    query = QUERY.format(account=unheard[0]["account_id"] if unheard else "…")
    tables = (
        Table("accounts_by_role", "Contacts by role; the score is that of their latest answers", ROLE_COLUMNS, roles, query=query),
        Table("accounts_unheard", "Accounts that are heard, but not all of their roles", UNHEARD_COLUMNS, unheard, shown=20),
    )
    return Page(
        "accounts",
        "Accounts",
        "Who in our accounts has been heard?",
        "An account whose users are promoters is not safe while those who decide are silent.",
        (Section("accounts", "Business customers", text, _silent(roles), tables),),
    )


def _silent(roles: list[Row]) -> tuple[Picture, ...]:
    drawn = [{"label": row["contact_role"], "value": row["silent_contacts"] / row["contacts"]} for row in roles if row["contacts"]]
    if len(drawn) < 2:
        return ()
    told = "; ".join(f"{row['label']} {100 * row['value']:.0f} %" for row in drawn)
    return (pictures.bars(drawn, "Share of contacts who are silent", told, "share"),)
