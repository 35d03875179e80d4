"""What calls to the silent told."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Numeric, Table, Text

from shopkeeper.warehouse.tables import metadata, moment


def _points(name: str, comment: str | None = None) -> Column[object]:
    return Column(name, Numeric(9, 4), nullable=False, comment=comment)


PHONE_FOLLOW_UPS = Table(
    "phone_follow_ups",
    metadata,
    Column("follow_up_id", BigInteger, Identity(always=True), primary_key=True),
    Column("programme", Text, nullable=False),
    Column("wave", Text, nullable=False),
    Column("silent", Integer, nullable=False, comment="Customers who were invited and had not answered, called or not."),
    Column("called", Integer, nullable=False),
    Column("answered_detractors", Integer, nullable=False, comment="Of those who had answered by themselves."),
    Column("answered_passives", Integer, nullable=False),
    Column("answered_promoters", Integer, nullable=False),
    Column("phone_detractors", Integer, nullable=False, comment="Of those whom a call reached."),
    Column("phone_passives", Integer, nullable=False),
    Column("phone_promoters", Integer, nullable=False),
    _points("nps_answered", "Score of those who had answered by themselves, points, by design weight."),
    _points("nps_answered_low", "95 %, adjusted Wald of the effective number."),
    _points("nps_answered_high"),
    _points("nps_silent", "Of those whom a call reached."),
    _points("nps_silent_low"),
    _points("nps_silent_high"),
    _points("nps", "Of everybody invited."),
    _points("nps_low", "95 %, double sampling."),
    _points("nps_high"),
    _points("gap", "The silent less those who answered, points."),
    Column("gap_p", Numeric(9, 6), nullable=False, comment="Chance of such a gap where there is none."),
    Column("publication_id", BigInteger, nullable=False, comment="Whose marts told who had answered and who had not."),
    Column("actor", Text, nullable=False),
    Column("recorded_at", moment("recorded_at").type, nullable=False, comment="known_at cuts here."),
    Index(None, "programme", "wave"),
    schema="ops",
    comment="Append-only: each estimate from calls to some of the silent of a wave, in counts alone; the newest of a wave stands.",
)
