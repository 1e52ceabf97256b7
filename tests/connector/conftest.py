"""Real databases for the connector's tests: SQLite files, and a PostgreSQL server that lives as long as the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from connector_worlds import FORM, KEYS, write_workbook

from connector import FormVersion, Store
from connector.store.tables import metadata
from xlsforms import Form, load_form, marks

BINARIES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")


@pytest.fixture(scope="session")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small form as a workbook, as it is deployed on the platforms."""
    path = tmp_path_factory.mktemp("form") / "small_evaluation.xlsx"
    write_workbook(FORM, path)
    return path


@pytest.fixture(scope="session")
def form(workbook: Path) -> Form:
    return load_form(workbook)


@pytest.fixture(scope="session")
def form_version(form: Form) -> FormVersion:
    return FormVersion(form.form_id, form.version, marks(form), form.xform)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a throw-away PostgreSQL server, without the database's name."""
    given = os.environ.get("TEST_PG_URL")
    if given:
        yield given.rsplit("/", 1)[0]
        return
    pg_ctl = _binary("pg_ctl")
    if pg_ctl is None:
        pytest.skip("no PostgreSQL server on this machine (pg_ctl was not found)")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    alone = _unprivileged(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    command = [*alone, pg_ctl, "-D", str(data), "-w"]
    _run(
        [*alone, str(Path(pg_ctl).with_name("initdb")), "-D", str(data), "-U", "shakti", "-A", "trust", "-N"]
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
    _run([*command, "-l", str(folder / "log"), "-o", options, "start"])
    try:
        yield f"postgresql+psycopg://shakti@127.0.0.1:{port}"
    finally:
        _run([*command, "-m", "immediate", "stop"])
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shakti.db'}"
    return fresh_database(request.getfixturevalue("postgresql"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating anew for each test would take most of the time."""
    path = tmp_path_factory.mktemp("template") / "shakti.db"
    with Store(f"sqlite:///{path}", keys=KEYS) as store:
        store.migrate()
    return path


@pytest.fixture(scope="session")
def postgresql_database(postgresql: str) -> str:
    """The address of a migrated PostgreSQL database that all tests share."""
    url = fresh_database(postgresql)
    with Store(url, keys=KEYS) as store:
        store.migrate()
    return url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of a migrated SQLite database."""
    shutil.copy(sqlite_template, tmp_path / "shakti.db")
    return f"sqlite:///{tmp_path / 'shakti.db'}"


@pytest.fixture
def postgresql_url(postgresql_database: str) -> str:
    """The address of a migrated, empty PostgreSQL database."""
    empty(postgresql_database)
    return postgresql_database


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The address of a migrated database, once for each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def make_store(store_url: str) -> Iterator[Callable[[], Store]]:
    """Opens the test's database, as often as asked: a second one is a restarted program."""
    opened: list[Store] = []

    def make() -> Store:
        store = Store(store_url, keys=KEYS)
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    return make_store()


def empty(url: str) -> None:
    """Take every row out of the store's tables: faster than a new database for each test."""
    names = ", ".join(table.name for table in metadata.sorted_tables)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY")


def fresh_database(server: str) -> str:
    """A new, empty database on the server."""
    name = f"t{uuid.uuid4().hex}"
    address = server.replace("+psycopg", "")
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


def _unprivileged(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: hand the folder to the account that the package made, else to nobody."""
    if os.geteuid() != 0:
        return []
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        account = pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--"]


def _binary(name: str) -> str | None:
    found = shutil.which(name)
    if found:
        return found
    for pattern in BINARIES:
        for path in sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}"), reverse=True):
            return str(path)
    return None


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
