"""CSV files out and in: what a provider without an API is given, and what it leaves for us."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shopkeeper.errors import fail
from shopkeeper.warehouse.landing import Fault

GLOB = frozenset("*?[")
DELIMITERS = ",;\t"


def write(folder: Path, file_name: str, rows: Sequence[Mapping[str, str]], where: str) -> Path:
    """A CSV file that is there whole or not at all, also when the machine stops. Its columns are those of all rows.

    Raises ShopkeeperError where the folder cannot be written to.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    whole, half = folder / file_name, folder / f".{file_name}.half"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with half.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="", quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
            file.flush()
            os.fsync(file.fileno())
        half.rename(whole)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # the name, too
        finally:
            os.close(descriptor)
    except OSError as error:
        raise fail(f"{where} › out_path", f"cannot be written to ({error.strerror})", "see that it may be written to") from None
    return whole


def found(path: str) -> list[Path]:
    """The files that a path or glob names now, in the order of their names. None is no mistake: nothing has come back yet."""
    whole = Path(path)
    if not GLOB & set(path):
        return [whole] if whole.is_file() else []
    fixed = next(parent for parent in whole.parents if not GLOB & set(str(parent)))
    return sorted(file for file in fixed.glob(str(whole.relative_to(fixed))) if file.is_file() and not file.name.startswith("."))


def columns_of(file: Path, where: str) -> list[str]:
    """The names in a file's first line."""
    try:
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
            first = opened.readline()
    except OSError as error:
        raise fail(f"{where} › in_path", f"{file.name} cannot be read ({error.strerror})", "see that it may be read") from None
    return next(csv.reader([first], delimiter=_delimiter(first)), [])


def rows(file: Path, where: str) -> Iterator[dict[str, str] | Fault]:
    """Each row as column → text; a Fault for one that has not as many cells as the first line, or is not written in UTF-8.

    A half-written last line is such a Fault until the rest has come.
    """
    columns = columns_of(file, where)
    if len(set(columns)) < len(columns):
        raise fail(f"{where} › in_path", f"{file.name} has two columns of one name", "give each column a name of its own")
    try:
        with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
            first = opened.readline()
            for cells in csv.reader(opened, delimiter=_delimiter(first)):
                if any("\udc80" <= character <= "\udcff" for cell in cells for character in cell):
                    yield Fault([_readable(cell) for cell in cells], "is not written in UTF-8")
                elif cells and len(cells) != len(columns):
                    yield Fault(cells, f"has {len(cells)} cells, and the first line {len(columns)}")
                elif cells:
                    yield dict(zip(columns, cells, strict=True))
    except (OSError, csv.Error) as error:
        raise fail(
            f"{where} › in_path", f"{file.name} cannot be read ({type(error).__name__})", "see that it is a whole CSV file"
        ) from None


def _delimiter(line: str) -> str:
    return max(DELIMITERS, key=line.count)


def _readable(cell: str) -> str:
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def without_blanks(row: Mapping[str, str]) -> dict[str, str]:
    return {name.strip(): text for name, text in row.items() if text.strip()}
