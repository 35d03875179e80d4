"""Sites of static pages, kept as zips in `quality.sites`, so that nothing depends on a disk shared by tasks."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from shopkeeper.errors import fail
from shopkeeper.warehouse.tables import SITES

NEWEST = 0  # in place of a publication's id


def zipped(folder: Path) -> bytes:
    """A zip of everything under `folder`. The same files give the same bytes. Raises ShopkeeperError without an index.html."""
    if not (folder / "index.html").is_file():
        raise fail(str(folder), "is no site: it has no index.html", "build the site again")
    return zip_of((file.relative_to(folder).as_posix(), file.read_bytes()) for file in sorted(folder.rglob("*")) if file.is_file())


def one_page(html: str) -> bytes:
    """A zip of a site that is one page."""
    return zip_of([("index.html", html.encode())])


def zip_of(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A zip of files by name. The same files in the same order give the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def store(engine: sa.Engine, name: str, content: bytes | Path, *, now: datetime, publication_id: int = 0) -> None:
    """Keep a site (a zip, or a folder to zip) under its name; it takes the place of the one before.

    `publication_id` 0 is the newest; a site kept for one publication has that publication's id.
    """
    data = zipped(content) if isinstance(content, Path) else content
    row = {"name": name, "publication_id": publication_id, "content": data, "built_at": now}
    statement = insert(SITES).values(row)
    with engine.begin() as connection:
        connection.execute(statement.on_conflict_do_update(index_elements=["name", "publication_id"], set_=row))


def forget(engine: sa.Engine, name: str) -> None:
    """Remove a site that is no longer to be read."""
    with engine.begin() as connection:
        connection.execute(sa.delete(SITES).where(SITES.c.name == name))


def unpack(engine: sa.Engine, name: str, target: Path, *, publication_id: int = 0) -> Path:
    """Write a stored site's files into `target` and return the path of its index.html. Raises ShopkeeperError when it is not there."""
    with engine.connect() as connection:
        query = sa.select(SITES.c.content).where(SITES.c.name == name, SITES.c.publication_id == publication_id)
        content = connection.scalar(query)
    if content is None:
        raise fail(f"site {name}", "has not been built yet", "./shopkeeper run --dag audit_metric --dag distribute_feedback")
    return write(content, target)


def write(content: bytes, target: Path) -> Path:
    """Write the files of a zip into `target` and return the path of its index.html."""
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(target)
    return target / "index.html"
