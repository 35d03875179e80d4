"""You said, we did, for customers: a page to be shown in the company's own site or linked to, and the same as JSON.

Only what a leader said customers are to read, and the company's own words alone: no score, no effect, no unit.
"""

from __future__ import annotations

import json
from pathlib import Path

import jinja2
import sqlalchemy as sa

from shopkeeper.company.config import CompanyFolder
from shopkeeper.distribution import publication, wording
from shopkeeper.messages.writing import language

NAME = "you_said"
_TOLD = """
    select you_said, we_did, done_on
    from marts.initiative_priorities
    where state in ('done', 'verified') and for_customers and you_said is not null
    order by done_on desc, initiative_id
    limit 12
"""


def build_site(engine: sa.Engine, folder: CompanyFolder) -> dict[str, bytes]:
    """`index.html` and `you-said.json`; empty before the first publication, and where nothing is to be told."""
    with engine.connect() as connection:
        if publication.newest(connection, folder) is None:
            return {}
        told = connection.execute(sa.text(_TOLD)).all()
    if not told:
        return {}
    spoken = language(folder.company.language)
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = templates.get_template("you_said.html.j2").render(
        language=spoken,
        company=folder.company.name,
        heading=wording.say("pack.told", spoken),
        told=[(one.you_said, one.we_did, wording.day(one.done_on, spoken)) for one in told],
    )
    listed = [{"you_said": one.you_said, "we_did": one.we_did, "done_on": one.done_on.isoformat()} for one in told]
    return {"index.html": page.encode(), "you-said.json": json.dumps(listed, ensure_ascii=False, indent=1).encode()}
