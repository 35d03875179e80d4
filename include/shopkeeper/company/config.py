"""What a company folder may say, as typed models. `load` (in `company.load`) reads one and explains every mistake."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from shopkeeper.company.base import (
    CodecName,
    CurrencyCode,
    EmailAddress,
    EntityName,
    Misfit,
    Model,
    PlainName,
    TimezoneName,
    did_you_mean,
    raise_misfits,
)
from shopkeeper.company.closed_loop import ClosedLoop
from shopkeeper.company.gaming import GamingReview
from shopkeeper.company.goals import Goal
from shopkeeper.company.initiatives import Proposal
from shopkeeper.company.keeping import Privacy, Retention
from shopkeeper.company.programmes import Programmes
from shopkeeper.company.stated import StatedScore, stated_fit
from shopkeeper.company.themes import LabelledText, Themes
from shopkeeper.company.weights import Sensitivity, Weights
from shopkeeper.warehouse.entities import ENTITIES, Entity, Type


class Scale(Model):
    """Bands of one scale: a score under `passive_from` is a detractor's, from `promoter_from` on a promoter's."""

    metric: PlainName = Field(description="`nps` for the 0-10 recommendation question, and for it alone")
    score_from: int = Field(description="the lowest score that can be given")
    score_to: int = Field(description="the highest")
    passive_from: int = Field(description="lower scores are detractors'")
    promoter_from: int = Field(description="scores from here on are promoters'; those between are passives'")

    @model_validator(mode="after")
    def _in_order(self) -> Scale:
        if not self.score_from < self.passive_from <= self.promoter_from <= self.score_to:
            raise ValueError("needs score_from < passive_from <= promoter_from <= score_to")
        if self.metric == "nps" and (self.score_from, self.passive_from, self.promoter_from, self.score_to) != (0, 7, 9, 10):
            raise ValueError("nps is 0-10 with passives from 7 and promoters from 9; give another scale its own metric name")
        return self


NPS = Scale(metric="nps", score_from=0, score_to=10, passive_from=7, promoter_from=9)


class Band(Model):
    """One band of a measure: from the end of the band before up to, not including, `below`; the last has no `below`."""

    name: str = Field(min_length=1, description="as it shows in marts and reports")
    below: Decimal | None = Field(None, description="where the next band begins; the last band has none")


class MinimumN(Model):
    """How many answers a score needs before it is shown, and before it may be ranked."""

    hidden_below: int = Field(10, ge=1, description="under so many answers the score is hidden")
    indicative_below: int = Field(30, ge=1, description="under so many answers a score is kept out of rankings and goals")
    indicative_half_width: Decimal = Field(Decimal(15), gt=0, description="points; a wider interval is indicative too")


class Freshness(Model):
    """Hours after which the newest record or publication counts as stale."""

    publication_hours: int = Field(26, gt=0, description="since the last publication")
    entity_hours: dict[EntityName, int] = Field({}, description="entity → hours since its newest record")
    run_hours: int = Field(26, gt=0, description="since each DAG that runs by the clock last started; `up` waits three at most")
    tell: tuple[EmailAddress, ...] = Field((), description="whom to tell by e-mail when nothing ran: the data team")


def _bands(*pairs: tuple[str, int | None]) -> tuple[Band, ...]:
    return tuple(Band(name=name, below=None if below is None else Decimal(below)) for name, below in pairs)


class LifetimeValue(Model):
    """How what customers will still bring is estimated."""

    contractual: Literal["all", "none"] | tuple[str, ...] = Field(
        "none", description="product categories sold by running contract: `all`, `none` or a list; the rest is bought when customers like"
    )
    horizon_years: Decimal = Field(Decimal(3), gt=0, le=20, description="how far ahead value is counted")
    discount_rate: Decimal = Field(Decimal("0.10"), ge=0, lt=1, description="a year; 0.10 is ten percent")


class Referrals(Model):
    """How what referred customers bring is credited."""

    passed_up: Decimal = Field(
        Decimal("0.5"),
        ge=0,
        lt=1,
        description="share of what a referred customer holds that is credited to the referrer, and so on upwards",
    )


class Company(Model):
    """company.yml"""

    name: str = Field(min_length=1, description="as it stands on reports")
    timezone: TimezoneName = Field(description="IANA name; days, weeks and months are cut in it")
    currency: CurrencyCode = Field(description="ISO 4217; what money in the marts is stated in")
    language: str | None = Field(None, min_length=2, max_length=3, description="of words whose language nobody says, such as en")
    fiscal_year_starts_month: int = Field(1, ge=1, le=12, description="1 is January")
    maturity_days: int = Field(30, ge=0, description="days after the send when a cohort's response rate is final")
    scales: dict[str, Scale] = Field({"0-10": NPS}, description="scale, as answers name it → its bands and metric")
    tenure_bands: tuple[Band, ...] = Field(
        _bands(("under 1 year", 365), ("1 to 3 years", 1096), ("over 3 years", None)),
        description="by days since joined_on",
    )
    value_bands: tuple[Band, ...] = Field(
        _bands(("low", 100), ("middle", 500), ("high", None)),
        description="by margin per year, in the company's currency",
    )
    resolution_bands: tuple[Band, ...] = Field(
        _bands(("same day", 24), ("1 to 3 days", 72), ("4 to 7 days", 168), ("8 to 14 days", 336), ("over 14 days", None)),
        description="by hours from occurred_at to resolved_at",
    )
    share_of_wallet_bands: tuple[Band, ...] = Field(
        tuple(
            Band(name=name, below=below)
            for name, below in (("under a quarter", Decimal("0.25")), ("a quarter to a half", Decimal("0.5")), ("over a half", None))
        ),
        description="by our revenue as a share of what the customer spends with everyone in the category",
    )
    lifetime_value: LifetimeValue = Field(LifetimeValue(), description="what customers will still bring")
    referrals: Referrals = Field(Referrals(), description="what referred customers bring, and to whose credit")
    minimum_n: MinimumN = Field(MinimumN(), description="when a score is hidden or only indicative")
    weights: dict[str, Weights] = Field({}, description="survey programme → how its answers are weighted; the others' are not")
    sensitivity: Sensitivity = Field(Sensitivity(), description="what is supposed of answering that depends on the score itself")
    gaming: GamingReview = Field(GamingReview(), description="signs that somebody games the score")
    panel_name: str | None = Field(None, min_length=1, description="how panels of benchmark_responses call it, where not by its name")
    stated_scores: tuple[StatedScore, ...] = Field((), description="what providers' own pages say, to be set beside ours in the report")
    freshness: Freshness = Field(Freshness(), description="when data counts as stale")
    retention: Retention = Field(Retention(), description="how long what is kept")
    privacy: Privacy = Field(Privacy(), description="what becomes of a person who asks to be forgotten")
    exchange_rates: dict[CurrencyCode, dict[date, Decimal]] = Field({}, description="currency → first day → company currency for one unit")

    @field_validator("scales")
    @classmethod
    def _one_scale_per_metric(cls, scales: dict[str, Scale]) -> dict[str, Scale]:
        metrics = [scale.metric for scale in scales.values()]
        if len(set(metrics)) != len(metrics):
            raise ValueError("each scale needs a metric name of its own: scores of two scales are never put together")
        return scales

    @field_validator("tenure_bands", "value_bands", "resolution_bands", "share_of_wallet_bands")
    @classmethod
    def _rising(cls, bands: tuple[Band, ...]) -> tuple[Band, ...]:
        edges = [band.below for band in bands]
        inner = [edge for edge in edges[:-1] if edge is not None]
        if not bands or edges[-1] is not None or len(inner) != len(edges) - 1 or inner != sorted(set(inner)):
            raise ValueError("edges (`below`) must rise, and only the last band has none")
        if len({band.name for band in bands}) != len(bands):
            raise ValueError("band names must differ")
        return bands

    @model_validator(mode="after")
    def _stated_fit(self) -> Company:
        raise_misfits(stated_fit(self.stated_scores, list(self.scales)))
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class BytesFrom(Model):
    """Bytes that another codec decodes: `{codec: cp850, first: 0x80, last: 0x9f}`."""

    codec: CodecName = Field(description="a codec of one byte per character")
    first: int = Field(ge=0, le=255, description="first byte of the range")
    last: int = Field(ge=0, le=255, description="last byte of the range, included")

    @model_validator(mode="after")
    def _in_order(self) -> BytesFrom:
        if self.first > self.last:
            raise ValueError("needs first <= last")
        return self


class Encoding(Model):
    """A codec, and optionally a byte table: ranges of bytes that come from another codec."""

    codec: CodecName = Field("utf-8", description="as Python names it, such as cp1252; `utf-8-sig` drops a byte order mark")
    bytes_from: tuple[BytesFrom, ...] = Field(
        (), description="ranges of bytes that another codec decodes; needs a codec of one byte per character"
    )


class FileFormat(Model):
    """How the bytes of a file become rows of texts."""

    format: Literal["csv", "parquet", "jsonl"] | None = Field(None, description="default: from the path's ending")
    delimiter: str = Field(",", min_length=1, max_length=1, description="CSV: between columns")
    encoding: Encoding = Field(Encoding(), description="CSV and JSON lines: how bytes become text")
    missing: tuple[str, ...] = Field(("",), description="texts that mean no value")


class FileTable(FileFormat):
    """Files of one shape that together make a table, for a `query` to join; its columns are all text."""

    path: str = Field(description="a file or glob; relative to the company folder; ${ENV} is replaced")


class Mapping(FileFormat):
    """How one entity is read from one source: exactly one of `query`, `table` and `path`."""

    query: str | None = Field(None, description="SQL; may use :window_start and :window_end")
    table: str | None = Field(None, description="a table or view, read whole or by `cursor`")
    path: str | None = Field(None, description="a file or glob; relative to the company folder; ${ENV} is replaced")
    columns: dict[str, str] = Field({}, description="canonical column → source column; the same name where it is not listed")
    constants: dict[str, str] = Field({}, description="canonical column → a value for every row")
    answers: dict[str, str] = Field({}, description="survey_responses: question role → source column, closed questions")
    free_answers: dict[str, str] = Field({}, description="survey_responses: question role → source column, own words (pii)")
    attributes: dict[str, str] = Field({}, description="interactions: attribute → source column; candidate drivers")
    ignore: tuple[str, ...] = Field((), description="source columns to leave behind altogether")
    cursor: str | None = Field(None, description="canonical column to window by, such as updated_at; without it all is read each time")
    overlap_hours: int = Field(24, ge=0, description="how far before the last covered end each window reads again")
    full_snapshot: bool = Field(False, description="every read is the whole truth: keys that are gone are deleted")
    timezone: TimezoneName | None = Field(None, description="of timestamps without an offset; default: the source's")
    lower_case_ids: bool = Field(False, description="the source does not keep the case of its ids")
    mandatory_score: bool = Field(False, description="survey_responses: a complete answer without a score is rejected")
    date_order: Literal["ymd", "dmy", "mdy"] = Field("ymd", description="order of day, month and year in dates and times")
    decimal_comma: bool = Field(False, description="1.234,50 in place of 1,234.50")
    period: tuple[date, date] | None = Field(None, description="survey_responses: first and last day of undated answers")

    def source_column(self, canonical: str) -> str:
        return self.columns.get(canonical, canonical)


class Source(Model):
    """A database (its URL from the environment) or files, and what they bring.

    `files` puts files side by side as tables of a temporary SQLite database, so that `query` can join them;
    a file that holds an entity by itself needs no more than the mapping's `path`.
    """

    connection: str | None = Field(None, repr=False, description="SQLAlchemy URL; ${ENV} is replaced")
    files: dict[PlainName, FileTable] = Field({}, description="table name → files, for `query` and `table` of this source")
    timezone: TimezoneName = Field("UTC", description="of timestamps without an offset")
    entities: dict[EntityName, Mapping] = Field(description="entity → how it is read; at least one")

    @model_validator(mode="after")
    def _parts_fit(self) -> Source:
        misfits = _source_fits(self)
        for name, mapping in self.entities.items():
            misfits += [misfit.below("entities", name) for misfit in _mapping_fits(ENTITIES[name], mapping)]
        raise_misfits(misfits)
        return self


Sources = dict[PlainName, Source]


def _source_fits(source: Source) -> list[Misfit]:
    misfits = []
    if not source.entities:
        misfits.append(Misfit(("entities",), "is empty", "map at least one entity", given=(("entities",),)))
    if source.connection is not None and source.files:
        misfits.append(Misfit(("files",), "cannot be joined with the connection's tables", "make two sources of them"))
    for name, mapping in source.entities.items():
        given = (("connection",), ("files",))
        if mapping.path is None and source.connection is None and not source.files:
            place = "query" if mapping.query else "table"
            hint = "give the source a connection, or files, or read one file with path"
            misfits.append(Misfit(("entities", name, place), "needs a connection", hint, given))
        if source.files and mapping.table and mapping.table not in source.files:
            hint = did_you_mean(mapping.table, list(source.files))
            misfits.append(Misfit(("entities", name, "table"), f"there is no {mapping.table} under files", hint, given))
    return misfits


def _mapping_fits(entity: Entity, mapping: Mapping) -> list[Misfit]:
    known = [column.name for column in entity.columns]
    misfits = []
    if sum(place is not None for place in (mapping.query, mapping.table, mapping.path)) != 1:
        misfits.append(Misfit((), "needs exactly one of query, table and path", given=(("query",), ("table",), ("path",))))
    if mapping.full_snapshot and mapping.cursor:
        misfits.append(Misfit(("full_snapshot",), "a full snapshot reads everything", "leave out cursor, or full_snapshot"))
    if mapping.period and mapping.period[0] > mapping.period[1]:
        misfits.append(Misfit(("period",), "ends before it begins", "write [first day, last day]"))
    misfits += [
        Misfit((part, canonical), f"{entity.name} has no column {canonical}", did_you_mean(canonical, known))
        for part in ("columns", "constants")
        for canonical in getattr(mapping, part)
        if canonical not in known
    ]
    misfits += [
        Misfit(("constants", canonical), "has a source column too, under columns", "keep one of them")
        for canonical in mapping.constants
        if canonical in mapping.columns
    ]
    if mapping.cursor and mapping.cursor not in known:
        misfits.append(Misfit(("cursor",), f"{entity.name} has no column {mapping.cursor}", did_you_mean(mapping.cursor, known)))
    elif mapping.cursor and entity.column(mapping.cursor).type not in (Type.TIMESTAMP, Type.DATE):
        misfits.append(Misfit(("cursor",), f"{mapping.cursor} is no time", "name a column with a date or a time, such as updated_at"))
    misfits += [
        Misfit((part,), f"belongs to {owner}, not to {entity.name}", "take it out")
        for part, owner in _PARTS_OF_ONE_ENTITY.items()
        if entity.name != owner and getattr(mapping, part)
    ]
    return misfits


_PARTS_OF_ONE_ENTITY = {
    "answers": "survey_responses",
    "free_answers": "survey_responses",
    "mandatory_score": "survey_responses",
    "period": "survey_responses",
    "attributes": "interactions",
}


class CompanyFolder(Model):
    """Everything that is particular to one company, validated. `config_hash` covers what marts depend on."""

    folder: Path
    company: Company
    sources: dict[str, Source]
    programmes: Programmes = Programmes()
    closed_loop: ClosedLoop = ClosedLoop()
    themes: Themes = Themes()
    labelled: tuple[LabelledText, ...] = ()
    goals: tuple[Goal, ...] = ()
    initiatives: tuple[Proposal, ...] = ()
    config_hash: str

    def mappings(self) -> list[tuple[str, Source, str, Mapping]]:
        """(source name, source, entity name, mapping), in a fixed order."""
        return [
            (source_name, source, entity, source.entities[entity])
            for source_name, source in sorted(self.sources.items())
            for entity in ENTITIES
            if entity in source.entities
        ]
