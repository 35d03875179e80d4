"""Write the sample company where a real one would keep it: two databases by COPY, and a folder of survey files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
import sqlalchemy as sa

from shopkeeper.demo import crm_records, finance_records, panel, staff_survey, survey_files
from shopkeeper.demo.columns import person_ids, table
from shopkeeper.demo.config import BANDS, SimulationConfig
from shopkeeper.demo.faults import Tally
from shopkeeper.demo.simulation import Part, Simulation, simulate
from shopkeeper.demo.truth import Truth
from shopkeeper.errors import fail

Progress = Callable[[str, float], None]
HERE = Path(__file__).parent
FOLDERS = ("invitations", "answers", "panel", "staff")
OWN_FILES = ("invitations/*.csv", "answers/*.jsonl", "panel/*.csv", "staff/*.csv", "truth.json", "truth_margins.csv")
CURSORS = {
    "crm": ("company", "person", "contact_event", "call_record", "grievance", "proposal", "recommendation"),
    "ledger": ("posting", "service_charge", "acquisition", "wallet_survey"),
}


@dataclass(frozen=True)
class Filled:
    """What was written: rows per table and kind of file, the truth, and where it lies."""

    rows: dict[str, int]
    truth: dict[str, Any]
    truth_file: Path


def fill(
    simulation: Simulation | SimulationConfig, crm_url: str, finance_url: str, history_folder: Path, progress: Progress | None = None
) -> Filled:
    """Write CRM, ledger and survey history of a sample company, in place of whatever it wrote there before.

    The two databases must be there; their schemas `crm` and `ledger` are made anew, each in one transaction. The folder
    gets `invitations/*.csv`, `answers/*.jsonl`, `panel/*.csv`, `staff/*.csv`, `truth.json` and `truth_margins.csv`. `progress` is
    told what is being written and the share that is done (0 to 1). Raises ShopkeeperError when a database or the folder cannot be
    written.
    """
    simulation = simulate(simulation) if isinstance(simulation, SimulationConfig) else simulation
    tell = progress or (lambda what, done: None)
    rows: dict[str, int] = {}
    truth = Truth(simulation)
    history = _History(history_folder)
    with _connected("CRM_URL", crm_url) as crm, _connected("FINANCE_URL", finance_url) as finance:
        crm.execute((HERE / "crm.sql").read_text())
        finance.execute((HERE / "finance.sql").read_text())
        _copy_all(crm, crm_records.common_tables(simulation), rows, lambda what: tell(what, 0.0))
        history.add_surveys_of_others(simulation, rows)
        parts = simulation.config.parts
        for part in simulation.parts():
            tally: Tally = {}

            def within(share: float, number: int = part.number) -> Callable[[str], None]:
                return lambda what: tell(what, (number + share) / parts)

            _copy_all(crm, crm_records.part_tables(simulation, part, tally), rows, within(0.2))
            _copy_all(finance, finance_records.part_tables(simulation, part, tally), rows, within(0.5))
            within(0.8)("survey history")
            history.add(simulation, part, tally, rows)
            truth.add(part, tally)
        _finish(crm, "crm")
        _finish(finance, "ledger")
    document = truth.document()
    truth_file = history.folder / "truth.json"
    truth_file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    tell("done", 1.0)
    return Filled(rows=rows, truth=document, truth_file=truth_file)


def _connected(name: str, url: str) -> psycopg.Connection:
    try:
        parsed = sa.make_url(url).set(drivername="postgresql")
        return psycopg.connect(parsed.render_as_string(hide_password=False), connect_timeout=10)
    except (sa.exc.ArgumentError, ValueError):
        raise fail(name, "is no database URL", "write it as postgresql://user:password@host:5432/database") from None
    except psycopg.OperationalError as error:
        raise fail(name, f"no connection: {str(error).strip().splitlines()[-1]}", "create the database and check the URL") from None


def _copy_all(
    connection: psycopg.Connection, tables: Iterator[tuple[str, pa.Table]], rows: dict[str, int], tell: Callable[[str], None]
) -> None:
    for name, content in tables:
        tell(name)
        columns = ", ".join(content.column_names)
        with connection.cursor() as cursor, cursor.copy(f"copy {name} ({columns}) from stdin (format csv)") as copy:
            for batch in content.to_batches(max_chunksize=100_000):
                copy.write(_csv(batch, header=False, delimiter=","))
        rows[name] = rows.get(name, 0) + content.num_rows


def _csv(content: pa.Table | pa.RecordBatch, *, header: bool, delimiter: str) -> bytes:
    buffer = io.BytesIO()
    pyarrow.csv.write_csv(
        content, buffer, pyarrow.csv.WriteOptions(include_header=header, delimiter=delimiter, quoting_style="needed", quoting_header="none")
    )
    return buffer.getvalue()


def _finish(connection: psycopg.Connection, schema: str) -> None:
    """Indexes for reading by the time of the last change."""
    for name in CURSORS[schema]:
        connection.execute(f"create index on {schema}.{name} (changed_at)")
        connection.execute(f"analyze {schema}.{name}")


class _History:
    """The folder of survey files: each part adds to the files of its months."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for name in FOLDERS:
                (folder / name).mkdir(parents=True, exist_ok=True)
            for pattern in OWN_FILES:
                for old in folder.glob(pattern):
                    old.unlink()
        except OSError as error:
            raise fail(str(folder), f"cannot be written ({error.strerror})", "set SURVEY_HISTORY to a folder of your own") from None

    def add(self, simulation: Simulation, part: Part, tally: Tally, rows: dict[str, int]) -> None:
        for name, content in survey_files.invitations(part):
            self._append(self.folder / "invitations" / name, content, ";")
            rows["invitations"] = rows.get("invitations", 0) + content.num_rows
        for name, lines in survey_files.answers(simulation, part, tally):
            with (self.folder / "answers" / name).open("a", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
            rows["answers"] = rows.get("answers", 0) + len(lines)
        margins = part.margins
        content = table(
            customer_id=person_ids(margins.customer, part.customers.first_number),
            band=pa.array(BANDS).take(pa.array(margins.band)),
            **{f"margin_{name}": pa.array(margins.potential[:, code]) for code, name in enumerate(BANDS)},
            margin_before=pa.array(margins.before),
        )
        self._append(self.folder / "truth_margins.csv", content, ",")

    def add_surveys_of_others(self, simulation: Simulation, rows: dict[str, int]) -> None:
        """What a panel and an institute hand over."""
        for folder, files in (
            ("panel", panel.answers(simulation.config)),
            ("staff", staff_survey.files(simulation.config, simulation.organisation)),
        ):
            for name, content in files:
                self._append(self.folder / folder / name, content, ",")
                rows[folder] = rows.get(folder, 0) + content.num_rows

    @staticmethod
    def _append(path: Path, content: pa.Table, delimiter: str) -> None:
        is_new = not path.exists()
        with path.open("ab") as file:
            file.write(_csv(content, header=is_new, delimiter=delimiter))
