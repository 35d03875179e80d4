"""Lints what dbt renders from the models; rendering asks a database, so one is started for it.

.venv/bin/python .ci/lint_sql.py [FILE…]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from shopkeeper.pipeline.dbt_runner import profile_environment
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.engine import engine
from shopkeeper.warehouse.schema import migrate

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="shopkeeper-lint-") as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder) / "cluster")
        server.start()
        try:
            warehouse = engine(server.url("warehouse"))
            migrate(warehouse)
            own = {"DBT_TARGET_PATH": f"{folder}/target", "DBT_LOG_PATH": f"{folder}/logs"}
            environment = {**os.environ, **profile_environment(warehouse.url), **own}
            files = sys.argv[1:] or ["dbt_project/models", "dbt_project/tests"]
            command = [str(Path(sys.executable).parent / "sqlfluff"), "lint", "--disable-progress-bar", *files]
            return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
