"""The command line. Each command imports what it needs when it runs, so that `--help` is quick."""

from shopkeeper.cli import (  # noqa: F401 importing them registers their commands
    audit,
    change,
    desk,
    explorer,
    follow_up,
    front,
    initiatives,
    label,
    operate,
    orders,
    privacy,
    store,
    stories,
    survey,
    watch,
    wave,
)
from shopkeeper.cli.app import main

__all__ = ["main"]
