"""A person in the files beside the warehouse: logs, unpacked sites, the sandbox's inbox."""

from __future__ import annotations

import mailbox
import os
from collections import Counter
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from shopkeeper.privacy.erasure.traces import Traces
from shopkeeper.privacy.erasure.zips import cleaned_file

INBOX = "inbox"
# The database's own files, and the sources of the sample company, which are no copy of ours.
NOT_OURS = ("warehouse", "sample")
ENDINGS_OF_ARCHIVES = (".zip", ".xlsx", ".gz", ".parquet")


def clean_files(home: Path, logs: tuple[Path, ...], traces: Traces, *, is_dry_run: bool) -> tuple[Counter[str], dict[str, int]]:
    """Take the person out of every file below `home` and out of `logs`; place → how many e-mails, files or lines, and how many were read.

    A text keeps its length, each letter of the person becoming an x: whoever is writing to a log writes on. An e-mail that is to or
    about the person goes whole, and so does a file that is no text.
    """
    removed: Counter[str] = Counter()
    read = Counter({"files": 0, "emails": 0})
    inbox = home / INBOX
    if (inbox / "new").is_dir():
        for box, key in list(_messages(inbox)):
            read["emails"] += 1
            if _is_about(box.get_bytes(key), traces):
                removed["sandbox inbox"] += 1
                if not is_dry_run:
                    box.discard(key)
    for path in _files(home, logs):
        read["files"] += 1
        found = _clean_file(path, traces, is_dry_run=is_dry_run)
        if found:
            removed[f"file {path.relative_to(home) if path.is_relative_to(home) else path.name}"] += found
    return removed, dict(read)


def _files(home: Path, logs: tuple[Path, ...]) -> Iterator[Path]:
    for folder, folders, names in os.walk(home):
        if Path(folder) == home:
            folders[:] = [name for name in folders if name not in (*NOT_OURS, INBOX)]
        yield from (path for name in sorted(names) if (path := Path(folder) / name).is_file() and not path.is_symlink())
    yield from (path for path in logs if path.is_file())


def _clean_file(path: Path, traces: Traces, *, is_dry_run: bool) -> int:
    """In how many lines the person was."""
    if path.suffix in ENDINGS_OF_ARCHIVES:
        return _clean_archive(path, traces, is_dry_run=is_dry_run)
    lines = 0
    with path.open("rb" if is_dry_run else "r+b") as file:
        place = 0
        for line in file:
            text = line.decode(errors="surrogateescape")
            clean = traces.clean(text, lambda found: "x" * len(found.encode(errors="surrogateescape")))
            if clean != text:
                lines += 1
                if not is_dry_run:
                    after = file.tell()
                    file.seek(place)
                    file.write(clean.encode(errors="surrogateescape"))
                    file.seek(after)
            place += len(line)
    return lines


def _clean_archive(path: Path, traces: Traces, *, is_dry_run: bool) -> int:
    if cleaned_file(path.read_bytes(), traces) is not None:
        return 0
    if not is_dry_run:
        path.unlink()
    return 1


def _messages(inbox: Path) -> Iterator[tuple[mailbox.Maildir, str]]:
    box = mailbox.Maildir(inbox, create=False)
    yield from ((box, key) for key in box.iterkeys())


def _is_about(content: bytes, traces: Traces) -> bool:
    message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(content)
    heads = (str(value) for value in message.values())
    parts = (part for part in message.walk() if part.get_content_maintype() == "text")
    bodies = (bytes(part.get_payload(decode=True) or b"").decode(part.get_content_charset() or "utf-8", errors="replace") for part in parts)
    return any(traces.are_in(text) for text in (*heads, *bodies))
