"""A scheduler that outlives its command runs tasks nobody asked for, with yesterday's code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse import processes, supervisor
from shopkeeper.warehouse.embedded import Server
from shopkeeper.warehouse.processes import started_at
from shopkeeper.warehouse.supervisor import Supervisor

# A scheduler as bad as they come: children in groups and sessions of their own, one deaf to SIGTERM, one with a new title.
TREE = """
import os, signal, subprocess, sys, time
from pathlib import Path
pids = Path(sys.argv[1])
def note(): (pids / str(os.getpid())).touch()
note()
sleeper = "import os, sys, time; from pathlib import Path; Path(sys.argv[1], str(os.getpid())).touch(); "
subprocess.Popen([sys.executable, "-c", sleeper + "time.sleep(600)", str(pids)])
subprocess.Popen([sys.executable, "-c", sleeper + "time.sleep(600)", str(pids)], start_new_session=True)
deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
subprocess.Popen([sys.executable, "-c", deaf + sleeper + "time.sleep(600)", str(pids)])
if os.fork() == 0:
    os.setpgid(0, 0)
    import setproctitle
    setproctitle.setproctitle("airflow task supervisor: " + "x" * 200)
    note()
    time.sleep(600)
time.sleep(600)
"""
OWNER = """
import sys, time
from pathlib import Path
from shopkeeper.warehouse.supervisor import Supervisor
home, pids = Path(sys.argv[1]), sys.argv[2]
with Supervisor(home) as supervisor:
    supervisor.spawn("scheduler", [sys.executable, "-c", sys.argv[3], pids], None, home / "logs" / "scheduler.log")
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 1.5)


def _until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _own_tree(tmp_path: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    """A command in another process that owns a tree of five processes; returns it and their pids."""
    pids = tmp_path / "pids"
    pids.mkdir()
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "home"), str(pids), TREE])
    _until(lambda: len(list(pids.iterdir())) == 5)
    return owner, [int(path.name) for path in pids.iterdir()]


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if started_at(pid)]


def test_a_killed_command_leaves_nothing_after_the_next_start(tmp_path: Path) -> None:
    owner, tree = _own_tree(tmp_path)
    owner.kill()
    owner.wait()
    assert sorted(_alive(tree)) == sorted(tree), "nobody was there to stop them"
    with Supervisor(tmp_path / "home") as successor:
        assert _alive(tree) == []
        assert successor.swept == 5
    with Supervisor(tmp_path / "home") as successor:
        assert successor.swept == 0


def test_orphans_of_a_dead_leader_are_found_too(tmp_path: Path) -> None:
    """Out of memory: the kernel kills the command and the scheduler, and the scheduler's children live on."""
    owner, tree = _own_tree(tmp_path)
    leader = json.loads((tmp_path / "home" / "supervisor.json").read_text())["processes"][0]["pid"]
    owner.kill()
    owner.wait()
    os.kill(leader, signal.SIGKILL)
    _until(lambda: started_at(leader) is None)
    assert len(_alive(tree)) == 4
    with Supervisor(tmp_path / "home"):
        assert _alive(tree) == []


def test_down_ends_a_command_in_good_order(tmp_path: Path) -> None:
    owner, tree = _own_tree(tmp_path)
    assert supervisor.running(tmp_path / "home") == owner.pid
    with pytest.raises(ShopkeeperError, match=f"process {owner.pid}"), Supervisor(tmp_path / "home"):
        pass
    assert supervisor.end(tmp_path / "home", seconds=60)
    assert owner.wait() == 128 + signal.SIGTERM
    assert _alive(tree) == []
    assert supervisor.running(tmp_path / "home") is None
    assert not supervisor.end(tmp_path / "home")


def test_a_number_that_passed_to_another_program_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as stranger:
        (tmp_path / "supervisor.json").write_text(
            json.dumps({"mark": "0" * 32, "processes": [{"name": "x", "pid": stranger.pid, "started": "long ago"}], "servers": []})
        )
        with Supervisor(tmp_path) as successor:
            assert successor.swept == 0
        assert stranger.poll() is None
        stranger.kill()


def test_an_error_inside_stops_everything(tmp_path: Path) -> None:
    def run() -> None:
        with Supervisor(tmp_path) as owner:
            started.append(owner.spawn("sleeper", ["sleep", "600"], {}, tmp_path / "sleeper.log"))
            assert started[0].returncode is None
            raise ZeroDivisionError

    started: list[supervisor.Process] = []
    with pytest.raises(ZeroDivisionError):
        run()
    (process,) = started
    assert process.returncode == -signal.SIGTERM
    assert not (tmp_path / "supervisor.json").exists()


def test_a_process_that_ends_by_itself_is_reported(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as owner:
        script = "import os; print(os.environ['ONLY']); raise SystemExit(3)"
        process = owner.spawn("scheduler", [sys.executable, "-c", script], {"ONLY": "here"}, tmp_path / "logs" / "scheduler.log")
        assert process.popen.wait() == 3
        with pytest.raises(ShopkeeperError, match=r"scheduler: ended with status 3\n.*scheduler\.log"):
            owner.check()
        assert process.log_path.read_text() == "here\n"
        with pytest.raises(ShopkeeperError, match="no-such-program cannot be started"):
            owner.spawn("web", ["no-such-program"], None, tmp_path / "web.log")


def test_what_was_meant_to_end_is_forgotten(tmp_path: Path) -> None:
    """`up` runs a clean-up a day for years: its list of what to stop must not hold pids that are others' by now."""
    with Supervisor(tmp_path) as owner:
        for _ in range(3):
            owner.spawn("clean", ["true"], None, tmp_path / "clean.log", is_lasting=False).popen.wait()
        page = owner.spawn("page", ["sleep", "600"], None, tmp_path / "page.log")
        assert [each.pid for each in owner.processes] == [page.pid]


def test_a_server_is_stopped_only_by_whom_it_was_started(server: Server, tmp_path: Path) -> None:
    server.stop()
    with Supervisor(tmp_path) as owner:
        owner.start_server(server)
        assert server.is_running()
    assert not server.is_running()
    server.start()
    with Supervisor(tmp_path) as owner:
        owner.start_server(server)
    assert server.is_running()


def test_a_server_of_a_killed_command_is_swept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "supervisor.json").write_text(
        json.dumps({"mark": "0" * 32, "processes": [], "servers": [[str(server.folder), server.major]]})
    )
    with Supervisor(tmp_path) as successor:
        assert successor.swept == 1
        assert not server.is_running()
    server.start()


def test_processes_are_known_without_proc_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "HAS_PROC", False)
    with Supervisor(tmp_path) as owner:
        process = owner.spawn("sleeper", ["sh", "-c", "sleep 601 & sleep 602"], {"PATH": os.environ["PATH"]}, tmp_path / "sleeper.log")
        _until(lambda: len(processes.members(process.pid)) == 3)
        family = processes.members(process.pid)
        assert "sleep 602" in processes.command_line(process.pid)
    monkeypatch.undo()
    assert _alive(family) == []
