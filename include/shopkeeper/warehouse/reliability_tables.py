"""Who answers, and whom the answers speak for."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Numeric, PrimaryKeyConstraint, Table, Text

from shopkeeper.warehouse.tables import metadata


def _share(name: str, comment: str | None = None) -> Column[object]:
    return Column(name, Numeric(9, 6), comment=comment)


def _points(name: str, comment: str | None = None) -> Column[object]:
    return Column(name, Numeric(9, 4), comment=comment)


REPRESENTATIVENESS = Table(
    "representativeness",
    metadata,
    Column("build_id", BigInteger, nullable=False),
    Column("programme", Text, nullable=False),
    Column("weighting_wave", Text, nullable=False, comment="A wave of a relationship programme, else a month."),
    Column("variable", Text, nullable=False, comment="segment, tenure_band or value_band; all; early_late"),
    Column("category", Text, nullable=False, comment="Of the variable; `all` where the row is about all of them."),
    Column("frame", BigInteger, comment="Customers or interactions that could have been asked."),
    Column("answered", BigInteger, comment="Of those who were asked."),
    _share("frame_share"),
    _share("respondent_share", "Of those who answered, by design weight."),
    _share("response_propensity"),
    _share("partial_r", "Unconditional; of a whole variable the root of the sum of squares over its categories."),
    _share("r_indicator", "Bias-corrected; variable `all` alone."),
    _share("r_low", "95 %."),
    _share("r_high"),
    _share("r_uncorrected"),
    _points("bias_bound", "The most by which the raw score can be wrong through these variables, in points."),
    _points("early_nps", "Points; answers before the reminder. Variable early_late alone."),
    _points("late_nps", "Answers after it."),
    _points("gap", "Late less early, points."),
    Column("z", Numeric(12, 6)),
    Column("p", Numeric(9, 6)),
    PrimaryKeyConstraint("build_id", "programme", "weighting_wave", "variable", "category"),
    schema="analysis",
    comment="Respondents against the frame, wave by wave, and early against late answers; the build at work alone.",
)
