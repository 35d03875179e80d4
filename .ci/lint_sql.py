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
PROCESSES = 2


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="shopkeeper-lint-") as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder) / "cluster")
        server.start()
        try:
            warehouse = engine(server.url("warehouse"))
            migrate(warehouse)
            environment = {**os.environ, **profile_environment(warehouse.url)}
            files = sys.argv[1:] or sorted(
                str(file) for place in ("models", "tests") for file in (ROOT / "dbt_project" / place).rglob("*.sql")
            )
            # sqlfluff's own --processes and the dbt templater do not go together
            shares = [share for number in range(PROCESSES) if (share := files[number::PROCESSES])]
            running = [_lint(share, Path(folder) / str(number), environment) for number, share in enumerate(shares)]
            return max(process.wait() for process in running)
        finally:
            server.stop()


def _lint(files: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).parent / "sqlfluff"), "lint", "--disable-progress-bar", *files]
    own = {"DBT_TARGET_PATH": str(folder / "target"), "DBT_LOG_PATH": str(folder / "logs")}
    return subprocess.Popen(command, cwd=ROOT, env=environment | own)


if __name__ == "__main__":
    sys.exit(main())
