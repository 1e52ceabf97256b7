"""How the store's database is opened: SQLite with its guards on, or PostgreSQL by address; and brought up to date."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, SQLAlchemyError

from connector.errors import ConnectorError, GiveUp, RetryLater

__all__ = ["BUSY_SECONDS", "migrate", "open_engine", "reader", "writer"]

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
BUSY_SECONDS = 30
ONE_WRITER = 0x5348414B  # an advisory lock's number on PostgreSQL ("SHAK"); any constant would do


def open_engine(url: str, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """An engine for the store. A SQLite file is made readable by its owner alone.

    `busy_seconds`: how long one who wants to write waits for another. Raises GiveUp when the address makes no sense.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend == "sqlite":
            _make_private(parsed.database)
        # Values would otherwise stand in error messages.
        engine = create_engine(parsed, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise GiveUp(
            "The address of the database in config.yml is none this program can open; write "
            "sqlite:///data/shakti.db or postgresql+psycopg://user@host/name."
        ) from error
    except OSError as error:
        raise GiveUp(
            f"The database's file cannot be made ({error}); check `database` in config.yml."
        ) from error
    if backend == "sqlite":
        event.listen(engine, "connect", partial(_guard_sqlite, busy_seconds))
        event.listen(engine, "begin", _begin_immediately)
    else:
        event.listen(engine, "connect", partial(_bound_waiting, busy_seconds))
    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables up to date, from nothing or from any earlier version."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writer(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def writer(engine: Engine) -> Iterator[Connection]:
    """One transaction, alone: two connectors wait for each other instead of crossing."""
    with _in_words(engine), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_WRITER})
        yield connection


@contextmanager
def reader(engine: Engine) -> Iterator[Connection]:
    """A connection to read from."""
    with _in_words(engine), engine.connect().execution_options(shakti_reads=True) as connection:
        yield connection


@contextmanager
def _in_words(engine: Engine) -> Iterator[None]:
    where = engine.url.render_as_string(hide_password=True)
    driver = engine.dialect.loaded_dbapi
    try:
        yield
    except ConnectorError:
        raise
    except (DatabaseError, driver.Error) as error:  # the driver's own where rows are copied past SQLAlchemy
        said = _first_line(error)
        raise RetryLater(
            f"The store ({where}) did not take or give the data ({said}); nothing was half done. {_advice(said)}"
        ) from error
    except SQLAlchemyError as error:
        raise RetryLater(f"The store ({where}) failed ({type(error).__name__}); run again.") from error


def _first_line(error: Exception) -> str:
    """The driver's own words, without the statement and its values."""
    said = str(error.orig if isinstance(error, DatabaseError) else error)
    return said.splitlines()[0] if said else type(error).__name__


def _advice(said: str) -> str:
    words = said.lower()
    if "locked" in words or "lock timeout" in words:
        return "Another program is writing to it; run again when that one has finished."
    if any(sign in words for sign in ("full", "no space", "disk i/o", "could not extend")):
        return "The disk may be full: make room on it, then run again."
    return "Check the disk and whether another program holds the database, then run again."


def _make_private(database: str | None) -> None:
    """SQLite gives -wal and -shm the mode of the main file, so only that one has to be right."""
    if not database or database == ":memory:":
        return
    path = Path(database)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _bound_waiting(busy_seconds: float, connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {round(busy_seconds * 1000)}")
    connection.commit()


def _guard_sqlite(busy_seconds: float, connection: sqlite3.Connection, _record: Any) -> None:
    # We begin transactions ourselves (below): the driver would begin late, at the first write.
    connection.isolation_level = None
    try:
        _set_pragmas(connection, busy_seconds)
    except sqlite3.Error:
        connection.close()
        raise


def _set_pragmas(connection: sqlite3.Connection, busy_seconds: float) -> None:
    for pragma in (
        f"busy_timeout = {round(busy_seconds * 1000)}",
        "journal_mode = WAL",
        "synchronous = FULL",  # a committed page survives a power cut
        "secure_delete = ON",  # what is deleted is overwritten
        "foreign_keys = ON",
        "trusted_schema = OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediately(connection: Connection) -> None:
    """A writer takes the lock at once: taken later, two readers that want to write would both fail."""
    reads = connection.get_execution_options().get("shakti_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
