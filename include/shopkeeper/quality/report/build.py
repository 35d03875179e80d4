"""Builds the metric-quality report of the newest publication: one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from jinja2 import Environment, PackageLoader, StrictUndefined

from shopkeeper.errors import fail
from shopkeeper.pictures import charts
from shopkeeper.pictures.charts import Estimate, Flow
from shopkeeper.quality import sites
from shopkeeper.quality.report import queries
from shopkeeper.quality.report.queries import Row

MOST_VALUES = 24
VERDICT_CLASS = {"sound": "sound", "usable with care": "care", "not to be published": "bad"}


@dataclass(frozen=True)
class Picture:
    title: str
    svg: str
    estimates: tuple[Estimate, ...]
    note: str = ""


@dataclass(frozen=True)
class Marts:
    """What to report on: the marts of a build, and in which schema they lie. `publication_id` is empty when they were never published."""

    schema: str
    build_id: int
    publication_id: int | None


def build_report(engine: sa.Engine, company: str, marts: Marts | None = None) -> bytes:
    """The report on the newest publication, or on other `marts`, as a zip that holds index.html; `company` is the name at its head.

    It prints no clock: the same marts give the same page.

    Raises ShopkeeperError when nothing has been published yet.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        about = marts or _published(connection)
        connection.execute(sa.text("select set_config('search_path', :schema, true)"), {"schema": about.schema})
        return sites.one_page(_render(_report(connection, about) | {"company": company}))


def _published(connection: sa.Connection) -> Marts:
    found = queries.rows(connection, queries.NEWEST)
    if not found:
        raise fail("report", "nothing has been published yet", "./shopkeeper run")
    return Marts("marts", **found[0])


def _render(report: Row) -> str:
    environment = Environment(loader=PackageLoader("shopkeeper.quality.report", "."), autoescape=True, undefined=StrictUndefined)
    css = environment.get_template("page.css").render()
    return environment.get_template("page.html.j2").render(report=report, css=_safe(css))


def _safe(css: str) -> Any:
    from markupsafe import Markup

    return Markup(css)  # our own file, no input


def _report(connection: sa.Connection, marts: Marts) -> Row:
    frozen = {"build_id": marts.build_id}
    build = queries.rows(connection, queries.BUILD, **frozen)[0]
    until = {"known_at": build["known_at"]}
    headlines = [_headline(row) for row in queries.rows(connection, queries.HEADLINES)]
    ledger = queries.rows(connection, queries.LEDGER, **frozen, **until)
    answers = queries.rows(connection, queries.ANSWERS)
    gates = queries.rows(connection, queries.GATE_COUNTS, **frozen)[0]
    zone = ZoneInfo(build["company_timezone"])
    return {
        "publication_id": marts.publication_id,
        "git_commit": build["git_commit"],
        "config_hash": build["config_hash"],
        "as_of": _local(build["as_of"], zone),
        "known_at": _local(build["known_at"], zone),
        "maturity_days": build["maturity_days"],
        "hidden_below": build["hidden_below"],
        "indicative_below": build["indicative_below"],
        "indicative_half_width": f"{float(build['indicative_half_width']):g}",
        "headlines": headlines,
        "over_time": _over_time(queries.rows(connection, queries.OVER_TIME)),
        "by_segment": _by_segment(queries.rows(connection, queries.BY_SEGMENT), headlines),
        "flow_svg": _flow(ledger, answers),
        "exclusions": [_spoken(row) for row in answers if row["reason"]],
        "ledger": ledger,
        "absent": [row["entity"] for row in queries.rows(connection, queries.ABSENT)],
        "gates_passed": gates["passed"],
        "gates_warned": gates["warned"],
        "gates_failed": gates["failed"],
        "gate_failures": queries.rows(connection, queries.GATE_FAILURES, **frozen),
        "rejects": [_reject(row) for row in queries.rows(connection, queries.REJECTS, **until)],
    }


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _headline(row: Row) -> Row:
    days = f"{row['period_starts_on']} to {row['period_ends_on']}"
    window = f"declared period {days}" if row["period_grain"] == "declared" else f"90 days, {days}"
    verdict = row["verdict"] or "not judged"
    return row | {
        "metric_name": _metric_name(row["metric"]),
        "window": window,
        "verdict": verdict,
        "verdict_class": VERDICT_CLASS.get(verdict, "care"),
    }


def _metric_name(metric: str) -> str:
    return "NPS" if metric == "nps" else metric.replace("_", " ")


def _estimate(row: Row, label: str) -> Estimate:
    score, low, high = (None if row[name] is None else float(row[name]) for name in ("score", "low", "high"))
    return Estimate(label, score, low, high, row["n"], row["reporting"], row.get("is_method_break", False))


def _grouped(rows: Sequence[Row], *keys: str) -> Iterable[tuple[tuple[Any, ...], list[Row]]]:
    for key, group in groupby(rows, key=lambda row: tuple(row[name] for name in keys)):
        yield key, list(group)


def _over_time(rows: Sequence[Row]) -> list[Picture]:
    pictures = []
    for (programme, metric), group in _grouped(rows, "programme", "metric"):
        estimates = tuple(_estimate(row, f"{row['period_starts_on']:%b %Y}") for row in group)
        title = f"{programme}: {_metric_name(metric)} by month"
        pictures.append(Picture(title, charts.over_time(estimates, title), estimates))
    return pictures


def _by_segment(rows: Sequence[Row], headlines: Sequence[Row]) -> list[Picture]:
    """A picture per dimension in which two values or more may be shown; the largest first where they are many."""
    overall = {(row["programme"], row["metric"]): row["score"] for row in headlines}
    pictures = []
    for (programme, metric, dimension), group in _grouped(rows, "programme", "metric", "dimension"):
        shown = [row for row in group if row["score"] is not None]
        largest = sorted(shown, key=lambda row: row["n"], reverse=True)[:MOST_VALUES]
        estimates = tuple(_estimate(row, row["label"]) for row in shown if row in largest)
        if len(estimates) < 2:  # one value alone says what the score over all says
            continue
        title = f"{programme}: {_metric_name(metric)} by {dimension.replace('_', ' ')}"
        hidden, left_out = len(group) - len(shown), len(shown) - len(estimates)
        notes = [f"{hidden} with too few answers hidden"] * bool(hidden) + [f"{left_out} smaller ones in nps_current"] * bool(left_out)
        reference = overall.get((programme, metric))
        picture = charts.side_by_side(estimates, title, None if reference is None else float(reference))
        pictures.append(Picture(title, picture, estimates, "; ".join(notes)))
    return pictures


def _spoken(row: Row) -> Row:
    return row | {"reason": row["reason"].replace("_", " ")}


def _flow(ledger: Sequence[Row], answers: Sequence[Row]) -> str:
    """Answers on their way: rows read, what became of them, and which count."""
    rows = [row for row in ledger if row["entity"] == "survey_responses"]
    accepted, unchanged, rejected, held = (sum(row[name] for row in rows) for name in ("accepted", "unchanged", "rejected", "held_back"))
    counted = sum(row["count"] for row in answers if not row["reason"])
    excluded = sum(row["count"] for row in answers if row["reason"])
    superseded = max(0, accepted - held - counted - excluded)
    flows = [
        Flow("rows read", "accepted", accepted),
        Flow("rows read", "unchanged", unchanged, "idle"),
        Flow("rows read", "rejected", rejected, "lost"),
        Flow("accepted", "counted", counted),
        Flow("accepted", "excluded, with reason", excluded, "lost"),
        Flow("accepted", "superseded or later", superseded, "idle"),
        Flow("accepted", "held back by a gate", held, "lost"),
    ]
    shown = [item for item in flows if item.count or item.target in ("accepted", "rejected", "counted")]
    targets = [item.target for item in shown]
    first = [name for name in ("accepted", "unchanged", "rejected") if name in targets]
    second = [name for name in ("counted", "excluded, with reason", "superseded or later", "held back by a gate") if name in targets]
    return charts.flow(shown, [["rows read"], first, second], "Survey answers, from source to mart")


def _reject(row: Row) -> Row:
    keys = [" · ".join(part for part in str(key).split(chr(31)) if part) for key in row["keys"] or []]
    return row | {"examples": ", ".join(keys)}
