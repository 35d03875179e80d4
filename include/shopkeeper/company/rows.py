"""CSV files of a company folder, row by row, with every mistake told by file and row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shopkeeper.company.base import did_you_mean
from shopkeeper.errors import Problem


@dataclass(frozen=True)
class Row:
    """Where it stands, such as `goals.csv row 7` (the heads are row 1), and column → what stands there, trimmed; absent ones are empty.

    `wrong`: it has too many or too few cells, so that they may stand in the wrong columns.
    """

    where: str
    cells: dict[str, str]
    wrong: Problem | None = None


def text_of(path: Path) -> tuple[str | None, tuple[Problem, ...]]:
    """A file's text, without the mark that spreadsheets put before UTF-8; None where there is no file, or none that can be read."""
    if not path.exists():
        return None, ()
    try:
        return path.read_text(encoding="utf-8-sig"), ()
    except UnicodeDecodeError:
        return None, (Problem(path.name, "is not UTF-8", "save it as UTF-8"),)
    except OSError as error:
        return None, (Problem(path.name, f"cannot be read ({error.strerror})", "make it a readable file"),)


def rows_of(text: str, name: str, columns: Sequence[str], required: Sequence[str]) -> Iterator[Row | Problem]:
    """The rows of a file in their order, empty ones left out, and what is wrong with the file itself.

    `columns` may be there in any order, `required` have to be. Where the heads are wrong there are no rows.
    """
    reader = csv.reader(io.StringIO(text))
    heads = [head.strip() for head in next(reader, [])]
    wrong = list(_wrong_heads(heads, name, columns, required))
    yield from wrong
    if wrong:
        return
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                where = f"{name} row {reader.line_num}"
                too_many = Problem(where, f"has {len(cells)} cells, not {len(heads)}", "put texts with commas in quotes")
                read = dict(zip(heads, (cell.strip() for cell in cells), strict=False))
                yield Row(where, dict.fromkeys(columns, "") | read, None if len(cells) == len(heads) else too_many)
    except csv.Error as error:
        yield Problem(f"{name} row {reader.line_num}", f"is no valid CSV: {error}", "look at its quotation marks")


def _wrong_heads(heads: Sequence[str], name: str, columns: Sequence[str], required: Sequence[str]) -> Iterator[Problem]:
    where = f"{name} row 1"
    for column in required:
        if column not in heads:
            yield Problem(where, f"has no column {column}", f"columns are {','.join(columns)}")
    for place, head in enumerate(heads):
        if head not in columns:
            yield Problem(where, f"there is no column {head or '(empty)'}", did_you_mean(head, list(columns)))
        elif head in heads[:place]:
            yield Problem(where, f"has the column {head} twice", "keep one of them")
