"""What the loader of company folders says of a file as it would be, before it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from shopkeeper.company.load import load, load_for_leaders
from shopkeeper.errors import Problem, ShopkeeperError


def mistakes(
    folder: Path, name: str, content: bytes, *, whole: bool = False, environ: Mapping[str, str] = os.environ
) -> tuple[Problem, ...]:
    """Everything that is wrong with the company folder once file `name` holds `content`; the folder itself is left as it is.

    `whole`: with sources, chats and CRM, whose variables must be in `environ`; else what leaders change at the desk.
    """
    with tempfile.TemporaryDirectory(prefix="shopkeeper-trial-") as made:
        trial = Path(made)
        for file in folder.iterdir():
            if file.name != name:
                (trial / file.name).symlink_to(file.resolve())
        (trial / name).write_bytes(content)
        try:
            (load if whole else load_for_leaders)(trial, environ)
        except ShopkeeperError as error:
            return error.problems
    return ()
