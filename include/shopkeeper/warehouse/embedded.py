"""The embedded warehouse: PostgreSQL from a wheel, on 127.0.0.1, with a generated password. See docs/adr/0001-embedded-warehouse.md."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql

from shopkeeper.errors import fail
from shopkeeper.warehouse import programs
from shopkeeper.warehouse.processes import command_line

DATABASES = ("warehouse", "airflow")
OWNER = "shopkeeper"
START_SECONDS = 300  # after a crash the server first replays its log
SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "client_connection_check_interval": "5s",  # a query whose client was killed ends soon, and frees its locks
}


def home() -> Path:
    """Where everything local lives: `SHOPKEEPER_HOME`, else `.shopkeeper` beside the bootstrap script (or here, when installed)."""
    if chosen := os.environ.get("SHOPKEEPER_HOME"):
        return Path(chosen).expanduser().absolute()
    checkout = Path(__file__).resolve().parents[3]
    return (checkout if (checkout / "pyproject.toml").exists() else Path.cwd()) / ".shopkeeper"


def kept_secret(path: Path) -> str:
    """The secret in `path`; made once, with mode 0600, when it is not there. Two makers at once get the same one."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


class Server:
    """One cluster. `folder` holds its password, port and lock; data and log lie there too, unless the server's user cannot reach it.

    A disposable one, for tests, does not wait for the disk: it survives a kill, but not a power cut.
    """

    def __init__(self, folder: Path, major: int = programs.NEWEST, *, is_disposable: bool = False) -> None:
        self.folder = Path(folder).resolve()
        self.major = major
        self.is_disposable = is_disposable

    @property
    def place(self) -> Path:
        """Where data and log are: `folder`, or what the file `place` in it names."""
        pointer = self.folder / "place"
        return Path(pointer.read_text().strip()) if pointer.exists() else self.folder

    @property
    def data(self) -> Path:
        return self.place / "pgdata"

    @property
    def log(self) -> Path:
        return self.place / "postgres.log"

    def start(self) -> None:
        """Start the server, and make its data folder and databases where missing. Does nothing more when it runs already.

        Raises ShopkeeperError when the data belong to another major version, or the server does not come up.
        """
        with self._locked():
            if not (self.data / "PG_VERSION").exists():
                self._initialise()
            self._check_version()
            if not self.is_running():
                self._launch()
            for name in DATABASES:
                self.create_database(name)

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back. Does nothing when it is not running."""
        if not self.folder.exists():
            return
        with self._locked():
            if self.is_running():
                how = "immediate" if self.is_disposable else "fast"  # what is thrown away needs no last checkpoint
                self._run("pg_ctl", "-D", str(self.data), "-m", how, "-w", "-t", "120", "stop")

    def is_running(self) -> bool:
        return self._running_port() is not None

    def url(self, database: str) -> str:
        """URL of one database, with the password. Raises ShopkeeperError when the server is not running."""
        port = self._running_port()
        if port is None:
            raise fail("warehouse", "the embedded warehouse is not running", "./shopkeeper db start, or set WAREHOUSE_URL")
        with _own_files(self.folder):
            password = kept_secret(self.folder / "password")
        return f"postgresql://{OWNER}:{password}@127.0.0.1:{port}/{database}"

    def create_database(self, name: str, template: str = "template0") -> None:
        """Create a database where it is missing. `template` must have no open connections."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                return
            # Another process may make it between the question and the statement.
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template)))

    def _running_port(self) -> int | None:
        """The port, when the process that `postmaster.pid` names is this cluster's server.

        A file left by a kill -9 is not believed: its number may by now belong to another program.
        """
        try:
            with _own_files(self.folder):
                lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 4 or str(self.data) not in command_line(int(lines[0])):
            return None
        return int(lines[3])

    def _recorded_pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def _initialise(self) -> None:
        """Make the data folder beside its final name and rename it: a killed initdb leaves nothing that looks finished."""
        user = programs.server_user()
        if user and not (self.folder / "place").exists() and not programs.reachable(self.folder, user):
            place = programs.shared_folder() / secrets.token_hex(8)
            place.mkdir()
            place.chmod(0o755)  # whatever the umask
            (place / "belongs_to").write_text(f"{self.folder}\n")
            (self.folder / "place").write_text(f"{place}\n")
        draft = self.place / "pgdata.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self.log.touch(mode=0o600)
        with tempfile.NamedTemporaryFile("w", dir=self.place, prefix=".password-") as password:
            password.write(kept_secret(self.folder / "password"))
            password.flush()
            if user:
                for path in (draft, self.log, password.name):
                    os.chown(path, user.pw_uid, user.pw_gid)
            login = ("-U", OWNER, "--auth=scram-sha-256", f"--pwfile={password.name}")
            durability = ("--no-sync",) if self.is_disposable else ()
            self._run("initdb", "-D", str(draft), *login, "--locale=C", "--encoding=UTF8", *durability)
        settings = SETTINGS | ({"dynamic_shared_memory_type": "mmap"} if _shared_memory_is_small() else {})
        with (draft / "postgresql.conf").open("a") as file:
            file.writelines(f"\n{name} = '{value}'" for name, value in settings.items())
            file.write("\n")
        draft.rename(self.data)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(self.major):
            raise fail(
                str(self.data),
                f"these data were made by PostgreSQL {found}; this is {self.major}, which cannot read them",
                "with the version that made them: ./shopkeeper db backup FILE; then move the folder away and ./shopkeeper db restore FILE",
            )

    def _launch(self) -> None:
        for _ in range(20):
            port = self._choose_port()
            seen = self.log.stat().st_size if self.log.exists() else 0
            options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
            if self.is_disposable:
                options += " -c fsync=off -c full_page_writes=off -c max_wal_size=256MB"
            start = ("-D", str(self.data), "-l", str(self.log), "-w", "-t", str(START_SECONDS), "-o", options, "start")
            status, said = programs.run_server_program(self.major, "pg_ctl", *start)
            if status == 0:
                return
            with self.log.open(errors="replace") as file:
                file.seek(seen)
                said = file.read() or said
            if "could not bind" in said:  # another program took the port since we looked
                (self.folder / "port").unlink()
            elif "still in use" in said:  # the children of a killed server are about to go
                time.sleep(0.5)
            elif 'lock file "postmaster.pid" already exists' in said and "postgres" not in command_line(self._recorded_pid()):
                (self.data / "postmaster.pid").unlink()  # left by a kill; its number belongs to another program now
            else:
                break
        raise fail("warehouse", f"the server did not start: {said.strip()[-500:]}", f"see {self.log}")

    def _choose_port(self) -> int:
        """The port of the last time, so that a BI tool finds the warehouse again; another one where that is taken."""
        kept = self.folder / "port"
        if kept.exists() and _is_free(port := int(kept.read_text())):
            return port
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        kept.write_text(f"{port}\n")
        return port

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One start or stop at a time. The kernel frees the lock of a killed holder."""
        with _own_files(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _run(self, program: str, *arguments: str) -> None:
        status, said = programs.run_server_program(self.major, program, *arguments)
        if status:
            hint = f"see {self.log}"
            if "could not look up effective user ID" in said:
                hint = "PostgreSQL needs a user with an entry in /etc/passwd: run as one, or set WAREHOUSE_URL"
            raise fail("warehouse", f"{program} failed: {said[-500:]}", hint)


@contextmanager
def _own_files(folder: Path) -> Iterator[None]:
    try:
        yield
    except (PermissionError, NotADirectoryError) as error:
        hint = "run as the user who made it, or set SHOPKEEPER_HOME to a folder of your own"
        raise fail(str(folder), f"not accessible ({error.strerror})", hint) from None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _shared_memory_is_small() -> bool:
    """Containers often have 64 MB of /dev/shm: parallel queries would fail there, so they use files instead."""
    try:
        return shutil.disk_usage("/dev/shm").total < 1 << 30
    except OSError:
        return False


def default_server() -> Server:
    """The server of `home()`."""
    return Server(home() / "warehouse")
