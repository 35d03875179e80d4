"""Answers on their way into `raw`: those that the survey page was sent, and those that providers hand over.

Both become a batch of survey_responses through the loader, like any other source: typed, versioned, rejects kept whole, and
rows in = accepted + unchanged + rejected. In the same transaction the ledger is told what the answers say of its invitations.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import psycopg
import sqlalchemy as sa

from shopkeeper.company import answers
from shopkeeper.company.config import CompanyFolder
from shopkeeper.errors import fail
from shopkeeper.survey import ledger
from shopkeeper.warehouse import batches, loader, locks
from shopkeeper.warehouse.batches import BatchResult, Span
from shopkeeper.warehouse.entities import ENTITIES
from shopkeeper.warehouse.landing import Fault, Landing
from shopkeeper.warehouse.rows import Shape, constant
from shopkeeper.warehouse.typing import Reading

RESPONSES = ENTITIES["survey_responses"]
PAGE, PAGE_PROVIDER = "survey_page", "shopkeeper"
EXTRA = "extra"

# An invitation that has one of these has come to its end, and does not expire any more.
ENDS = ("completed", "expired", "not_sent", "refused", "bounced", "complained", "declined", "opted_out")


def close_batch(
    engine: sa.Engine, folder: CompanyFolder, *, now: datetime, run_id: str | None = None, wait_seconds: float = 600
) -> BatchResult | None:
    """Make a batch of what the survey page has been sent since the last one; None where there was nothing.

    All that one invitation has sent, now and in earlier batches, is one answer: the newest word on each question, complete once
    any of it was. So an answer that is added to is a new version. Killed anywhere, the next call does it all.
    Raises ShopkeeperError when another run is closing a batch, or the warehouse gives up.
    """
    with _loading(engine, PAGE, wait_seconds) as (connection, driver):
        taken = connection.execute(
            sa.text(
                "create temporary table closing on commit drop as select submission_id, invitation_id from pii.survey_submissions"
                " where batch_id is null"
            )
        ).rowcount
        if not taken:
            return None
        landing = Landing(driver, RESPONSES.name)
        columns = _land_submissions(landing)
        texts = {name: column for name, column in columns.items() if name != "client_hash"}
        texts |= {"provider": constant(PAGE_PROVIDER), "account": constant("")}
        spans = batches.covered(connection, RESPONSES.name, PAGE)
        batch = loader.load(
            landing,
            _shape(folder, PAGE, texts, extra={"client_hash": columns["client_hash"]}),
            kind="web",
            window=None,
            covers=(spans[-1][1] if spans else batches.EARLIEST, now),
            now=now,
            run_id=run_id,
            details={"submissions": taken},
        )
        connection.execute(
            sa.text("update pii.survey_submissions set batch_id = :batch_id where submission_id in (select submission_id from closing)"),
            {"batch_id": batch.batch_id},
        )
        _tell_ledger(connection, batch.batch_id)
        return batch


def land(
    engine: sa.Engine,
    folder: CompanyFolder,
    rows: Iterable[Mapping[str, str | None] | Fault],
    *,
    source: str,
    provider: str,
    account: str,
    now: datetime,
    run_id: str | None,
    covers: Span | None = None,
    kind: str = "window",
    rules: Sequence[tuple[str, str, str]] = (),
    wait_seconds: float = 600,
) -> BatchResult:
    """Make a batch of a provider's answers.

    `rows` are read once, one at a time: canonical column of survey_responses → text as the loader reads it (times with their
    offset, `answers` and `free_answers` as JSON); other keys are kept as personal data, like undeclared columns of any source.
    An answer that names an invitation of the ledger takes customer, interaction, programme and scale from there, because the
    ledger knows whom it asked about what. `covers` is the span of time that was read, for `ops.coverage`. A Fault is a row that
    could not be read as one; `rules` come on top of those for every answer (see `company.answers.rules`) and may use `extra`.
    Raises ShopkeeperError when another run loads from the same source, or the warehouse gives up; then nothing has landed.
    """
    names = [column.name for column in RESPONSES.columns]
    with _loading(engine, source, wait_seconds) as (connection, driver):
        landing = Landing(driver, RESPONSES.name)
        landing.copy_rows(landing.begin(), [*names, EXTRA], (row if isinstance(row, Fault) else _texts(row, names) for row in rows))
        _tie_to_ledger(landing)
        columns = {name: landing.column(name) for name in names}
        texts = columns | {
            "provider": f"coalesce({columns['provider']}, {constant(provider)})",
            "account": f"coalesce({columns['account']}, {constant(account)})",
        }
        batch = loader.load(
            landing,
            _shape(folder, source, texts, extra_document=landing.column(EXTRA), rules=rules),
            kind=kind,
            window=covers,
            covers=covers,
            now=now,
            run_id=run_id,
            details={},
        )
        _tell_ledger(connection, batch.batch_id)
        return batch


def expire(engine: sa.Engine, *, now: datetime) -> int:
    """Close the invitations that were sent and whose time to be answered is over; returns how many. Again, it closes none."""
    with engine.begin() as connection:
        return ledger.record_many(
            connection,
            ["invitation_id", "event", "occurred_at"],
            f"""
            select invitation_id, 'expired', expires_at
            from ops.invitations as ours
            where expires_at <= :now
                and exists (
                    select from ops.invitation_events as sent
                    where sent.invitation_id = ours.invitation_id and sent.event in ('sent', 'offered')
                )
                and not exists (
                    select from ops.invitation_events as ended
                    where ended.invitation_id = ours.invitation_id
                        and ended.event in {ENDS!r} and ended.message is distinct from 'reminder'
                )
            """,
            {"now": now},
        )


# --- the one transaction of a batch -----------------------------------------------------------------------------------


@contextmanager
def _loading(engine: sa.Engine, source: str, wait_seconds: float) -> Iterator[tuple[sa.Connection, psycopg.Connection]]:
    """The batch's transaction, as the ledger and as the loader speak to it. A message of the database may quote a row: only its
    kind is told."""
    try:
        with locks.exclusive(engine, batches.lock_name(RESPONSES.name, source), wait_seconds=wait_seconds), engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            yield connection, driver
    except (psycopg.Error, sa.exc.DBAPIError) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        what = f"the warehouse gave up: {type(cause).__name__} {getattr(cause, 'sqlstate', None) or ''}".rstrip()
        raise fail(f"answers from {source}", what, "see the warehouse's log; nothing of this batch was kept") from None


def _shape(
    folder: CompanyFolder,
    source: str,
    texts: Mapping[str, str],
    *,
    extra: Mapping[str, str] | None = None,
    extra_document: str | None = None,
    rules: Sequence[tuple[str, str, str]] = (),
) -> Shape:
    return Shape(
        entity=RESPONSES,
        source=source,
        reading=Reading(company_timezone=folder.company.timezone),
        texts=texts,
        extra=extra or {},
        extra_document=extra_document,
        rules=[*answers.rules(folder.company), *rules],
        defaults=answers.defaults(source),
    )


def _texts(row: Mapping[str, str | None], names: Sequence[str]) -> list[str | None]:
    extra = {key: value for key, value in row.items() if key not in names and value is not None}
    return [*(row.get(name) for name in names), json.dumps(extra, ensure_ascii=False, sort_keys=True) if extra else None]


def _land_submissions(landing: Landing) -> dict[str, str]:
    """Land one row per invitation of the submissions that are being closed; returns canonical column → landing column."""
    newest = "(array_agg({0} order by submission_id desc) filter (where {0} is not null))[1]"
    texts = {
        "native_id": "invitation_id::text",
        "invitation_id": "invitation_id::text",
        "customer_id": "min(customer_id)",
        "interaction_id": "min(interaction_id)",
        "programme": "min(programme)",
        "scale": "min(scale)",
        "responded_at": "max(received_at)::text",
        "updated_at": "max(received_at)::text",
        "started_at": "min(started_at)::text",
        "is_complete": "bool_or(is_complete)::text",
        "score": f"{newest.format('score')}::text",
        "may_call_back": f"{newest.format('may_call_back')}::text",
        "locale": newest.format("locale"),
        "client_hash": newest.format("client_hash"),
        "answers": "min(closed::text)",
        "verbatim": "min(free ->> 'verbatim')",
        "free_answers": "nullif(min((free - 'verbatim')::text), '{}')",
    }
    columns = {name: landing.column(name) for name in texts}
    landed = landing.begin()
    landed.rows = landing.run(
        f"""
        with sent as (
            select submissions.*
            from pii.survey_submissions as submissions
            where invitation_id in (select invitation_id from closing)
                and (batch_id is not null or submission_id in (select submission_id from closing))
        ),
        closed_answers as ({_newest_answers("answers")}),
        free_answers as ({_newest_answers("free_answers")}),
        tied as (
            select
                sent.submission_id, sent.invitation_id, sent.received_at, sent.started_at, sent.is_complete, sent.score,
                sent.may_call_back, sent.locale, sent.client_hash, invitations.customer_id, invitations.interaction_id,
                invitations.programme, waves.config ->> 'scale' as scale, closed_answers.merged as closed, free_answers.merged as free
            from sent
            left join ops.invitations as invitations using (invitation_id)
            left join ops.waves as waves using (wave_id)
            left join closed_answers using (invitation_id)
            left join free_answers using (invitation_id)
        )
        insert into {landing.table} (_row, {", ".join(columns.values())})
        select row_number() over (order by max(submission_id)), {", ".join(texts.values())}
        from tied
        group by invitation_id
        """
    ).rowcount
    return columns


def _newest_answers(document: str) -> str:
    """A query for the newest answer to each question, as one document per invitation."""
    return f"""
        select invitation_id, jsonb_object_agg(role, answer) as merged
        from (
            select distinct on (sent.invitation_id, given.role) sent.invitation_id, given.role, given.answer
            from sent
            cross join jsonb_each(sent.{document}) as given (role, answer)
            where given.answer <> 'null'
            order by sent.invitation_id, given.role, sent.submission_id desc
        ) as newest
        group by invitation_id
    """


# --- answers and the ledger -------------------------------------------------------------------------------------------


def _as_uuid(text: str) -> str:
    return f"case when pg_input_is_valid(btrim({text}), 'uuid') then btrim({text})::uuid end"


def _tie_to_ledger(landing: Landing) -> None:
    invitation, customer, interaction, programme, scale = (
        landing.column(name) for name in ("invitation_id", "customer_id", "interaction_id", "programme", "scale")
    )
    landing.run(
        f"""
        update {landing.table} as landed set
            {invitation} = ours.invitation_id::text,
            {customer} = coalesce(ours.customer_id, landed.{customer}),
            {interaction} = coalesce(ours.interaction_id, landed.{interaction}),
            {programme} = ours.programme,
            {scale} = coalesce(landed.{scale}, waves.config ->> 'scale')
        from ops.invitations as ours
        inner join ops.waves as waves using (wave_id)
        where ours.invitation_id = {_as_uuid(f"landed.{invitation}")}
        """
    )


def _tell_ledger(connection: sa.Connection, batch_id: int) -> None:
    """Append what the batch's answers say of invitations: started, partial, completed; each once in an invitation's life."""
    told = {
        "started": "started_at is not null",
        "partial": "not is_complete",
        "completed": "is_complete",
    }
    for event, condition in told.items():
        moment = "started_at" if event == "started" else "responded_at"
        ledger.record_many(
            connection,
            ["invitation_id", "event", "occurred_at"],
            f"""
            select ours.invitation_id, '{event}', min({moment})
            from raw.survey_responses as landed
            inner join ops.invitations as ours on ours.invitation_id = {_as_uuid("landed.invitation_id")}
            where landed._batch_id = :batch_id and {condition} and {moment} is not null
            group by ours.invitation_id
            """,
            {"batch_id": batch_id},
            once=True,
        )
