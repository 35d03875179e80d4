"""Which process a number means: a pid alone may have passed to another program."""

from __future__ import annotations

import subprocess
from pathlib import Path

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "stat").exists()


def started_at(pid: int) -> str | None:
    """When process `pid` started, as a text that no other process of that number has; None when it is gone or a zombie."""
    if not HAS_PROC:
        return _ps(pid, "lstart") or None
    try:
        # The name in brackets may hold blanks and brackets itself; the fields that count come after the last one.
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    return None if fields[0] in "ZX" else f"{boot} {fields[19]}"


def command_line(pid: int) -> str:
    """The command line of process `pid`, blanks between arguments; empty when it is gone."""
    if not HAS_PROC:
        return _ps(pid, "command")
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
    wanted = marker.encode()
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:  # gone, or another user's
                continue
            if wanted in environment.split(b"\0"):
                found.append(int(folder.name))
    return found


def _ps(pid: int, column: str) -> str:
    return subprocess.run(["ps", "-p", str(pid), "-o", f"{column}="], capture_output=True, text=True, check=False).stdout.strip()
