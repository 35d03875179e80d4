"""The command line. Each command imports what it needs when it runs, so that `--help` is quick."""

from shopkeeper.cli import desk, front, operate, orders, store, stories, survey, wave  # noqa: F401 importing them registers their commands
from shopkeeper.cli.app import main

__all__ = ["main"]
