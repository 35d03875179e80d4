"""One step of an auditor's walk, chosen by what is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from shopkeeper.quality.tracing import evidence, score, walk
from shopkeeper.quality.tracing.answers import Answers
from shopkeeper.quality.tracing.invitations import Invitations
from shopkeeper.quality.tracing.records import records
from shopkeeper.quality.tracing.subject import EVIDENCE, FRAME, RECORDS, Row, Section, Trace, command, named_key, row_of

# A row that has these, and a score of any name, is about the answers of a programme in a period.
IS_CELL = {"programme", "metric", "period_grain", "period_starts_on", "period_ends_on"}
SCORES = {"nps", "value", "change"}
RATES = "response_rates"
# Of answers chosen by their words, or by what a model was fitted on: the score of a cell is not theirs.
OTHER_ANSWERS = {"theme_trends", "driver_curves"}


def trace(connection: sa.Connection, subject: str, key: Sequence[str], *, shown: int | None = 20) -> Trace:
    """Follow one step: a number of a mart to its answers, an answer to its invitation, that to its frame, and to the interaction.

    `key` is `column=value` or values in the order of the key. `shown` limits the answers that are listed (None: all); what is computed
    anew rests on all of them. A key of checks, batches and the like may fit many rows, which are told of together. Reads `marts` and
    `quality` alone, so any member of `cx_auditor` may ask. Raises ShopkeeperError for what is not there or not one thing.
    """
    named = named_key(subject, key)
    name = " ".join((subject, *named.values()))
    published = evidence.publication(connection)
    if subject in EVIDENCE:
        step = walk.frame if subject == FRAME else walk.interaction
        return step(connection, named, published)
    if subject in RECORDS:
        return records(connection, subject, named, published, shown=shown)
    row = row_of(connection, subject, named)
    if subject == "fct_survey_responses":
        return walk.response(connection, row, published)
    if subject == "fct_survey_invitations":
        return walk.invitation(connection, row, published)
    if subject == RATES or (subject not in OTHER_ANSWERS and row.keys() >= IS_CELL and row.keys() & SCORES):
        return _number(connection, subject, name, row, published=published, shown=shown)
    following = tuple(command("fct_survey_responses", example) for example in (row.get("example_response_ids") or "").split(",") if example)
    return Trace(name, (Section("row", "What is published", [row]), *evidence.sections(connection, published, subject)), following)


def _number(connection: sa.Connection, mart: str, name: str, row: Row, *, published: Row, shown: int | None) -> Trace:
    behind: Answers | Invitations
    if mart == RATES:
        behind = Invitations(connection, row, published)
        anew = behind.figures()
    else:
        behind = Answers(connection, row, published)
        anew = _as_called(row, score.recomputed(behind.sums(), behind.cohort(), published))
    figures = score.compared(row, anew)
    sections = (
        Section("row", "What is published", [row]),
        Section("figures", f"The same from the {type(behind).__name__.lower()}, computed anew", figures),
        *behind.sections(shown),
        *evidence.sections(connection, published, mart),
    )
    return Trace(name, sections, behind.following(), all(figure["agrees"] for figure in figures))


def _as_called(row: Mapping[str, Any], anew: Row) -> Row:
    """The figures under the names that other marts have for them. A control chart's value is a score or a share, in hundredths."""
    named = anew | {"n": anew["responses"]}
    shares = {"promoter_share": "promoters", "detractor_share": "detractors"}
    if column := shares.get(row.get("chart", "")):
        return named | {"value": score.share(anew[column], anew["responses"])}
    return named | {"value": anew["nps"]}
