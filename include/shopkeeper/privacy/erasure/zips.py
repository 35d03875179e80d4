"""A person in files that hold files: sites, workbooks."""

from __future__ import annotations

import io
import zipfile

from shopkeeper.privacy.erasure.traces import Traces


def cleaned_zip(content: bytes, traces: Traces) -> tuple[bytes, int]:
    """A zip without the person, and in how many of its files the person was. What is no text and names the person is left out."""
    files: list[tuple[str, bytes]] = []
    changed = 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            clean = cleaned_file(data, traces)
            changed += clean != data
            if clean is not None:
                files.append((traces.clean(name), clean))
    if not changed:
        return content, 0
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return written.getvalue(), changed


def cleaned_file(data: bytes, traces: Traces) -> bytes | None:
    """A text without the person; None for what is no text, such as a workbook, and names the person."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        return None if cleaned_zip(data, traces)[1] else data
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None if traces.are_in(data.decode(errors="replace")) else data
    clean = traces.clean(text)
    return data if clean == text else clean.encode()
