"""The survey archive: invitations as CSV, answers as JSON lines, one file per programme and month.

Invitations carry local times, answers UTC. An answer stands in the file of the month in which it was last changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from shopkeeper.demo import product_fault, telling, words
from shopkeeper.demo.columns import ids, labels, moments, only_where, person_ids, table
from shopkeeper.demo.config import DAY, PROGRAMMES, RELATIONSHIP, Array, GamingMode, to_utc
from shopkeeper.demo.faults import BAD_MOMENTS, LATE_DAYS, Tally, chosen
from shopkeeper.demo.population import CLAIM, LOCALES
from shopkeeper.demo.simulation import Part, Simulation
from shopkeeper.demo.surveys import DISPOSITIONS, PARTIAL

CALL_ME_SHARE = 0.3
ANSWERED_OURSELVES, BEGGED = GamingMode.ANSWERING_ONESELF, GamingMode.BEGGING


def invitations(part: Part) -> Iterator[tuple[str, pa.Table]]:
    """(file name, rows); the caller adds rows to a file that is already there."""
    frame = part.frame
    asked = np.flatnonzero(frame.drawn)
    asked = asked[np.argsort(frame.moment[asked], kind="stable")]
    rows = table(
        Invitation=ids("I", asked, part.number),
        Customer=person_ids(frame.customer[asked], part.customers.first_number),
        Event=ids("V", frame.event[asked], part.number),
        Survey=labels(frame.programme[asked], PROGRAMMES),
        Sent=moments(frame.moment[asked]),
        State=labels(frame.disposition[asked], DISPOSITIONS),
    )
    for name, chosen_rows in _by_file(frame.programme[asked], frame.moment[asked]):
        yield f"{name}.csv", rows.take(pa.array(chosen_rows))


@dataclass(frozen=True)
class _Answers:
    """The rows of the frame that became answers, and what is written of each."""

    row: Array
    responded: Array
    changed: Array
    is_complete: Array


def answers(simulation: Simulation, part: Part, tally: Tally) -> Iterator[tuple[str, list[str]]]:
    """(file name, lines), faulty rows included."""
    frame, config = part.frame, simulation.config
    partial = frame.drawn & (frame.disposition == PARTIAL) & (frame.moment + 2 * DAY < config.end_day * DAY)
    row = np.flatnonzero(frame.answered | partial)
    responded = np.where(frame.answered[row], frame.responded[row], frame.moment[row] + DAY)
    order = np.argsort(responded, kind="stable")
    row, responded = row[order], responded[order]
    is_complete = frame.answered[row]
    faulty = chosen(
        config,
        "survey_responses",
        part.number,
        rows=len(row),
        answers=part.answers,
        may_be={
            "score_10_with_blank": is_complete & (frame.given_score[row] == 10),
            "late": is_complete & (responded < (config.end_day - LATE_DAYS - 1) * DAY),
            **dict.fromkeys(("score_11", "score_minus_1", "score_7_5", "empty_score", "duplicate_key", "unknown_customer"), is_complete),
        },
        tally=tally,
    )
    changed = responded.copy()
    changed[faulty["late"]] += LATE_DAYS * DAY
    records = _records(simulation, part, _Answers(row, responded, changed, is_complete))
    for place in faulty["score_10_with_blank"].tolist():
        records[place]["score"] = "10 "
    extra, extra_at = _faulty(config.customers, records, faulty)
    everything = records + extra
    at = np.concatenate([np.arange(len(records)), extra_at])
    for name, chosen_rows in _by_file(frame.programme[row][at], changed[at]):
        yield f"{name}.jsonl", [json.dumps(everything[place], ensure_ascii=False, separators=(",", ":")) for place in chosen_rows.tolist()]


def _records(simulation: Simulation, part: Part, told: _Answers) -> list[dict[str, Any]]:
    frame, events, customers = part.frame, part.events, part.customers
    random = simulation.config.stream("answers", part.number)
    row = told.row
    count = len(row)
    gaming_of = {gamed.branch: gamed.mode for gamed in part.gamed}
    gamed_as = [
        gaming_of.get(branch) if is_gamed else None
        for branch, is_gamed in zip(frame.branch[row].tolist(), frame.is_gamed[row].tolist(), strict=True)
    ]
    is_own = np.array([mode is ANSWERED_OURSELVES for mode in gamed_as], bool)
    is_begged = np.array([mode is BEGGED for mode in gamed_as], bool)
    about_event = frame.event[row]
    kind = np.where(about_event < 0, 0, np.where(events.kind[about_event] == CLAIM, 2, 1))
    about = [("relationship", "call", "claim")[k] for k in kind.tolist()]
    score = frame.given_score[row]
    language = customers.locale[frame.customer[row]]
    comments = words.comments(
        random,
        about,
        language=language,
        band=frame.given_band[row],
        is_begged=is_begged,
        is_curt=is_own | ~told.is_complete,
        cause=product_fault.causes(simulation.config, part, row),
    )
    ease = np.clip(np.rint(1 + score * 0.4 + random.normal(0, 0.7, count)), 1, 5).astype(int)
    reason = random.integers(0, len(words.REASONS), count)
    call_me = random.random(count) < CALL_ME_SHARE
    # one device per customer; those who answer for their customers use the branch's own
    device = np.where(is_own, -1 - frame.branch[row], frame.customer[row] + customers.first_number)
    is_complete = told.is_complete
    said = telling.told(simulation.config, customers, part.referrals, part.number)
    asked_how = np.where(is_complete & (frame.programme[row] == RELATIONSHIP), frame.customer[row], -1).tolist()
    # answers of waves say who wrote them by the invitation alone
    customer = only_where(person_ids(frame.customer[row], customers.first_number), frame.programme[row] != RELATIONSHIP)
    columns = {
        "id": ids("R", row, part.number).to_pylist(),
        "survey": labels(frame.programme[row], PROGRAMMES).to_pylist(),
        "invitation": ids("I", row, part.number).to_pylist(),
        "customer": customer.to_pylist(),
        "event": ids("V", about_event, part.number).to_pylist(),
        "score": only_where(pa.array(score), is_complete).to_pylist(),
        "finished": is_complete.tolist(),
        "opened": _utc_texts(told.responded - frame.seconds_taken[row]),
        "submitted": _utc_texts(told.responded),
        "changed": _utc_texts(told.changed),
        "comment": comments,
        "ease": only_where(pa.array(ease), is_complete).to_pylist(),
        "reason": only_where(labels(reason, words.REASONS), is_complete).to_pylist(),
        "heard_from": [said.heard_from[one] if one >= 0 else None for one in asked_how],
        "recommended_by": [said.recommended_by[one] if one >= 0 else None for one in asked_how],
        "anyway": [said.anyway[one] if one >= 0 else None for one in asked_how],
        "call_me": only_where(pa.array(call_me), is_complete).to_pylist(),
        "lang": labels(language, LOCALES).to_pylist(),
        "client_hash": [f"d{number:x}" if number >= 0 else f"branch-{-number:02d}" for number in device.tolist()],
    }
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _faulty(customers: int, records: list[dict[str, Any]], faulty: dict[str, Array]) -> tuple[list[dict[str, Any]], Array]:
    """The extra rows, and the true row that each was made from."""
    extra: list[dict[str, Any]] = []
    at: list[int] = []

    def add(fault: str, **changes: Any) -> None:
        for place in faulty[fault].tolist():
            extra.append({**records[place], "id": f"{records[place]['id']}F", **changes})
            at.append(place)

    add("score_11", score=11)
    add("score_minus_1", score=-1)
    add("score_7_5", score=7.5)
    add("empty_score", score="")
    add("bad_date")
    for number, record in enumerate(extra[len(extra) - len(faulty["bad_date"]) :]):
        record["submitted"] = BAD_MOMENTS[number % len(BAD_MOMENTS)]
    add("unknown_customer", invitation=None, event=None, customer=f"C{customers + 9_000_000:07d}")
    for place in faulty["id_with_blank"].tolist():
        extra.append({**records[place], "id": f"{records[place]['id']} F"})
        at.append(place)
    for place in faulty["duplicate_key"].tolist():
        # an earlier state of the same answer: no comment yet, another score
        older = {**records[place], "comment": None, "score": max(0, records[place]["score"] - 1)}
        extra.append({**older, "changed": older["opened"]})
        at.append(place)
    return extra, np.array(at, int)


def _utc_texts(local: Array) -> list[str]:
    return [f"{text}Z" for text in np.datetime_as_string(to_utc(local).astype("datetime64[s]")).tolist()]


def _by_file(programme: Array, moment: Array) -> Iterator[tuple[str, Array]]:
    month = moment.astype("datetime64[s]").astype("datetime64[M]")
    for code, name in enumerate(PROGRAMMES):
        for one in np.unique(month[programme == code]):
            yield f"{name}-{one}", np.flatnonzero((programme == code) & (month == one))
