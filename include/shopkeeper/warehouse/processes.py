"""Which process a number means: a pid alone may have passed to another program."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "stat").exists()


def started_at(pid: int) -> str | None:
    """When process `pid` started, as a text that no other process of that number has; None when it is gone or a zombie."""
    if not HAS_PROC:
        return _ps("-p", str(pid), "-o", "lstart=").strip() or None
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else f"{_boot()} {fields[19]}"


def members(leader: int) -> list[int]:
    """The processes in the session of `leader`, or in its process group."""
    if not HAS_PROC:
        rows = (line.split() for line in _ps("-A", "-o", "pid=,pgid=").splitlines())
        return [int(pid) for pid, group in rows if int(group) == leader]
    return [pid for pid in _pids() if (fields := _stat(pid)) is not None and str(leader) in fields[2:4]]


def command_line(pid: int) -> str:
    """The command line of process `pid`, blanks between arguments; empty when it is gone."""
    if not HAS_PROC:
        return _ps("-p", str(pid), "-o", "command=").strip()
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def carriers(marker: str) -> list[int]:
    """The processes whose environment holds `marker` (NAME=value): every descendant of the one that was started with it.

    A descendant that made a session of its own is found too. Only where /proc is.
    """
    if not HAS_PROC:
        return []
    return [pid for pid in _pids() if marker.encode() in _environment(pid)]


def _pids() -> list[int]:
    return [int(folder.name) for folder in PROC.iterdir() if folder.name.isdigit()]


def _stat(pid: int) -> list[str] | None:
    """State, parent, group, session and so on. The name before them is in brackets, and may hold blanks and brackets itself."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _environment(pid: int) -> list[bytes]:
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # gone, or another user's
        return []


@functools.cache
def _boot() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
