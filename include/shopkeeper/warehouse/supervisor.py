"""One supervisor owns every process that a command starts, and leaves none behind, even when it is killed.

It writes down what it starts. A killed supervisor cannot stop anything, but the next one reads what it wrote, and
ends the survivors before it starts its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from shopkeeper.errors import fail
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.processes import carriers, members, started_at

MARKER = "SHOPKEEPER_SUPERVISOR"
GRACE_SECONDS = 15.0  # what a scheduler needs to end its tasks in good order


@dataclass(frozen=True)
class Process:
    """A process that the supervisor started, leader of a session and a process group of its own."""

    name: str
    started: str
    log_path: Path
    popen: subprocess.Popen[bytes]
    is_lasting: bool = True  # False: it is meant to end

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit status; None while it runs."""
        return self.popen.poll()


class Supervisor:
    """`with Supervisor(home) as supervisor:` takes the home's lock, sweeps what a killed one left, and at the end stops all it started.

    Raises ShopkeeperError when another supervisor is at work in the same home. SIGTERM and SIGHUP end the block in good order.
    """

    def __init__(self, home: Path) -> None:
        self.home = Path(home).absolute()
        self.processes: list[Process] = []
        self.swept = 0
        self._servers: list[Server] = []
        self._mark = secrets.token_hex(16)
        self._lock: int | None = None
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._take_lock()
        try:
            self._handle_signals()
            self.swept = self.sweep()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number in self._handlers:  # we are leaving: asking again must not cut that short
            signal.signal(number, signal.SIG_IGN)
        try:
            self.stop_all()
        finally:
            self._release()

    def sweep(self) -> int:
        """End what an earlier supervisor of this home left running; returns how many processes that were.

        A process is known by its number and start time, or by the mark that it inherited; a number that has passed to another
        program is left alone.
        """
        try:
            left = json.loads(self._state.read_text())
        except (OSError, ValueError):  # nothing was started, or a full disk cut the file: there is nothing to go by
            return 0
        swept = _end({entry["pid"]: entry["started"] for entry in left["processes"]}, left["mark"])
        for folder, major in left["servers"]:
            server = Server(Path(folder), major)
            swept += server.is_running()
            server.stop()
        self._state.unlink()
        return swept

    def spawn(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        log_path: Path,
        *,
        is_lasting: bool = True,
        handed_over: Sequence[int] = (),
    ) -> Process:
        """Start a process; its output is appended to `log_path`. `env` defaults to our own environment.

        `handed_over` are descriptors, such as of a listening socket, that it inherits.
        """
        log_path.parent.mkdir(parents=True, exist_ok=True)
        self._write_state()  # the mark is on disk before anything carries it
        log_path.touch(mode=0o600)
        with log_path.open("ab") as log:
            try:
                popen = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=handed_over,
                    # Programs that rewrite their title in `ps` would write over the environment, and with it the mark.
                    env={**(os.environ if env is None else env), MARKER: self._mark, "SPT_NOENV": "1"},
                )
            except OSError as error:
                raise fail(
                    name, f"{argv[0]} cannot be started ({error.strerror})", "run ./shopkeeper again: it mends the install"
                ) from None
        process = Process(name, started_at(popen.pid) or "", log_path, popen, is_lasting)
        self.processes = [each for each in self.processes if each.is_lasting or each.returncode is None]  # what was meant to end, and has
        self.processes.append(process)
        self._write_state()
        return process

    def start_server(self, server: Server) -> None:
        """Start the embedded Postgres, and stop it with the rest; one that runs already is used and left running."""
        if server.is_running():
            return
        self._servers.append(server)
        self._write_state()
        server.start()

    def check(self) -> None:
        """Raises ShopkeeperError when a process that should be running has ended."""
        for process in self.processes:
            if process.is_lasting and process.returncode is not None:
                raise fail(process.name, f"ended with status {process.returncode}", f"see {process.log_path}")

    def stop_all(self) -> None:
        """Stop everything that was started, the servers last: terminate, wait, kill."""
        _end({process.pid: process.started for process in self.processes}, self._mark)
        for process in self.processes:
            process.popen.wait()
        self.processes.clear()
        for server in self._servers:
            server.stop()
        self._servers.clear()
        self._state.unlink(missing_ok=True)

    @property
    def _state(self) -> Path:
        return self.home / "supervisor.json"

    def _write_state(self) -> None:
        state = {
            "mark": self._mark,
            "processes": [{"name": process.name, "pid": process.pid, "started": process.started} for process in self.processes],
            "servers": [[str(server.folder), server.major] for server in self._servers],
        }
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(state))
        draft.replace(self._state)

    def _take_lock(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.home / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(10):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)  # it may only be `running`, which holds it for an instant
                continue
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            self._lock = lock
            return
        owner = os.pread(lock, 20, 0).decode()
        os.close(lock)
        raise fail(str(self.home), f"another shopkeeper (process {owner}) is at work here", "wait for it, or ./shopkeeper down")

    def _release(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _handle_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                self._handlers[number] = signal.signal(number, _leave)


def running(home: Path) -> int | None:
    """The pid of the supervisor at work in `home`; None when there is none."""
    try:
        lock = os.open(home / "supervisor.lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(lock, 20, 0) or b"0") or None
    finally:
        os.close(lock)
    return None


def end(home: Path, seconds: float = 90.0) -> bool:
    """What `./shopkeeper down` does: ask the supervisor of `home` to stop everything, wait, and sweep after one that was killed.

    Returns whether anything was running. Raises ShopkeeperError when it is still at work after `seconds`.
    """
    owner = running(home)
    if owner is not None:
        try:
            os.kill(owner, signal.SIGTERM)
        except PermissionError:
            raise fail(str(home), f"process {owner} belongs to another user", "run this as that user") from None
        deadline = time.monotonic() + seconds
        while running(home) is not None:
            if time.monotonic() > deadline:
                raise fail(str(home), f"process {owner} does not stop", f"kill -9 {owner}, then ./shopkeeper down again")
            time.sleep(0.1)
    with Supervisor(home) as supervisor:  # entering it sweeps
        return bool(supervisor.swept or owner)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _end(leaders: Mapping[int, str], mark: str) -> int:
    """Terminate the sessions of `leaders` (pid → start) and whatever carries `mark`; kill what is left after the grace.

    Returns how many processes that were. Each is told once per signal; those born meanwhile are told too.
    """
    found: dict[int, str] = {}
    for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, 10.0)):
        deadline = time.monotonic() + patience
        told: set[int] = set()
        while time.monotonic() < deadline:
            for leader, started in leaders.items():
                if started_at(leader) == started:
                    found.update(_with_start((leader, *members(leader))))
            found.update(_with_start(carriers(f"{MARKER}={mark}")))
            alive = {pid for pid, started in found.items() if started_at(pid) == started}
            if not alive:
                return len(found)
            for pid in alive - told:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            told |= alive
            time.sleep(0.05)
    return len(found)


def _with_start(pids: Iterable[int]) -> dict[int, str]:
    return {pid: started for pid in pids if (started := started_at(pid)) is not None}
