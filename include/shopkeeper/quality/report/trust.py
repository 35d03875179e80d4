"""Whether each score can be trusted, period by period, and every rule that it hit."""

from __future__ import annotations

import sqlalchemy as sa

from shopkeeper.quality.report.layout import Column, Page, Section, Table, by, metric_name, spoken, written
from shopkeeper.quality.report.reading import rows
from shopkeeper.quality.report.tracing import traced, with_trace

VERDICTS = """
select *
from metric_reliability
order by metric <> 'nps', programme, metric, is_current desc, period_starts_on desc, period_grain
"""

COLUMNS = (
    Column("period_grain", "Period", "code"),
    Column("period_starts_on", "From", "day"),
    Column("verdict", "Verdict", "code"),
    Column("responses", "Answers", "count"),
    Column("nps", "Score", "points"),
    Column("margin_of_error", "±", "points"),
    Column("response_rate", "Response rate", "share"),
    Column("excluded_share", "Excluded", "share"),
    Column("reasons", "Reasons", "words"),
)

# What the rules look at, of the score as it is now; what is not known is left out.
FIGURES = (
    Column("nps_weighted", "Weighted score", "points"),
    Column("n_effective_weighted", "Effective answers, weighted", "count"),
    Column("design_effect", "Design effect of the weights", "number"),
    Column("r_indicator", "R-indicator", "number"),
    Column("bias_bound", "Bias through the known variables at most, points", "points"),
    Column("early_late_gap", "After the reminder against before it, points", "change"),
    Column("nps_low_end", "Score if detractors answer least", "points"),
    Column("nps_high_end", "Score if they answer most", "points"),
    Column("tipping_ratio", "Detractors per promoter at which the score is 0", "number"),
    Column("phone_nps", "Score of all invited, by calls to the silent", "points"),
    Column("phone_nps_low", "At the lowest", "points"),
    Column("phone_nps_high", "At the highest", "points"),
    Column("coverage", "Of those eligible our waves could ask", "share"),
    Column("rr1", "Response rate (AAPOR RR1)", "share"),
    Column("quarantine_compliance", "Invitations that kept the quarantine", "share"),
    Column("gaming_reviews", "Signals of gaming to be reviewed", "count"),
    Column("excluded_share", "Answers excluded", "share"),
    Column("rejected_share", "Rows rejected", "share"),
    Column("waived_batches", "Batches used in spite of a failed critical gate", "count"),
    Column("warning_gate_failures", "Checks with a warning", "count"),
    Column("days_since_newest_answer", "Days since the newest answer", "count"),
)


def page(connection: sa.Connection) -> Page:
    sections = []
    for key, found in by(rows(connection, VERDICTS), "programme", "metric").items():
        current = next((row for row in found if row["is_current"]), found[0])
        table = Table(f"verdicts_{'_'.join(key)}", "Verdict by period", COLUMNS, with_trace("metric_reliability", found), shown=16)
        looked_at = [
            {"figure": one.title, "value": written(current[one.name], one.kind), "trace": traced("metric_reliability", current)}
            for one in FIGURES
            if current[one.name] is not None
        ]
        figures = Table(
            f"figures_{'_'.join(key)}", "What the rules look at, now", (Column("figure", "Figure"), Column("value", "Value")), looked_at
        )
        title = f"{spoken(key[0])}, {metric_name(key[1])}: {current['verdict']}"
        reasons = current["reasons"] or "no rule was hit"
        sections.append(Section("-".join(key), title, f"{reasons[:1].upper()}{reasons[1:]}.", (), (figures, table), programme=key[0]))
    return Page(
        "trust",
        "Trust",
        "Can each score be trusted, and why not?",
        "Sound: no rule was hit. Usable with care: quote it with the reasons beside it. Not to be published: too few answers, or evidence"
        " that failed."
        if sections
        else "No score can be judged yet.",
        tuple(sections),
    )
