"""dbt in a process of its own, which ends when the process that started it does, however that one ends.

Run as `python -m shopkeeper.pipeline.dbt_child ARGUMENTS…` with a pipe as standard input.
"""

from __future__ import annotations

import os
import sys
import threading


def _end_with_parent() -> None:
    """The pipe closes with the parent, after kill -9 too. An orphaned dbt would write into the next run's tables."""
    sys.stdin.buffer.read()
    os._exit(130)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from dbt.cli.main import dbtRunner

    done = dbtRunner().invoke(sys.argv[1:])
    sys.stdout.flush()
    os._exit(0 if done.success else 1)
