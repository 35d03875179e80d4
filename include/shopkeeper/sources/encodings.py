"""Bytes to characters: a codec, or a codec of single bytes with ranges of bytes that another one decodes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from shopkeeper.company.config import Encoding

UNDEFINED = "\ufffe"  # what Python's own byte tables use


def is_utf8(encoding: Encoding) -> bool:
    return codecs.lookup(encoding.codec).name in ("utf-8", "utf-8-sig", "ascii") and not encoding.bytes_from


def decoded(chunks: Iterable[bytes], encoding: Encoding, errors: str = "strict") -> Iterator[str]:
    """Decode a stream chunk by chunk, without a byte order mark.

    With `errors="surrogateescape"` a byte that cannot be decoded becomes a lone surrogate; otherwise UnicodeDecodeError.
    """
    first = True
    for part in _parts(chunks, encoding, errors):
        yield part.removeprefix("\ufeff") if first else part
        first = first and not part


def _parts(chunks: Iterable[bytes], encoding: Encoding, errors: str) -> Iterator[str]:
    if encoding.bytes_from:
        table = byte_table(encoding)
        for chunk in chunks:
            yield codecs.charmap_decode(chunk, errors, table)[0]  # type: ignore[arg-type]  # a string of 256 is a table too
    else:
        decoder = codecs.getincrementaldecoder(encoding.codec)(errors)
        for chunk in chunks:
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)


def byte_table(encoding: Encoding) -> str:
    """The character of each of the 256 bytes."""
    table = [_character(byte, encoding.codec) for byte in range(256)]
    for part in encoding.bytes_from:
        for byte in range(part.first, part.last + 1):
            table[byte] = _character(byte, part.codec)
    return "".join(table)


def _character(byte: int, codec: str) -> str:
    try:
        return bytes([byte]).decode(codec)
    except UnicodeDecodeError:
        return UNDEFINED
