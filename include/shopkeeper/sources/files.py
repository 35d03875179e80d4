"""Files as texts: CSV, Parquet and JSON lines. A plain CSV goes to Postgres byte by byte, never through a row in Python."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any

import psycopg

from shopkeeper.company.config import FileFormat
from shopkeeper.errors import fail
from shopkeeper.sources.databases import Note, distinct, text, texts
from shopkeeper.sources.encodings import decoded, is_utf8
from shopkeeper.warehouse.landing import Fault, File, Landing

CHUNK = 1 << 18
LONGEST_RECORD = 1 << 20  # characters; a longer one means a quote that is never closed
EXTRA = "_extra"
GLOB = frozenset("*?[")
ENDINGS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def found(path: str, where: str) -> list[Path]:
    """The files of a path or glob, in the order of their names. Raises ShopkeeperError where there is none."""
    whole = Path(path)
    if not GLOB & set(path):
        if not whole.is_file():
            raise fail(f"{where} › path", f"there is no file {whole}", "correct the path, or put the file there")
        return [whole]
    fixed = next(parent for parent in whole.parents if not GLOB & set(str(parent)))
    files = sorted(file for file in fixed.glob(str(whole.relative_to(fixed))) if file.is_file())
    if not files:
        raise fail(f"{where} › path", f"no file matches {whole}", "correct the path, or put files there")
    return files


def format_of(file: Path, given: FileFormat, where: str) -> str:
    if given.format:
        return given.format
    endings = [ending for ending in file.suffixes if ending != ".gz"]
    if endings and endings[-1].lower() in ENDINGS:
        return ENDINGS[endings[-1].lower()]
    raise fail(f"{where} › format", f"the ending of {file.name} does not say what it is", "set format: csv, parquet or jsonl")


def pour(
    landing: Landing, file: Path, given: FileFormat, *, wanted: Collection[str], ignore: Collection[str], where: str, note: Note
) -> list[str]:
    """Land one file; returns its columns. What JSON lines hold beyond `wanted` and `ignore` lands as JSON in `_extra`.

    Raises ShopkeeperError for a file that cannot be read at all.
    """
    landed = landing.begin(file.name)
    pourers: dict[str, Callable[[], list[str]]] = {
        "csv": lambda: _pour_csv(landing, landed, file, given, note),
        "jsonl": lambda: _pour_jsonl(landing, landed, file, given, wanted=wanted, ignore=ignore, note=note),
        "parquet": lambda: _pour_parquet(landing, landed, file, note, where),
    }
    try:
        return pourers[format_of(file, given, where)]()
    except UnicodeError:
        what = f"{file} is not written in {given.encoding.codec}"
        raise fail(f"{where} › encoding", what, "set encoding to the codec that it is written in") from None
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise fail(f"{where} › path", f"{file} cannot be read ({why})", "see that it is whole and readable") from None


def rows(file: Path, given: FileFormat, where: str) -> tuple[list[str], Iterator[Sequence[str | None] | Fault]]:
    """Columns and rows of one file, row by row; for joining files, where a whole file cannot be handed to Postgres."""
    match format_of(file, given, where):
        case "csv":
            columns = header(file, given)
            return columns, _records(file, given, len(columns))
        case "parquet":
            return _parquet_rows(file, where)
        case _:
            names: dict[str, None] = {}
            for record in _objects(file, given):
                names |= dict.fromkeys(record if isinstance(record, dict) else ())
            columns = list(names)
            return columns, (
                record if isinstance(record, Fault) else [_json_text(record.get(column)) for column in columns]
                for record in _objects(file, given)
            )


def _open(file: Path) -> IO[bytes]:
    return gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]


def _chunks(file: Path, note: Note | None = None) -> Iterator[bytes]:
    done, size = 0, file.stat().st_size
    with _open(file) as opened:
        while chunk := opened.read(CHUNK):
            yield chunk
            done += len(chunk)
            if note and done % (CHUNK * 64) == 0:
                note(f"{file.name}: {done >> 20:,} of {size >> 20:,} MB")


# --- CSV --------------------------------------------------------------------------------------------------------------


def header(file: Path, given: FileFormat) -> list[str]:
    """The names in a CSV file's first record; none for an empty file."""
    lines = _lines(decoded(_chunks(file), given.encoding, "surrogateescape"))
    first = next((record for record in csv.reader(lines, delimiter=given.delimiter) if record), [])
    return distinct(first)


def _pour_csv(landing: Landing, landed: File, file: Path, given: FileFormat, note: Note) -> list[str]:
    columns = header(file, given)
    if not columns:
        return []
    names = ", ".join(landing.column(column) for column in columns)
    options = f"(format csv, header true, delimiter {_quoted(given.delimiter)}, force_null ({names}))"
    try:
        landing.copy_bytes(landed, columns, _utf8(file, given, note), options)
    except (psycopg.DataError, ValueError):
        # A bad byte or a ragged line. Read again row by row, so that it costs that row and no other.
        landing.copy_rows(landed, columns, _records(file, given, len(columns)))
    return columns


def _quoted(character: str) -> str:
    return "E'\\t'" if character == "\t" else "'" + character.replace("'", "''") + "'"


def _utf8(file: Path, given: FileFormat, note: Note) -> Iterator[bytes]:
    if is_utf8(given.encoding):
        chunks = _chunks(file, note)
        first = next(chunks, b"").removeprefix(b"\xef\xbb\xbf")
        return _without_end_mark(chain([first], chunks))
    return _without_end_mark(part.encode() for part in decoded(_chunks(file, note), given.encoding))


def _without_end_mark(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Before version 18, Postgres stops reading a CSV at a line of `\\.` and says nothing of the rest."""
    last = b"\n"
    for chunk in chunks:
        if b"\n\\." in chunk or b"\n\\." in last + chunk[:2]:
            raise ValueError("a line that Postgres takes for the end")
        yield chunk
        last = chunk[-2:]


def _lines(parts: Iterable[str]) -> Iterator[str]:
    """Lines with their ends, whatever the ends are; a chunk may end inside one."""
    rest = ""
    for part in parts:
        *lines, rest = _split(rest + part)
        yield from lines
    if rest:
        yield rest


def _split(text_: str) -> list[str]:
    lines = io.StringIO(text_, newline="").readlines()
    # The last piece goes on in the next chunk, also where it ends in CR: an LF may follow.
    return lines if lines and not lines[-1].endswith("\n") else [*lines, ""]


class _Feed:
    """Physical lines, from which one record at a time is taken and to which lines can be put back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines, self.again = lines, list[str]()
        self.begin()

    def begin(self) -> None:
        self.taken, self.size, self.ran_out = list[str](), 0, False

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self.again.pop() if self.again else next(self.lines, None)
        if line is None or (self.taken and self.size + len(line) > LONGEST_RECORD):
            self.again += [line] if line is not None else []
            self.ran_out = bool(self.taken)
            raise StopIteration
        self.taken.append(line)
        self.size += len(line)
        return line

    def put_back(self) -> None:
        """All but the first line that was taken."""
        self.again += reversed(self.taken[1:])


def _records(file: Path, given: FileFormat, width: int) -> Iterator[Sequence[str | None] | Fault]:
    """Records after the header. One that does not fit is a Fault; after a quote that is never closed reading goes on with the next line."""
    csv.field_size_limit(LONGEST_RECORD * 4)
    feed = _Feed(_lines(decoded(_chunks(file), given.encoding, "surrogateescape")))
    is_header = True
    while True:
        feed.begin()
        try:
            record = next(csv.reader(feed, delimiter=given.delimiter))
        except StopIteration:
            return
        except csv.Error:
            yield Fault(_printable(["".join(feed.taken)]), "is no CSV record")
            continue
        if is_header:
            is_header = not record
        elif feed.ran_out:
            feed.put_back()
            yield Fault(_printable([feed.taken[0].rstrip("\r\n")]), "has a quote that is never closed")
        elif record:
            yield _judged(record, width)


def _judged(record: list[str], width: int) -> Sequence[str | None] | Fault:
    whole = "".join(record)
    if not whole.isprintable() and any("\udc80" <= character <= "\udcff" or character == "\0" for character in whole):
        return Fault(_printable(record), "holds a byte that its encoding does not know")
    if len(record) != width:
        return Fault(record, f"has {len(record)} cells where the header has {width}")
    return [cell or None for cell in record]


def _printable(cells: Iterable[str]) -> list[str]:
    """Undecodable bytes as \\x escapes, because a database can hold no others."""
    return [cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\x00") for cell in cells]


# --- JSON lines -------------------------------------------------------------------------------------------------------


def _pour_jsonl(
    landing: Landing, landed: File, file: Path, given: FileFormat, *, wanted: Collection[str], ignore: Collection[str], note: Note
) -> list[str]:
    columns, seen = sorted(wanted), set[str]()

    def cells() -> Iterator[Sequence[str | None] | Fault]:
        for count, record in enumerate(_objects(file, given), start=1):
            if isinstance(record, Fault):
                yield record
                continue
            seen.update(record)
            known = [_json_text(record.pop(column, None)) for column in columns]
            extra = {key: value for key, value in record.items() if value is not None and key not in ignore}
            yield [*known, json.dumps(extra, ensure_ascii=False, sort_keys=True) if extra else None]
            if count % 100_000 == 0:
                note(f"{file.name}: {count:,} rows")

    landing.copy_rows(landed, [*columns, EXTRA], cells())
    return sorted(seen)


def _objects(file: Path, given: FileFormat) -> Iterator[dict[str, Any] | Fault]:
    for line in _lines(decoded(_chunks(file), given.encoding, "surrogateescape")):
        if line.isspace():
            continue
        try:
            record = json.loads(line, parse_float=str, parse_int=str, parse_constant=str)
        except ValueError:
            yield Fault(_printable([line.rstrip("\r\n")]), "is no JSON")
            continue
        if not isinstance(record, dict):
            yield Fault(_printable([line.rstrip("\r\n")]), "is no JSON object")
        elif not _storable(line):
            yield Fault(_printable([line.rstrip("\r\n")]), "holds a byte or character that cannot be stored")
        else:
            yield record


def _storable(line: str) -> bool:
    """Whether a line holds no undecodable byte, and no escape of a character that no database text can hold."""
    if not line.isprintable() and any("\udc80" <= character <= "\udcff" for character in line):
        return False
    if "\\u0000" in line:
        return False
    return "\\ud" not in line.lower() or json.dumps(json.loads(line), ensure_ascii=False).isprintable()


def _json_text(value: Any) -> str | None:
    return text(value)


# --- Parquet ----------------------------------------------------------------------------------------------------------


def _parquet(file: Path, where: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)  # else row groups pile up in memory
    except pa.ArrowInvalid as error:
        why = str(error).splitlines()[0][:100]
        raise fail(f"{where} › path", f"{file} is no Parquet file ({why})", "see that it is whole, or set format") from None


def _pour_parquet(landing: Landing, landed: File, file: Path, note: Note, where: str) -> list[str]:
    parquet = _parquet(file, where)
    columns = distinct(parquet.schema_arrow.names)
    try:
        landing.copy_bytes(landed, columns, _parquet_csv(parquet, file.name, note), "(format csv)")
    except psycopg.DataError:  # a zero byte inside a text
        landing.copy_rows(landed, columns, _parquet_rows(file, where)[1])
    return columns


def _parquet_csv(parquet: Any, name: str, note: Note) -> Iterator[bytes]:
    """Batches of columns written as CSV by Arrow: null is empty, an empty text is \"\"."""
    import pyarrow as pa
    import pyarrow.csv

    options = pa.csv.WriteOptions(include_header=False)
    done = 0
    for batch in parquet.iter_batches(batch_size=16_384):
        plain = pa.table([_plain(column) for column in batch.columns], names=[str(i) for i in range(batch.num_columns)])
        sink = pa.BufferOutputStream()
        pa.csv.write_csv(plain, sink, options)
        yield sink.getvalue().to_pybytes()
        done += batch.num_rows
        note(f"{name}: {done:,} of {parquet.metadata.num_rows:,} rows")


def _plain(column: Any) -> Any:
    """A column that Arrow can write as CSV: dictionaries unpacked, nested values as JSON, bytes as hex."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.array([text(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    return column


def _parquet_rows(file: Path, where: str) -> tuple[list[str], Iterator[Sequence[str | None] | Fault]]:
    parquet = _parquet(file, where)
    columns = distinct(parquet.schema_arrow.names)
    batches = (zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in parquet.iter_batches(batch_size=16_384))
    records = chain.from_iterable(batches)
    return columns, texts(records, [""] * len(columns), decimal_comma=False, note=lambda _: None)
