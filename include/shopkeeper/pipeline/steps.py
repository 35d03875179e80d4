"""The steps of the pipeline, listed once: the DAGs and `--no-airflow` are both made from this list.

A step is one thing that can fail alone. It is given a `Request`, does its work through the rooms, and returns a
small summary (JSON values), which is recorded in `ops.runs` and handed to the steps after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shopkeeper.errors import GateFailed, Problem, fail
from shopkeeper.warehouse.entities import Group

if TYPE_CHECKING:
    from shopkeeper.company.config import CompanyFolder
    from shopkeeper.sources.ingest import Interval

Summary = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What a step is asked to do. `earlier` holds the summaries of the steps it follows, by name.

    `is_backfill` says that a past window is done again: such a run sends nothing to anybody.
    """

    folder: CompanyFolder
    run_id: str
    now: datetime
    interval: Interval | None = None
    as_of: datetime | None = None
    known_at: datetime | None = None
    is_backfill: bool = False
    earlier: Mapping[str, Summary] = field(default_factory=dict)
    note: Callable[[str], None] = print


@dataclass(frozen=True)
class Step:
    """`upstream` names the steps that must have ended before: well, unless it runs `even_after_failure`."""

    dag_id: str
    name: str
    function: Callable[[Request], Summary]
    timeout: timedelta
    upstream: tuple[str, ...] = ()
    retries: int = 2
    even_after_failure: bool = False


def run(step: Step, request: Request) -> Summary:
    """Do one step and record it in `ops.runs` under `<request.run_id>/<step name>`.

    Raises what the step raises; a database's error only with what may stand in a log (see `runs.reason`).
    """
    from sqlalchemy.exc import DBAPIError

    from shopkeeper.pipeline import runs
    from shopkeeper.warehouse.engine import engine

    run_id = f"{request.run_id}/{step.name}"
    with runs.recorded(engine(), run_id=run_id, step=step.name, dag_id=step.dag_id, clock=_clock) as summary:
        try:
            summary.update(step.function(replace(request, run_id=run_id)))
        except DBAPIError as error:
            problem = fail(f"{step.dag_id}.{step.name}", f"the database said {runs.reason(error)}", f"docs/runbooks/{step.dag_id}.md")
            raise problem.with_traceback(error.__traceback__) from None
    return summary


def _clock() -> datetime:
    return datetime.now(UTC)


# --- ingest_sources --------------------------------------------------------------------------------------------------


def _load(group: Group) -> Callable[[Request], Summary]:
    def load(request: Request) -> Summary:
        from shopkeeper.sources.ingest import ingest

        results = ingest(
            request.folder, groups=[group], interval=request.interval, now=request.now, run_id=request.run_id, progress=request.note
        )
        counts = ("rows_in", "accepted", "unchanged", "rejected", "deleted")
        return {"batches": len(results)} | {name: sum(getattr(result, name) for result in results) for name in counts}

    return load


def _gate_batches(request: Request) -> Summary:
    """Judge what has landed, whoever landed it; answers are flagged before, because what has passed is built into the marts."""
    from shopkeeper.quality.gates import gate_batches
    from shopkeeper.survey.flags import flag_landed
    from shopkeeper.warehouse.batches import list_batches
    from shopkeeper.warehouse.engine import engine

    landed = [batch.batch_id for batch in list_batches(engine(), status="landed")]
    flagged = flag_landed(engine(), now=request.now)
    gated = gate_batches(engine(), now=request.now, batch_ids=landed)
    return {"passed": len(gated.passed), "failed": list(gated.failed), "warnings": gated.warnings, "flags": flagged}


def _confirm(gate: str) -> Callable[[Request], Summary]:
    """What passed has already gone on; this makes the run red, so that nobody overlooks what did not."""

    def confirm(request: Request) -> Summary:
        failed = request.earlier[gate]["failed"]
        if failed:
            raise GateFailed(
                [
                    Problem(
                        f"batch {batch_id}",
                        "failed its gate; what it brought is left out of the marts",
                        f"./shopkeeper batch list, then mend the source, or ./shopkeeper batch waive {batch_id} --reason …",
                    )
                    for batch_id in failed
                ]
            )
        return {}

    return confirm


# --- trigger_surveys -------------------------------------------------------------------------------------------------

NO_BACKFILL = "a backfill asks nobody: what is long past is not asked about today"


def _draw_waves(request: Request) -> Summary:
    from shopkeeper.survey import mode, sampling
    from shopkeeper.warehouse.engine import engine

    if request.is_backfill:
        return _nothing(request, NO_BACKFILL)
    if not request.folder.programmes.programmes:
        return _nothing(request, "the company has no survey programmes")
    with engine().connect() as connection:
        delivery = mode.current(connection).delivery
    drawn = sampling.draw(
        engine(), request.folder, as_of=request.as_of or request.now, now=request.now, run_id=request.run_id, delivery=delivery
    )
    return drawn.summary()


def _hand_over(request: Request) -> Summary:
    from shopkeeper.survey.providers.hand_over import hand_over
    from shopkeeper.warehouse.engine import engine

    handed = hand_over(
        engine(), request.folder, clock=_clock, as_of=request.as_of or request.now, is_backfill=request.is_backfill, note=request.note
    )
    return handed.summary()


def _send_due(request: Request) -> Summary:
    from shopkeeper.survey.delivery import send_due
    from shopkeeper.warehouse.engine import engine

    sent = send_due(
        engine(), request.folder, clock=_clock, as_of=request.as_of or request.now, is_backfill=request.is_backfill, note=request.note
    )
    return sent.summary()


def _nothing(request: Request, why: str) -> Summary:
    request.note(why)
    return {"why_nothing": why}


# --- collect_responses -----------------------------------------------------------------------------------------------


def _fetch_answers(request: Request) -> Summary:
    from shopkeeper.survey.providers.fetch import fetch_all
    from shopkeeper.warehouse.engine import engine

    return fetch_all(engine(), request.folder, now=request.now, run_id=request.run_id, note=request.note).summary()


def _read_bounces(request: Request) -> Summary:
    from shopkeeper.survey import bounces
    from shopkeeper.warehouse.engine import engine

    return dict(bounces.read(engine(), now=request.now, note=request.note))


def _close_batch(request: Request) -> Summary:
    from shopkeeper.survey.collect import close_batch
    from shopkeeper.warehouse.engine import engine

    batch = close_batch(engine(), request.folder, now=request.now, run_id=request.run_id)
    if batch is None:
        return _nothing(request, "the survey page was sent nothing new")
    return {"batch_id": batch.batch_id, "rows_in": batch.rows_in, "accepted": batch.accepted, "rejected": batch.rejected}


def _follow_up(request: Request) -> Summary:
    from shopkeeper.survey import collect, reminders
    from shopkeeper.warehouse.engine import engine

    return {
        "too_late": reminders.drop_late(engine(), now=request.now),
        "expired": collect.expire(engine(), now=request.now),
        "reminders": reminders.queue(engine(), request.folder, now=request.now),
    }


# --- close_loop ------------------------------------------------------------------------------------------------------

# What the past is done again for, it is not acted on again; the next run by clock or signal sees what has landed.
NO_CALLS = "a backfill calls nobody back and tells nobody"


def _refresh_directory(request: Request) -> Summary:
    from shopkeeper.closed_loop.directory import refresh
    from shopkeeper.warehouse.engine import engine

    return dict(refresh(engine(), request.folder, now=request.now))


def _notice(request: Request) -> Summary:
    from shopkeeper.closed_loop.notice import notice
    from shopkeeper.warehouse.engine import engine

    if request.is_backfill:
        return _nothing(request, NO_CALLS)
    return dict(notice(engine(), request.folder, now=request.now))


def _keep_time(request: Request) -> Summary:
    from shopkeeper.closed_loop.cycle import keep_time
    from shopkeeper.warehouse.engine import engine

    if request.is_backfill:
        return _nothing(request, NO_CALLS)
    return keep_time(engine(), request.folder, now=request.now, run_id=request.run_id)


def _gather_initiatives(request: Request) -> Summary:
    from shopkeeper.closed_loop.proposals import gather
    from shopkeeper.warehouse.engine import engine

    if request.is_backfill:
        return _nothing(request, NO_CALLS)
    return dict(gather(engine(), request.folder, now=request.now))


def _tell_project_tool(request: Request) -> Summary:
    from shopkeeper.closed_loop.project_tool import tell
    from shopkeeper.warehouse.engine import engine

    if request.is_backfill:
        return _nothing(request, NO_CALLS)
    return tell(engine(), request.folder, now=request.now)


def _send_messages(request: Request) -> Summary:
    from shopkeeper.messages.sending import send_due
    from shopkeeper.warehouse.engine import engine

    if request.is_backfill:
        return _nothing(request, NO_CALLS)
    return send_due(engine(), request.folder, clock=_clock, note=request.note).summary()


def _write_back(request: Request) -> Summary:
    from shopkeeper.closed_loop.crm.write_back import write_back
    from shopkeeper.warehouse.engine import engine

    return write_back(engine(), request.folder, now=request.now, note=request.note)


def _reconcile(request: Request) -> Summary:
    from shopkeeper.closed_loop.crm.reconcile import reconcile
    from shopkeeper.warehouse.engine import engine

    return reconcile(engine(), request.folder, now=request.now, note=request.note)


# --- build_marts, rebuild_marts --------------------------------------------------------------------------------------


def _freeze(*, full_refresh: bool) -> Callable[[Request], Summary]:
    def freeze(request: Request) -> Summary:
        from shopkeeper.pipeline.build import freeze as freeze_build

        build = freeze_build(request.folder, as_of=request.as_of, known_at=request.known_at, full_refresh=full_refresh, now=request.now)
        return {"build_id": build.build_id, "as_of": build.as_of.isoformat(), "full_refresh": build.is_full_refresh}

    return freeze


def _redact(request: Request) -> Summary:
    from shopkeeper.privacy.learned import redact_learned
    from shopkeeper.privacy.verbatims import redact_verbatims
    from shopkeeper.warehouse.engine import engine

    build_id = request.earlier["freeze"]["build_id"]
    return {"build_id": build_id, **redact_verbatims(engine(), build_id, now=request.now), **redact_learned(engine())}


def _build_models(request: Request) -> Summary:
    from shopkeeper.pipeline import build

    return build.build_models(build.find(request.earlier["redact"]["build_id"]), note=request.note)


def _analyse(request: Request) -> Summary:
    from shopkeeper.pipeline import analyses, build

    return analyses.run(build.find(request.earlier["build_models"]["build_id"]), request.folder.company, note=request.note)


def _complete_models(request: Request) -> Summary:
    from shopkeeper.pipeline import build

    return build.complete_models(build.find(request.earlier["analyse"]["build_id"]), note=request.note)


def _gate_publication(request: Request) -> Summary:
    from shopkeeper.quality.gates import gate_publication
    from shopkeeper.warehouse.engine import engine

    build_id = request.earlier["complete_models"]["build_id"]
    gated = gate_publication(engine(), build_id, request.now)
    return {"build_id": build_id, "warnings": gated.warnings}


def _publish(request: Request) -> Summary:
    from shopkeeper.pipeline.publish import publish

    build_id = request.earlier["gate_publication"]["build_id"]
    done = publish(build_id, request.now, run_id=request.run_id, note=request.note)
    return {"build_id": build_id, "publication_id": done.publication_id, "dependents": list(done.dependents)}


# --- audit_metric ----------------------------------------------------------------------------------------------------


def _report(request: Request) -> Summary:
    from shopkeeper.quality.report import keep_report
    from shopkeeper.warehouse.engine import engine

    publication_id, size = keep_report(engine(), request.folder.company.name, now=request.now)
    return {"publication_id": publication_id, "bytes": size}


def _economics(request: Request) -> Summary:
    from shopkeeper.quality import sites
    from shopkeeper.quality.economics import build_economics
    from shopkeeper.warehouse.engine import engine

    content = build_economics(engine(), request.folder.company.name)
    sites.store(engine(), "economics", content, now=request.now)
    return {"bytes": len(content)}


def _data_docs(request: Request) -> Summary:
    from shopkeeper.quality.data_docs import build_data_docs
    from shopkeeper.warehouse.engine import engine

    return {"validations": build_data_docs(engine(), now=request.now)}


def _dbt_docs(request: Request) -> Summary:
    from shopkeeper.pipeline.dbt_runner import build_docs
    from shopkeeper.warehouse.engine import engine

    build_docs(engine(), now=request.now)
    return {}


# --- distribute_feedback ---------------------------------------------------------------------------------------------

NO_DISTRIBUTION = "a backfill tells nobody: what is long past is no morning's news"


def _scorecards(request: Request) -> Summary:
    from shopkeeper.distribution.scorecards import post_scorecards
    from shopkeeper.warehouse.engine import engine

    if request.is_backfill:
        return _nothing(request, NO_DISTRIBUTION)
    return dict(post_scorecards(engine(), request.folder, now=request.now))


def _huddle_packs(request: Request) -> Summary:
    from shopkeeper.distribution.huddle_packs import build_site, post_packs
    from shopkeeper.quality import sites
    from shopkeeper.warehouse.engine import engine

    if request.is_backfill:
        return _nothing(request, NO_DISTRIBUTION)
    files = build_site(engine(), request.folder, now=request.now)
    if files:
        sites.store(engine(), "huddle_packs", sites.zip_of(files.items()), now=request.now)
    return {"pages": len(files), **post_packs(engine(), request.folder, now=request.now)}


def _intranet(request: Request) -> Summary:
    from shopkeeper.distribution import you_said
    from shopkeeper.distribution.intranet.sites import build_sites
    from shopkeeper.quality import sites
    from shopkeeper.warehouse.engine import engine

    if request.is_backfill:
        return _nothing(request, NO_DISTRIBUTION)
    built = build_sites(engine(), request.folder)
    if for_customers := you_said.build_site(engine(), request.folder):
        built |= {you_said.NAME: for_customers}
    else:
        sites.forget(engine(), you_said.NAME)
    for name, files in built.items():
        sites.store(engine(), name, sites.zip_of(files.items()), now=request.now)
    return {"sites": len(built), "pages": sum(len(files) for files in built.values())}


# --- enforce_retention -----------------------------------------------------------------------------------------------

NO_RETENTION = "a backfill removes nothing: how old something is, is asked of today"


def _retain(kind: str) -> Callable[[Request], Summary]:
    def retain(request: Request) -> Summary:
        from shopkeeper.privacy import retention
        from shopkeeper.warehouse.embedded import home
        from shopkeeper.warehouse.engine import engine

        if request.is_backfill:
            return _nothing(request, NO_RETENTION)
        policy = request.folder.company.retention
        if kind == "files":
            return dict(retention.remove_files(home(), policy, now=request.now))
        return dict(getattr(retention, f"remove_{kind}")(engine(), policy, now=request.now))

    return retain


# --- the list --------------------------------------------------------------------------------------------------------

LOADS = tuple(f"load_{group}" for group in Group)
READS = ("fetch_answers", "read_bounces", "close_batch")
KEPT = ("versions", "rejects", "events", "evidence", "texts", "files")


def _building(dag_id: str, *, full_refresh: bool) -> tuple[Step, ...]:
    return (
        Step(dag_id, "freeze", _freeze(full_refresh=full_refresh), timedelta(minutes=10)),
        Step(dag_id, "redact", _redact, timedelta(hours=2), upstream=("freeze",)),
        Step(dag_id, "build_models", _build_models, timedelta(hours=4), upstream=("redact",)),
        Step(dag_id, "analyse", _analyse, timedelta(hours=2), upstream=("build_models",)),
        Step(dag_id, "complete_models", _complete_models, timedelta(hours=1), upstream=("analyse",)),
        Step(dag_id, "gate_publication", _gate_publication, timedelta(hours=1), upstream=("complete_models",)),
        Step(dag_id, "publish", _publish, timedelta(minutes=10), upstream=("gate_publication",)),
    )


STEPS: tuple[Step, ...] = (
    *(Step("ingest_sources", f"load_{group}", _load(group), timedelta(hours=4)) for group in Group),
    Step("ingest_sources", "gate_batches", _gate_batches, timedelta(hours=1), upstream=LOADS, even_after_failure=True),
    Step("ingest_sources", "confirm_batches", _confirm("gate_batches"), timedelta(minutes=5), upstream=(*LOADS, "gate_batches"), retries=0),
    Step("trigger_surveys", "draw_waves", _draw_waves, timedelta(hours=1)),
    Step("trigger_surveys", "hand_over", _hand_over, timedelta(hours=1), upstream=("draw_waves",)),
    Step("trigger_surveys", "send_due", _send_due, timedelta(hours=3), upstream=("draw_waves",)),
    Step("collect_responses", "fetch_answers", _fetch_answers, timedelta(hours=1)),
    Step("collect_responses", "read_bounces", _read_bounces, timedelta(hours=1)),
    Step("collect_responses", "close_batch", _close_batch, timedelta(hours=1)),
    Step("collect_responses", "gate_answers", _gate_batches, timedelta(hours=1), upstream=READS, even_after_failure=True),
    Step(
        "collect_responses", "confirm_answers", _confirm("gate_answers"), timedelta(minutes=5), upstream=(*READS, "gate_answers"), retries=0
    ),
    Step("collect_responses", "follow_up", _follow_up, timedelta(minutes=30), upstream=READS),
    Step("close_loop", "refresh_directory", _refresh_directory, timedelta(minutes=10)),
    Step("close_loop", "notice", _notice, timedelta(minutes=30), upstream=("refresh_directory",)),
    Step("close_loop", "keep_time", _keep_time, timedelta(minutes=30), upstream=("notice",)),
    Step("close_loop", "gather_initiatives", _gather_initiatives, timedelta(minutes=10), upstream=("refresh_directory",)),
    Step("close_loop", "tell_project_tool", _tell_project_tool, timedelta(minutes=30), upstream=("gather_initiatives",)),
    Step("close_loop", "send_messages", _send_messages, timedelta(hours=1), upstream=("keep_time",)),
    Step("close_loop", "write_back", _write_back, timedelta(minutes=30), upstream=("keep_time",)),
    Step("close_loop", "reconcile", _reconcile, timedelta(minutes=30), upstream=("write_back",)),
    *_building("build_marts", full_refresh=False),
    *_building("rebuild_marts", full_refresh=True),
    Step("distribute_feedback", "scorecards", _scorecards, timedelta(hours=1)),
    Step("distribute_feedback", "huddle_packs", _huddle_packs, timedelta(hours=1)),
    Step("distribute_feedback", "intranet", _intranet, timedelta(minutes=30)),
    *(Step("enforce_retention", kind, _retain(kind), timedelta(hours=2)) for kind in KEPT),
    Step("audit_metric", "report", _report, timedelta(minutes=30)),
    Step("audit_metric", "economics", _economics, timedelta(minutes=30)),
    Step("audit_metric", "data_docs", _data_docs, timedelta(minutes=30)),
    Step("audit_metric", "dbt_docs", _dbt_docs, timedelta(minutes=30)),
)

# The DAGs of one cycle in order, and the steps of which any one's success wakes each; those without run by the clock.
CYCLE: dict[str, tuple[tuple[str, str], ...]] = {
    "ingest_sources": (),
    "trigger_surveys": (),
    "collect_responses": (),
    "close_loop": (),
    "build_marts": (("ingest_sources", "gate_batches"), ("collect_responses", "gate_answers")),
    "distribute_feedback": (("build_marts", "publish"),),
    "audit_metric": (("build_marts", "publish"),),
}


def dag_ids() -> list[str]:
    return list(dict.fromkeys(step.dag_id for step in STEPS))


def steps_of(dag_id: str) -> list[Step]:
    """The steps of one DAG, in an order in which they can run one after the other."""
    return [step for step in STEPS if step.dag_id == dag_id]


def find(dag_id: str, name: str) -> Step:
    return next(step for step in STEPS if (step.dag_id, step.name) == (dag_id, name))
