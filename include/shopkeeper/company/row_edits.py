"""Changes to the rows of a CSV file of a company folder, made in its text: other rows stay as they are written, letter by letter."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from shopkeeper.company.edits import Edit, unusual


def edited_rows(name: str, text: str, edits: Sequence[Edit], *, columns: Sequence[str]) -> str:
    """The text of CSV file `name` after all edits, in their order; the first of `columns` names a row.

    An edit's path is that name, its value column → text; columns that it does not mention become empty. A file that is not there
    yet gets all columns as heads. Raises ShopkeeperError for a row to be taken out that is not there, or is there twice.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    records = list(_records(text or ",".join(columns) + newline))
    heads = [head.strip().removeprefix("\ufeff") for head in records[0][0]]
    lacking = [one for one in columns if one not in heads and any((edit.value or {}).get(one) for edit in edits)]
    if columns[0] not in heads:
        raise unusual(name)
    if lacking:
        heads += lacking
        records = [
            (cells, _line([*cells, *(lacking if not place else [""] * len(lacking))], newline)) for place, (cells, _) in enumerate(records)
        ]
    key = heads.index(columns[0])
    for edit in edits:
        places = [place for place, (cells, _) in enumerate(records) if place and len(cells) > key and cells[key].strip() == edit.path[0]]
        if len(places) > 1 or (edit.remove and not places):
            raise unusual(name)
        if edit.remove:
            del records[places[0]]
            continue
        cells = [edit.path[0] if head == columns[0] else str(edit.value.get(head) or "") for head in heads]
        added = (cells, _line(cells, newline))
        if places:
            records[places[0]] = added
        else:
            records[-1] = (records[-1][0], records[-1][1].rstrip("\r\n") + newline)
            records.append(added)
    return "".join(written for _, written in records)


def _records(text: str) -> Iterator[tuple[list[str], str]]:
    """Each record's cells, and how it is written, with its end of line."""
    lines = text.splitlines(keepends=True)
    reader, began = csv.reader(lines), 0
    for cells in reader:
        yield cells, "".join(lines[began : reader.line_num])
        began = reader.line_num


def _line(cells: Sequence[str], newline: str) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator=newline).writerow(cells)
    return written.getvalue()
