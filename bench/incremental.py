"""What a day's data costs on ten times the history: every model timed, in builds that add a day to what is there.

    python bench/incremental.py [--answers 20000] [--days 3]

Two companies are built from scratch, one of which has been at work ten times as long: ten times the customers, answers, interactions,
invitations and postings, as many a day as the other. Then both get the same days, one build each, and the median of a model's seconds
counts; analyses are timed as models are. One programme's answers are weighted by month, and a quarterly programme of ours by wave, with
its frozen frames.
Limit: the kept marts together take at most 1.3 times as long on the long history. What is not incremental is named with its cost.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from _bench import announce, company, report, warehouse

LIMIT = 1.3
TIMES = 10
ANSWERS_A_DAY = 300
NAMED = 12  # how many of the models that are made anew
LAST = date(2026, 1, 1)
KEPT = (
    "fct_survey_invitations",
    "fct_survey_responses",
    "fct_response_weights",
    "_frame_members",
    "_frame_counts",
    "_weighting_cells",
    "_weighting_counts",
    "_weighted_period_counts",
    "_answering_counts",
    "_cohort_counts",
    "_nps_counts",
    "_nps_weighted_sums",
    "nps_by_segment",
    "nps_daily_counts",
    "nps_pair_counts",
)
WEIGHTS = {"visit": {"margins": ["segment", "region", "channel"]}, "yearly": {"margins": ["segment", "tenure_band"]}}
COMPANY = {"name": "Bench", "timezone": "UTC", "currency": "EUR", "weights": WEIGHTS}
WAVE_DAYS, DRAWN, ANSWERED = 91, 5, 3  # days from wave to wave; one in how many of the frame is drawn, and of these answers
# per answer: whole numbers of rows; a customer answers four times
ROWS = {
    "customers": (
        0.25,
        "customer_id, segment, region, joined_on, is_staff",
        "'C' || i, (array['private', 'business', 'young'])[1 + i % 3], 'R' || i % 8, day - (i % 3000 + 400)::integer, false",
    ),
    "interactions": (
        1,
        "interaction_id, customer_id, occurred_at, resolved_at, channel, org_unit_id",
        "'I' || i, 'C' || i % :customers, day::timestamptz, day + interval '20 hours', (array['phone', 'web'])[1 + i % 2], 'T' || i % 40",
    ),
    "survey_invitations": (
        2,
        "invitation_id, customer_id, interaction_id, programme, sent_at",
        "'V' || i, 'C' || i % :customers, 'I' || i, 'visit', day + interval '1 hour'",
    ),
    "survey_responses": (
        1,
        "provider, native_id, invitation_id, customer_id, interaction_id, programme, responded_at, scale, score, is_complete",
        "'mailer', 'A' || i, 'V' || i, 'C' || i % :customers, 'I' || i, 'visit', day + interval '9 hours', '0-10', i * 7 % 11, true",
    ),
    "revenue": (
        2,
        "revenue_id, customer_id, booked_on, amount, direct_cost",
        "'N' || i, 'C' || i % :customers, day, 20 + i % 90, 5 + i % 20",
    ),
    "service_costs": (1, "cost_id, interaction_id, amount", "'S' || i, 'I' || i, 3 + i % 9"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=20_000, help="of the short history; the long one has ten times as many")
    parser.add_argument("--days", type=int, default=3)
    options = parser.parse_args()
    seconds = {}
    for history in (options.answers, TIMES * options.answers):
        with warehouse(is_parallel=False) as (home, _):
            os.environ["SHOPKEEPER_HOME"] = str(home)
            seconds[history] = live(home, history, options.days)
    return compare(seconds, options.answers)


def live(home: Path, history: int, days: int) -> dict[str, float]:
    """Build a history from scratch, then day by day; each model's median seconds in the builds of the days."""
    from shopkeeper.company.load import load
    from shopkeeper.warehouse.engine import engine

    crm = {"crm": {"connection": "sqlite:///crm.db", "entities": {name: {"table": name} for name in ROWS}}}
    folder = load(company(home / "company", sources=crm, company=COMPANY), environ={})
    with engine().begin() as connection:
        connection.execute(sa.text("alter database warehouse set synchronous_commit = off"))
    org_units(engine())
    customers = round(history * ROWS["customers"][0])
    for entity, (per_answer, columns, values) in ROWS.items():
        count = round(history * per_answer)
        # as many a day as in the days that follow: a long history is a long time, and not a larger company
        day = f"date '{LAST}' - 1 - (i % {max(1, history // ANSWERS_A_DAY)})::integer"
        put(engine(), entity, columns, values, day=day, first=1, count=count, customers=customers, at=LAST)
    for number in range(1, 1 + history // ANSWERS_A_DAY // WAVE_DAYS):
        wave(engine(), LAST - timedelta(days=WAVE_DAYS * number - 30), customers)
    announce(0, days + 1, f"a history of {history:,} answers, from scratch")
    build(folder, LAST)
    found: dict[str, list[float]] = defaultdict(list)
    for number in range(days):
        on = LAST + timedelta(days=number)
        for entity, (per_answer, columns, values) in ROWS.items():
            if entity != "customers":  # new ones would have nothing to be asked about; all else is theirs
                count = round(ANSWERS_A_DAY * per_answer)
                first = 10**8 + number * 10 * ANSWERS_A_DAY
                put(engine(), entity, columns, values, day=f"date '{on}'", first=first, count=count, customers=customers, at=on)
        announce(number + 1, days + 1, f"{ANSWERS_A_DAY} answers more on {history:,}")
        for model, took in build(folder, on + timedelta(days=1)):
            found[model].append(took)
    return {model: statistics.median(took) for model, took in found.items()}


def org_units(engine: sa.Engine) -> None:
    values = "'T' || i, 'team', 'B' || i % 10"
    put(engine, "org_units", "org_unit_id, kind, parent_id", values, day="null::date", first=0, count=40, customers=1, at=LAST)


def wave(engine: sa.Engine, on: date, customers: int) -> None:
    """A wave of ours: its frame of all customers, the invitations, and the answers in a batch, as if all had come within a day."""
    statements = (
        """
        insert into ops.waves (wave_id, programme, name, salt, covers_from, covers_to, as_of, config_hash, config, method, delivery,
            candidates, turned_away, drawn, drawn_at)
        values (ops.stable_id('wave', :name), 'yearly', :name, '', :at, :at, :at, '', '{"kind": "relationship", "scale": "0-10"}', 'email',
            'sandbox', :customers, 0, 0, :at)
        """,
        """
        insert into quality.wave_frames (wave_id, customer_id, outcome)
        select ops.stable_id('wave', :name), 'C' || i, case when i % :drawn = 0 then 'drawn' else 'not_drawn' end
        from generate_series(0, :customers - 1) as i
        """,
        """
        insert into ops.invitations (invitation_id, wave_id, programme, customer_id, provider, channel, locale, inclusion_probability,
            design_weight, invited_at, due_at, expires_at)
        select ops.stable_id('invitation', :name || customer_id), wave_id, 'yearly', customer_id, 'built_in', 'email', 'en', 1.0 / :drawn,
            :drawn, :at, :at, :at
        from quality.wave_frames where wave_id = ops.stable_id('wave', :name) and outcome = 'drawn'
        """,
        """
        insert into ops.invitation_events (invitation_id, event, message, occurred_at, recorded_at)
        select invitation_id, 'sent', 'invitation', :at, :at from ops.invitations where wave_id = ops.stable_id('wave', :name)
        """,
    )
    at = datetime(on.year, on.month, on.day, tzinfo=UTC)
    values = {"name": str(on), "at": at, "customers": customers, "drawn": DRAWN}
    with engine.begin() as connection:
        for statement in statements:
            text = sa.text(statement)
            connection.execute(text, {name: value for name, value in values.items() if name in text.compile().params})
    put(
        engine,
        "survey_responses",
        "provider, native_id, invitation_id, customer_id, programme, responded_at, scale, score, is_complete",
        f"'mailer', 'W{on}' || i, ops.stable_id('invitation', '{on}C' || i * {DRAWN})::text, 'C' || i * {DRAWN}, 'yearly', "
        "day + interval '9 hours', '0-10', i * 7 % 11, true",
        day=f"date '{on}'",
        first=0,
        count=customers // DRAWN // ANSWERED,
        customers=customers,
        at=on,
    )


def put(engine: sa.Engine, entity: str, columns: str, values: str, *, day: str, first: int, count: int, customers: int, at: date) -> None:
    """One batch of an entity, as the loader would have written it."""
    key = columns.split(", ", 1)[0] if entity != "survey_responses" else "native_id"
    loaded_at = datetime(at.year, at.month, at.day, 23, tzinfo=UTC)
    with engine.begin() as connection:
        batch = connection.scalar(
            sa.text(
                """
                insert into ops.batches (entity, source, kind, loaded_at, rows_in, accepted, unchanged, rejected, status)
                values (:entity, 'crm', 'window', :at, :count, :count, 0, 0, 'passed') returning batch_id
                """
            ),
            {"entity": entity, "at": loaded_at, "count": count},
        )
        connection.execute(
            sa.text(
                f"""
                insert into raw.{entity} (_key, _batch_id, _source, _row_number, _row_hash, _loaded_at, {columns})
                select ops.stable_id('{entity}:crm', rows.{key}), :batch, 'crm', rows.i, md5(rows.i::text)::uuid, :at,
                    {", ".join(f"rows.{name}" for name in columns.split(", "))}
                from (
                    select i, {_named(columns, values)}
                    from generate_series(cast(:first as bigint), cast(:first + :count - 1 as bigint)) as i,
                        lateral (select {day} as day) as days
                ) as rows
                """
            ),
            {
                "batch": batch,
                "at": loaded_at,
                "first": first,
                "count": count,
                **({"customers": customers} if ":customers" in values else {}),
            },
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"analyze raw.{entity}"))


def _named(columns: str, values: str) -> str:
    parts, depth, begun = [], 0, 0
    for place, letter in enumerate(values):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append(values[begun:place])
            begun = place + 1
    parts.append(values[begun:])
    return ", ".join(f"{value.strip()} as {name}" for value, name in zip(parts, columns.split(", "), strict=True))


def build(folder: Any, as_of: date) -> Iterator[tuple[str, float]]:
    """Both parts of dbt's work with the analyses between them; the name and seconds of each model and analysis."""
    from shopkeeper.pipeline import analyses
    from shopkeeper.pipeline import build as builds
    from shopkeeper.warehouse.engine import engine

    now = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC)
    one = builds.freeze(folder, as_of=now, now=now + timedelta(days=1))
    builds.build_models(one)
    begun: list[tuple[str, float]] = []
    analyses.run(one, folder.company, note=lambda name: begun.append((f"analysis: {name}", time.perf_counter())))
    ended = [moment for _, moment in begun[1:]] + [time.perf_counter()]
    builds.complete_models(one)
    query = "select node_id, seconds from quality.dbt_results where build_id = :build_id and resource_type = 'model'"
    with engine().connect() as connection:
        rows = connection.execute(sa.text(query), {"build_id": one.build_id}).all()
    took = [(name, end - start) for (name, start), end in zip(begun, ended, strict=True)]
    return iter(took + [(row.node_id.rsplit(".", 1)[-1], float(row.seconds)) for row in rows])


def compare(seconds: dict[int, dict[str, float]], answers: int) -> int:
    short, long = seconds[answers], seconds[TIMES * answers]

    def line(name: str, models: list[str]) -> tuple[str, ...]:
        before, after = (sum(found[model] for model in models) for found in (short, long))
        return name, f"{before:.2f}", f"{after:.2f}", f"{after / before:.2f}" if before else ""

    kept = [model for model in long if model in KEPT]
    anew = sorted((model for model in long if model not in KEPT), key=lambda model: long[model] - short[model], reverse=True)
    ratio = sum(long[model] for model in kept) / sum(short[model] for model in kept)
    rows = [
        line("the kept marts", kept),
        *(line(f"  {model}", [model]) for model in kept),
        line("all that is made anew", anew),
        *(line(f"  {model}", [model]) for model in anew[:NAMED]),
        line(f"  {len(anew) - NAMED} others", anew[NAMED:]),
    ]
    return report(
        f"{ANSWERS_A_DAY} answers more, with {answers:,} and with {TIMES * answers:,} there: seconds of each model",
        ("model", "short history", "long history", "times"),
        rows,
        [(f"kept marts on {TIMES} times the history: {ratio:.2f} times as long, limit {LIMIT}", ratio <= LIMIT)],
    )


if __name__ == "__main__":
    sys.exit(main())
