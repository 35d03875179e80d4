"""Builds the metric-quality report: a small static site that needs nothing else, from the marts of one publication."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import takewhile
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from jinja2 import Environment, PackageLoader, StrictUndefined

from shopkeeper.errors import fail
from shopkeeper.quality import sites
from shopkeeper.quality.report import (
    accounts,
    benchmark,
    downloads,
    drill,
    drivers,
    employees,
    evidence,
    gaming,
    goals,
    over_time,
    providers,
    quarantine,
    reading,
    representativeness,
    response,
    silent,
    summary,
    themes,
    trust,
    units,
)
from shopkeeper.quality.report.layout import NUMBERS, Names, Page, Row, Section, Table, written

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Marts:
    """What to report on: the marts of a build, and in which schema they lie. `publication_id` is empty when they were never published."""

    schema: str
    build_id: int
    publication_id: int | None


def build_report(engine: sa.Engine, company: str, marts: Marts | None = None) -> bytes:
    """The report on the newest publication, or on other `marts`, as a zip that holds index.html; `company` is the name at its head.

    It prints no clock: the same marts give the same bytes. Everything is read in one transaction, from marts and `quality` alone.

    Raises ShopkeeperError when nothing has been published yet.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        return _built(connection, marts or newest(connection), company)


def keep_report(engine: sa.Engine, company: str, *, now: datetime) -> tuple[int, int]:
    """Build the newest publication's report and keep it twice: as the newest, and as that publication's, so that it stays readable.

    Returns the publication's id and how many bytes the report has. Raises ShopkeeperError when nothing has been published yet.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        marts = newest(connection)
        content = _built(connection, marts, company)
    publication_id = marts.publication_id or sites.NEWEST
    for kept in (publication_id, sites.NEWEST):
        sites.store(engine, "report", content, now=now, publication_id=kept)
    return publication_id, len(content)


def _built(connection: sa.Connection, marts: Marts, company: str) -> bytes:
    connection.execute(sa.text("select set_config('search_path', :schema, true)"), {"schema": marts.schema})
    return sites.zip_of(_files(connection, marts, company))


def newest(connection: sa.Connection) -> Marts:
    """The marts that readers see. Raises ShopkeeperError when nothing has been published yet."""
    found = reading.rows(connection, reading.NEWEST)
    if not found:
        raise fail("report", "nothing has been published yet", "./shopkeeper run")
    return Marts("marts", **found[0])


def _files(connection: sa.Connection, marts: Marts, company: str) -> Iterator[tuple[str, bytes]]:
    build = reading.rows(connection, reading.BUILD, build_id=marts.build_id)[0]
    names = {(row["dimension"], row["dimension_value"]): row["name"] for row in reading.rows(connection, reading.NAMES)}
    programmes = summary.programmes(connection, names)
    chapters = [
        trust.page(connection),
        response.page(connection, names),
        representativeness.page(connection),
        over_time.page(connection, names),
        units.page(connection, names),
        gaming.page(connection, names),
        quarantine.page(connection, build["as_of_on"] - timedelta(days=90)),
        providers.page(connection, build["build_id"], build["hidden_below"]),
        evidence.lineage(connection, build),
        evidence.gates(connection, build["build_id"]),
        evidence.rejected(connection, build["known_at"]),
        *_outer_loop(connection, build, names),
    ]
    order = {key: place for place, key in enumerate(dict.fromkeys(one.row["programme"] for one in programmes))}
    chapters = [replace(page, sections=_in_order(page.sections, order)) for page in chapters]
    first = Page("index", "Summary", "Can this score be trusted?")
    last = Page("downloads", "Download", "Tables to take along")
    about = _about(build, marts, company)
    shared = {
        "about": about,
        "pages": [first, *chapters, last],
        "programmes": programmes,
        "in_short": summary.in_short(programmes),
        "made_with": summary.made_with(connection, marts.publication_id),
        "numbers": NUMBERS,
    }
    tables = [(summary.scores(programmes), first), *((table, page) for page in chapters for table in page.tables)]

    def made(name: str, title: str, template: str, **values: object) -> tuple[str, bytes]:
        return f"{name}.html", _templates().get_template(f"{template}.html.j2").render(shared | values, here=name, title=title).encode()

    yield made("index", "Can this score be trusted?", "index", strips=[one.strip for one in programmes if one.strip])
    for page in chapters:
        yield made(page.name, page.title, "page", page=page)
    yield made("downloads", "Download", "downloads", tables=tables)
    yield made("print", "To print", "print", chapters=chapters)
    yield from ((file.name, file.read_bytes()) for file in sorted(STATIC.iterdir()))
    yield from ((f"tables/{table.name}.csv", downloads.as_csv(table)) for table, _ in tables)
    yield "metric-quality.xlsx", _workbook([table for table, _ in tables], about, build["as_of"])


def _in_order(sections: Sequence[Section], order: Mapping[str, int]) -> tuple[Section, ...]:
    """Programmes in the order of the first page; what is about none and stands first stays first, other such sections come last."""
    leading = list(takewhile(lambda section: not section.programme, sections))
    return (*leading, *sorted(sections[len(leading) :], key=lambda section: order.get(section.programme, len(order))))


def _outer_loop(connection: sa.Connection, build: Row, names: Names) -> list[Page]:
    """What comes of the score, on pages of its own behind those that say whether it can be trusted; those alone that have anything to show.

    What is modelled of the silent comes last.
    """
    found = (
        drivers.page(connection, names),
        themes.page(connection, names),
        drill.page(connection, names, build["as_of_on"], build["hidden_below"]),
        accounts.page(connection, build["hidden_below"]),
        benchmark.page(connection, build["as_of_on"]),
        employees.page(connection, names),
        goals.page(connection, names),
        silent.page(connection),
    )
    pages = [page for page in found if page]
    return [replace(pages[0], begins="Why, and what next"), *pages[1:]] if pages else []


def _about(build: Row, marts: Marts, company: str) -> Row:
    zone = ZoneInfo(build["company_timezone"])
    return {
        "company": company,
        "publication_id": marts.publication_id,
        "git_commit": build["git_commit"],
        "config_hash": build["config_hash"],
        "as_of": f"{build['as_of'].astimezone(zone):%Y-%m-%d %H:%M %Z}",
        "known_at": f"{build['known_at'].astimezone(zone):%Y-%m-%d %H:%M %Z}",
        "maturity_days": build["maturity_days"],
        "hidden_below": build["hidden_below"],
        "indicative_below": build["indicative_below"],
        "indicative_half_width": f"{float(build['indicative_half_width']):g}",
    }


def _workbook(tables: Sequence[Table], about: Row, as_of: datetime) -> bytes:
    names = {"company": "Company", "as_of": "Business time up to", "known_at": "As known at", "publication_id": "Publication"}
    names |= {"git_commit": "Code", "config_hash": "Configuration"}
    lines = [(title, str(about[name])) for name, title in names.items() if about[name] is not None]
    return downloads.as_workbook(tables, lines, as_of)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("shopkeeper.quality.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["written"] = written
    return environment
