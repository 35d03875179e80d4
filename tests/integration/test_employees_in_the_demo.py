"""What the sample company's people told an institute is in two marts, and nowhere else that anybody reads."""

from __future__ import annotations

import json
import subprocess

import sqlalchemy as sa
from tests.integration.conftest import Home

from shopkeeper.demo.staff_survey import PROGRAMME, WORDS

OWN = {"employee_nps", "employee_comments"}
OPEN = ("marts", "frontline", "quality", "ops", "analysis")  # what readers, alerts, digests and pages are made from
# where the pipeline keeps words for the marts, and says which programmes and cells are employees'
KEPT = {"ops.redacted_verbatims", "ops.employee_programmes", "analysis.employee_cells"}
TABLES = """
    select format('%I.%I', table_schema, table_name) as name, bool_or(column_name = 'programme') as has_programme
    from information_schema.columns
    inner join information_schema.tables using (table_schema, table_name)
    where table_schema = any(:schemas) and table_type = 'BASE TABLE'
    group by 1 order by 1
"""


def test_what_employees_say_is_in_their_own_marts_alone(published: sa.Engine, home: Home) -> None:
    # One alert to a leader about a low score of his own team, and the next survey has no honest answer.
    words = [f"%{text}%" for texts in WORDS for text in texts]
    with published.connect() as connection:
        tables = [row for row in connection.execute(sa.text(TABLES), {"schemas": list(OPEN)}) if not row.name.endswith("sites")]
        assert len(tables) > 80, "the tables are not where this test looks"
        for table in tables:
            if table.name in KEPT or table.name.removeprefix("marts.") in OWN:
                continue
            if table.has_programme:
                rows = connection.scalar(sa.text(f"select count(*) from {table.name} where programme = :name"), {"name": PROGRAMME})
                assert rows == 0, table.name
            written = connection.scalar(sa.text(f"select count(*) from {table.name} as t where t::text like any(:words)"), {"words": words})
            assert written == 0, table.name
        shown = connection.scalar(sa.text("select count(*) from marts.employee_comments where verbatim like any(:words)"), {"words": words})
    assert shown > 100, "the words are there to be found"
    places = [*(home.folder / "sites").rglob("*.*"), *(home.folder / "inbox").rglob("*")]
    files = [path for path in places if path.is_file() and path.suffix != ".png"]
    assert len(files) > 100
    for path in files:
        content = path.read_text(encoding="utf-8", errors="replace")
        assert not [text for texts in WORDS for text in texts if text in content], path


def test_the_sample_companys_people_and_rivals_are_scored(published: sa.Engine, home: Home, demo: subprocess.CompletedProcess[str]) -> None:
    # A branch is shown and a team of six is not; whoever sees both kinds knows what the rule does.
    truth = json.loads((home.folder / "sample" / "truth.json").read_text())
    with published.connect() as connection:
        rows = connection.execute(sa.text("select period, unit_kind, responses from marts.employee_nps where reporting <> 'hidden'")).all()
        panel = connection.execute(sa.text("select distinct competitor from marts.benchmark_nps")).scalars()
        assert set(panel) == set(truth["panel"]["nps"])
    kinds = {kind: sum(row.unit_kind == kind for row in rows) for kind in ("everybody", "company", "region", "branch", "team")}
    assert kinds["everybody"] == kinds["company"] == 2
    # a managing director alone above the regions hides one of them, and a manager alone above the branches of a region one of those
    assert 4 <= kinds["region"] <= 6
    assert 30 <= kinds["branch"] <= 44
    assert 0 < kinds["team"] < 160, "of twice 120"
    assert {row.period: row.responses for row in rows if row.unit_kind == "everybody"} == {
        survey["period"]: survey["answers"] for survey in truth["employees"]
    }
    told = [line.split("\t")[0] for line in demo.stdout.split("what\tplanted")[1].splitlines() if "\t" in line]
    counted = {part: sum(line.startswith(part) for line in told) for part in ("NPS in the panel, ", "ahead of ", "NPS of employees, ")}
    assert counted == {"NPS in the panel, ": 3, "ahead of ": 2, "NPS of employees, ": 2}
