"""Write the revision that `tables.py` needs: `python -m shopkeeper.warehouse.migrations "what it adds"`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import alembic.command

from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine
from shopkeeper.warehouse.schema import configuration, upgrade


def main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder) / "cluster", is_disposable=True)
        server.start()
        try:
            fresh = engine(server.url("warehouse"))
            with fresh.begin() as connection:
                upgrade(connection)
                alembic.command.revision(configuration(connection), message, autogenerate=True)
            fresh.dispose()
        finally:
            server.stop()


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]) or "change tables")
