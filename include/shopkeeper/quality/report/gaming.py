"""What looks as if the score were being worked on: a reason to look, never proof."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report.layout import Column, Names, Page, Section, Table, by, spoken
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.tracing import traced

SIGNALS = "select * from gaming_signals order by needs_review desc, q_value nulls last, programme, dimension, dimension_value, signal"


def page(connection: sa.Connection, names: Names) -> Page:
    found = [
        row
        | {
            "unit": names.get((row["dimension"], row["dimension_value"]), row["dimension_value"]),
            "signal_name": spoken(row["signal"]),
            "trace": traced("gaming_signals", row),
        }
        for row in rows(connection, SIGNALS)
    ]
    review = [row for row in found if row["needs_review"]]
    columns = (
        Column("unit", "Unit"),
        Column("programme", "Programme", "code"),
        Column("signal_name", "Signal", "code"),
        Column("observed", "Observed", "number"),
        Column("expected", "Expected", "number"),
        Column("z", "z", "number"),
        Column("p", "p", "p"),
        Column("q_value", "q", "p"),
    )
    reviewed = Table(
        "gaming_review",
        "To review, with the rows that it rests on",
        (*columns, Column("words", "What to look at", "words"), Column("evidence", "Evidence", "words")),
        review,
    )
    tested = by(found, "signal")
    counted = Table(
        "gaming_tested",
        "By signal",
        (Column("signal", "Signal"), Column("units", "Units tested", "count"), Column("review", "To review", "count")),
        [
            {"signal": spoken(signal), "units": len(group), "review": sum(bool(row["needs_review"]) for row in group)}
            for (signal,), group in tested.items()
        ],
    )
    everything = Table("gaming_signals", "Every unit and signal", (*columns, Column("needs_review", "Review", "flag")), found, shown=20)
    return Page(
        "gaming",
        "Gaming review",
        "Does anything look as if the score were being worked on?",
        "Units do differ, and each is held against what its customers and the other units let expect. All tests of a run are one family"
        " (Benjamini–Hochberg), so that many looks do not accuse somebody by chance. A signal is a reason to look at the rows, no more.",
        (
            Section(
                "review",
                "To review",
                "" if review else "Nothing: no unit differs from what is to be expected by more than chance.",
                (),
                (reviewed,),
            ),
            Section(
                "tested",
                "What was looked at",
                "",
                (),
                (counted, everything),
                empty="Nothing could be tested: no unit has invitations and answers.",
            ),
        ),
    )
