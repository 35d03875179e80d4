"""What would come of a change of closed_loop.yml or goals.csv: the file's new content, and the change for people to read."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from shopkeeper.company.edits import Edit, edited
from shopkeeper.company.goals import COLUMNS, GOALS_FILE
from shopkeeper.company.row_edits import edited_rows
from shopkeeper.company.trial import mistakes
from shopkeeper.errors import ShopkeeperError, fail

RULES_FILE = "closed_loop.yml"
FILES = (RULES_FILE, GOALS_FILE)
# What may be changed of closed_loop.yml here: no addresses, no keys, and not who may change it.
PARTS = ("rules", "cycle", "calendar", "quiet_hours", "escalations", "comparison")


@dataclass(frozen=True)
class Draft:
    """`diff` is unified, without the lines that may hold addresses or keys."""

    content: bytes = field(repr=False)
    diff: str
    before_hash: str

    @property
    def after_hash(self) -> str:
        return hash_of(self.content)


def hash_of(content: bytes) -> str:
    """SHA-256 in hexadecimal; empty for a file that is not there."""
    return hashlib.sha256(content).hexdigest() if content else ""


def content_of(folder: Path, file: str) -> bytes:
    """The file as it is now; empty where there is none."""
    if file not in FILES:
        raise fail(file, "is not changed here", f"one of {', '.join(FILES)}")
    try:
        return (folder / file).read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise fail(file, f"cannot be read ({error.strerror})", "make it readable for the desk") from None


def draft(folder: Path, file: str, edits: Sequence[Edit], *, seen: str) -> Draft:
    """The new content, as the company loader would take it. `seen` is the hash of the file that the edits were made for.

    Raises ShopkeeperError for a file that was changed since, for edits of what is not changed here, that change nothing, or that
    cannot be made in the file's text, and with every mistake that the loader finds in what would come of it.
    """
    content = content_of(folder, file)
    if hash_of(content) != seen:
        raise fail(file, "was changed since you looked at it", "look at it again, and then change it")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise fail(file, f"is not UTF-8 (byte {error.start})", "save it as UTF-8") from None
    if file == RULES_FILE:
        foreign = [edit.path for edit in edits if edit.path[0] not in PARTS]
        if foreign:
            raise fail(file, f"{foreign[0][0]} is not changed here", f"parts are {', '.join(PARTS)}")
        after = edited(file, text, edits)
    else:
        after = edited_rows(file, text, edits, columns=COLUMNS)
    if after == text:
        raise fail(file, "nothing is changed by this", "change something, or leave it as it is")
    if wrong := mistakes(folder, file, after.encode()):
        raise ShopkeeperError(wrong)
    return Draft(after.encode(), _diff(file, text, after), seen)


def _diff(file: str, before: str, after: str) -> str:
    """A unified diff, in which what may hold addresses and keys is left out."""
    shown = _shown if file == RULES_FILE else str
    lines = difflib.unified_diff(shown(before).splitlines(), shown(after).splitlines(), f"a/{file}", f"b/{file}", lineterm="")
    return "\n".join(lines)


def _shown(text: str) -> str:
    """closed_loop.yml with the lines of all parts blanked that are not changed here."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    starts = [(key.start_mark.line, key.value) for key, _ in root.value] if isinstance(root, yaml.MappingNode) else []
    lines = text.splitlines()
    for place, (start, name) in enumerate(starts):
        end = starts[place + 1][0] if place + 1 < len(starts) else len(lines)
        if name not in PARTS:
            lines[start:end] = [f"{name}: …" if not line else "  …" for line in range(end - start)]
    return "\n".join(lines)
