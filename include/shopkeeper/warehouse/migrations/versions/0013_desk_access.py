"""Who sees what at the desk: the current employee, and row-level security on everything that the role `desk` may touch.

Policies ask `(select ops.current_employee())`: in parentheses it is asked once per statement and not once per row.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

# `pg_temp` last: a caller's temporary table must not stand in for one of ours.
DEFINER = "security definer set search_path = pg_catalog, pg_temp"

# The desk serves many employees with one login and says for whom it asks; everybody else is who the login is.
CURRENT_EMPLOYEE = f"""
    create function ops.current_employee() returns text language sql stable {DEFINER}
    as $$
        select case
            when pg_has_role(session_user, 'desk', 'member') then nullif(current_setting('shopkeeper.employee', true), '')
            else (select logins.employee_id from ops.logins where logins.login = session_user)
        end
    $$
"""

# The units whose people one answers for: the own one and all below, if one leads it; else none.
LED_UNIT = f"""
    create function ops.led_unit() returns text language sql stable {DEFINER}
    as $$
        select directory.unit_path from ops.directory
        where directory.employee_id = ops.current_employee() and directory.leads and directory.is_here
    $$
"""

OWN_UNIT = f"""
    create function ops.own_unit() returns text language sql stable {DEFINER}
    as $$
        select directory.unit_path from ops.directory
        where directory.employee_id = ops.current_employee() and directory.is_here
    $$
"""

SEES_UNIT = f"""
    create function ops.sees_unit(unit_path text) returns boolean language sql stable {DEFINER}
    as $$ select coalesce(starts_with(sees_unit.unit_path, ops.led_unit()), false) $$
"""

# The customers of the orders that one sees, under every id that the CRM has known them by.
VISIBLE_CUSTOMERS = f"""
    create function ops.visible_customers() returns setof text language sql stable {DEFINER}
    as $$
        with recursive known (customer_id) as (
            select orders.customer_id from ops.work_orders as orders
            where orders.owner_employee_id = (select ops.current_employee())
                or starts_with(orders.unit_path, (select ops.led_unit()))
            union
            select merged.customer_id from raw.customers as merged join known on merged.merged_into = known.customer_id
        )
        select known.customer_id from known
    $$
"""

# A call's interaction may be known from any source of interactions; keys find it without a scan.
SEES_INTERACTION = f"""
    create function ops.sees_interaction(interaction text) returns boolean language sql stable {DEFINER}
    as $$
        select exists (
            select from (select distinct batches.source from ops.batches where batches.entity = 'interactions') as sources
            join raw.interactions as known on known._key = ops.stable_id('interactions:' || sources.source, interaction)
            where known.customer_id in (select ops.visible_customers())
        )
    $$
"""

# For logging in: whose work address this is. Nobody's where two people have it.
EMPLOYEE_OF_ADDRESS = f"""
    create function ops.employee_of_address(address text) returns text language sql stable {DEFINER}
    as $$
        with versions as (
            select distinct on (records._key) records._key, records.employee_id, records.valid_from, records._is_deleted
            from raw.employees as records
            join ops.batches on batches.batch_id = records._batch_id and batches.status in ('passed', 'waived')
            order by records._key, records.updated_at desc nulls last, records._loaded_at desc, records._batch_id desc
        ),
        newest as (
            select distinct on (versions.employee_id) versions.employee_id, personal.email
            from versions
            cross join lateral (
                select addresses.email
                from pii.employees as addresses
                join ops.batches on batches.batch_id = addresses._batch_id and batches.status in ('passed', 'waived')
                where addresses._key = versions._key
                order by addresses.updated_at desc nulls last, addresses._loaded_at desc, addresses._batch_id desc
                limit 1
            ) as personal
            where not versions._is_deleted
            order by versions.employee_id, versions.valid_from desc nulls last
        )
        select case when count(*) = 1 then min(newest.employee_id) end
        from newest
        join ops.directory on directory.employee_id = newest.employee_id and directory.is_here
        where lower(newest.email) = lower(employee_of_address.address)
    $$
"""

# Answers that a dispute has moved: the last decision on a dispute holds, and of an answer's upheld disputes the one decided last.
UPHELD_DISPUTES = """
    create view ops.upheld_disputes as
    select distinct on (disputes.response_key) disputes.response_key, latest.to_employee_id
    from ops.disputes
    cross join lateral (
        select decisions.decision_id, decisions.decision, decisions.to_employee_id
        from ops.dispute_decisions as decisions
        where decisions.dispute_id = disputes.dispute_id
        order by decisions.decision_id desc
        limit 1
    ) as latest
    where latest.decision = 'upheld'
    order by disputes.response_key, latest.decision_id desc
"""

# The answers that the current employee, and whoever he or she leads, was told about, with whom to thank or to call: found by the
# messages that told them, so that a page of them costs what it shows. A dispute that was upheld moves an answer, the last one if
# several were. One that has joined no batch yet is read from what the page was sent. `wanted`: one answer; else the newest 300.
# `told_employee`: of one employee.
TOLD_ANSWERS = f"""
    create function ops.told_answers(since timestamptz, wanted text, told_employee text) returns table (
        response_key text, employee_id text, unit_path text, customer_id text, full_name text, phone text, email text,
        interaction_id text, programme text, scale text, score integer, answered_at timestamptz, verbatim text, may_call_back boolean
    )
    language sql stable {DEFINER}
    as $$
        with told as (
            select heard.response_key, heard.employee_id, heard.unit_path
            from (
                select
                    coalesce(messages.about_response_key, signals.subject_key) as response_key,
                    directory.employee_id, directory.unit_path, max(messages.due_at) as told_at
                from ops.directory
                join ops.messages on messages.employee_id = directory.employee_id
                left join ops.signals
                    on messages.kind = 'alert' and signals.order_id = messages.about_order_id and signals.subject = 'response'
                where messages.kind in ('feedback', 'thanks', 'alert') and messages.due_at >= told_answers.since
                    and (directory.employee_id = ops.current_employee() or starts_with(directory.unit_path, ops.led_unit()))
                    and (told_answers.told_employee is null or directory.employee_id = told_answers.told_employee)
                group by 1, 2, 3
            ) as heard
            where heard.response_key is not null and (told_answers.wanted is null or heard.response_key = told_answers.wanted)
            order by heard.told_at desc, heard.response_key
            limit 300
        ),
        decided as (select * from ops.upheld_disputes),
        whose as (
            select told.* from told
            where told.response_key not in (select decided.response_key from decided)
            union
            select decided.response_key, directory.employee_id, directory.unit_path
            from decided
            join ops.directory on directory.employee_id = decided.to_employee_id
            where (directory.employee_id = ops.current_employee() or starts_with(directory.unit_path, ops.led_unit()))
                and (told_answers.wanted is null or decided.response_key = told_answers.wanted)
                and (told_answers.told_employee is null or directory.employee_id = told_answers.told_employee)
        ),
        fresh as (
            select
                ops.stable_id('survey_responses:survey_page', concat_ws(chr(31), 'shopkeeper', '', sent.invitation_id)) as _key,
                sent.invitation_id,
                (array_agg(sent.score order by sent.submission_id desc) filter (where sent.score is not null))[1] as score,
                max(sent.received_at) as answered_at,
                (
                    array_agg(sent.free_answers ->> 'verbatim' order by sent.submission_id desc)
                    filter (where sent.free_answers ? 'verbatim')
                )[1] as verbatim,
                (array_agg(sent.may_call_back order by sent.submission_id desc) filter (where sent.may_call_back is not null))[1]
                    as may_call_back
            from pii.survey_submissions as sent
            where sent.invitation_id in (select waiting.invitation_id from pii.survey_submissions as waiting where waiting.batch_id is null)
            group by sent.invitation_id
        ),
        found as (
            select
                whose.*, landed.customer_id, landed.interaction_id, landed.programme, landed.scale, landed.score,
                landed.responded_at as answered_at, words.verbatim, landed.may_call_back, landed._key is not null as has_landed
            from whose
            left join lateral (
                select records.*
                from raw.survey_responses as records
                join ops.batches on batches.batch_id = records._batch_id and batches.status <> 'withdrawn'
                where records._key = whose.response_key::uuid
                order by records.updated_at desc nulls last, records._loaded_at desc, records._batch_id desc
                limit 1
            ) as landed on true
            left join lateral (
                select personal.verbatim
                from pii.survey_responses as personal
                join ops.batches on batches.batch_id = personal._batch_id and batches.status <> 'withdrawn'
                where personal._key = whose.response_key::uuid
                order by personal.updated_at desc nulls last, personal._loaded_at desc, personal._batch_id desc
                limit 1
            ) as words on true
        ),
        whole as (
            select
                found.response_key, found.employee_id, found.unit_path,
                coalesce(found.customer_id, invitations.customer_id) as customer_id,
                coalesce(found.interaction_id, invitations.interaction_id) as interaction_id,
                coalesce(found.programme, invitations.programme) as programme, found.scale,
                coalesce(fresh.score, found.score) as score, coalesce(fresh.answered_at, found.answered_at) as answered_at,
                coalesce(fresh.verbatim, found.verbatim) as verbatim, coalesce(fresh.may_call_back, found.may_call_back) as may_call_back
            from found
            left join fresh on fresh._key = found.response_key::uuid
            left join ops.invitations on invitations.invitation_id = fresh.invitation_id
            where found.has_landed or fresh._key is not null
        )
        select
            whole.response_key, whole.employee_id, whole.unit_path, whole.customer_id, names.full_name, names.phone, names.email,
            whole.interaction_id, whole.programme, whole.scale, whole.score, whole.answered_at, whole.verbatim, whole.may_call_back
        from whole
        left join lateral (
            select personal.full_name, personal.phone, personal.email
            from (select distinct batches.source from ops.batches where batches.entity = 'customers') as sources
            join pii.customers as personal on personal._key = ops.stable_id('customers:' || sources.source, whole.customer_id)
            join ops.batches on batches.batch_id = personal._batch_id and batches.status in ('passed', 'waived')
            order by personal.updated_at desc nulls last, personal._loaded_at desc, personal._batch_id desc
            limit 1
        ) as names on true
    $$
"""

FUNCTIONS = (
    CURRENT_EMPLOYEE,
    LED_UNIT,
    OWN_UNIT,
    SEES_UNIT,
    VISIBLE_CUSTOMERS,
    SEES_INTERACTION,
    EMPLOYEE_OF_ADDRESS,
    TOLD_ANSWERS,
)

ME, LED, OWN = "(select ops.current_employee())", "(select ops.led_unit())", "(select ops.own_unit())"


def of_employee(column: str) -> str:
    """True for oneself and for people of the units that one leads."""
    people = f"select directory.employee_id from ops.directory where starts_with(directory.unit_path, {LED})"
    return f"({column} = {ME} or {column} in ({people}))"


VISIBLE_ORDER = f"owner_employee_id = {ME} or starts_with(unit_path, {LED})"
VISIBLE_CUSTOMER = "customer_id in (select ops.visible_customers())"


def of_order(table: str) -> str:
    return f"exists (select from ops.work_orders as orders where orders.order_id = {table}.order_id)"


def of(table: str, parent: str, key: str) -> str:
    return f"exists (select from {parent} as parents where parents.{key} = {table}.{key})"


# What the desk writes and reads: table → (what is seen, what may be added, what may be changed).
# Whoever adds to a log of what was done adds it under the own name.
FORCED: dict[str, tuple[str, str | None, str | None]] = {
    "ops.work_orders": (VISIBLE_ORDER, None, VISIBLE_ORDER),
    "ops.work_order_events": (
        of_order("work_order_events"),
        f"actor = {ME} and {of_order('work_order_events')}",
        None,
    ),
    "pii.work_order_texts": (
        of("work_order_texts", "ops.work_order_events", "event_id"),
        of("work_order_texts", "ops.work_order_events", "event_id"),
        None,
    ),
    "ops.signals": (f"{of_order('signals')} or employee_id = {ME}", None, None),
    "ops.crm_outbox": (of_order("crm_outbox"), of_order("crm_outbox"), None),
    "ops.thanks": (of_employee("employee_id"), f"employee_id = {ME}", None),
    "ops.absences": (of_employee("employee_id"), f"recorded_by = {ME} and {of_employee('employee_id')}", of_employee("employee_id")),
    "ops.coachings": (
        f"employee_id = {ME} or coach_employee_id = {ME} or starts_with(unit_path, {LED})",
        f"coach_employee_id = {ME} or employee_id = {ME}",
        f"employee_id = {ME} or coach_employee_id = {ME} or starts_with(unit_path, {LED})",
    ),
    "ops.coaching_answers": (
        of("coaching_answers", "ops.coachings", "coaching_id"),
        of("coaching_answers", "ops.coachings", "coaching_id"),
        None,
    ),
    "pii.coaching_texts": (
        of("coaching_texts", "ops.coachings", "coaching_id"),
        of("coaching_texts", "ops.coachings", "coaching_id"),
        of("coaching_texts", "ops.coachings", "coaching_id"),
    ),
    # A team's huddle is open to the team, and to whoever leads it from above.
    "ops.huddles": (
        f"unit_path = {OWN} or starts_with(unit_path, {LED})",
        f"unit_path = {OWN} or starts_with(unit_path, {LED})",
        f"unit_path = {OWN} or starts_with(unit_path, {LED})",
    ),
    "ops.huddle_issues": (
        f"{of('huddle_issues', 'ops.huddles', 'huddle_id')} or owner_employee_id = {ME}",
        of("huddle_issues", "ops.huddles", "huddle_id"),
        f"{of('huddle_issues', 'ops.huddles', 'huddle_id')} or owner_employee_id = {ME}",
    ),
    "pii.huddle_texts": (
        of("huddle_texts", "ops.huddle_issues", "issue_id"),
        of("huddle_texts", "ops.huddle_issues", "issue_id"),
        None,
    ),
    "ops.backlog": (
        f"""{of_employee("sent_by")}
        or source = 'huddle' and exists (select from ops.huddle_issues as issues where issues.issue_id = backlog.source_id)
        or source = 'work_order' and exists (select from ops.work_orders as orders where orders.order_id = backlog.source_id)""",
        f"sent_by = {ME}",
        None,
    ),
    "ops.disputes": (f"employee_id = {ME} or starts_with(unit_path, {LED})", f"employee_id = {ME}", None),
    "ops.dispute_decisions": (
        of("dispute_decisions", "ops.disputes", "dispute_id"),
        f"""decided_by = {ME} and exists (
            select from ops.disputes
            where disputes.dispute_id = dispute_decisions.dispute_id and disputes.employee_id <> {ME}
                and starts_with(disputes.unit_path, {LED})
        )""",
        None,
    ),
}

# What it only reads, for the packet of an order that is seen. The pipeline works on these in bulk, as their owner, and is not held up.
READ = {
    "raw.customers": VISIBLE_CUSTOMER,
    "raw.interactions": VISIBLE_CUSTOMER,
    "raw.survey_responses": VISIBLE_CUSTOMER,
    "raw.complaints": VISIBLE_CUSTOMER,
    "raw.offers": VISIBLE_CUSTOMER,
    "raw.calls": "ops.sees_interaction(interaction_id)",
    "raw.contact_outcomes": "work_order_id in (select orders.order_id::text from ops.work_orders as orders)",
    "pii.customers": of("customers", "raw.customers", "_key"),
    "pii.survey_responses": of("survey_responses", "raw.survey_responses", "_key"),
    "pii.calls": of("calls", "raw.calls", "_key"),
    "pii.contact_outcomes": of("contact_outcomes", "raw.contact_outcomes", "_key"),
    "ops.invitations": VISIBLE_CUSTOMER,
    "ops.invitation_events": of("invitation_events", "ops.invitations", "invitation_id"),
    "pii.survey_submissions": of("survey_submissions", "ops.invitations", "invitation_id"),
}

# The pipeline is whoever owns the schema; a name of its own would tie a backup to one server.
PIPELINE = "(select pg_has_role(nspowner, 'usage') from pg_catalog.pg_namespace where nspname = 'ops')"


def upgrade() -> None:
    op.create_table(
        "logins",
        sa.Column("login", sa.Text(), nullable=False, comment="A user of the database who is a member of frontline_manager."),
        sa.Column("employee_id", sa.Text(), nullable=False, comment="Whose eyes it reads with: see ops.current_employee()."),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("login", name=op.f("logins_pkey")),
        schema="ops",
        comment="Which employee logs in by which name. The desk's own login stands for everybody and is not here.",
    )
    op.create_table(
        "thanks",
        sa.Column("response_key", sa.Text(), nullable=False, comment="_key of the raw answer."),
        sa.Column("employee_id", sa.Text(), nullable=False, comment="Who thanked the customer for it."),
        sa.Column("way", sa.Text(), nullable=False, comment="call, email, card or in_person"),
        sa.Column("thanked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("way in ('call', 'email', 'card', 'in_person')", name=op.f("thanks_way_check")),
        sa.PrimaryKeyConstraint("response_key", "employee_id", name=op.f("thanks_pkey")),
        schema="ops",
        comment="A customer was thanked for an answer.",
    )
    op.execute(UPHELD_DISPUTES)
    for function in FUNCTIONS:
        op.execute(function)
    for table, (seen, added, changed) in FORCED.items():
        op.execute(f"alter table {table} enable row level security, force row level security")
        op.execute(f"create policy pipeline on {table} using ({PIPELINE}) with check ({PIPELINE})")
        op.execute(f"create policy desk_sees on {table} for select to desk using ({seen})")
        if added:
            op.execute(f"create policy desk_adds on {table} for insert to desk with check ({added})")
        if changed:
            op.execute(f"create policy desk_changes on {table} for update to desk using ({changed}) with check ({changed})")
    for table, seen in READ.items():
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"create policy desk_sees on {table} for select to desk using ({seen})")
