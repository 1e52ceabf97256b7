"""The ways from a platform into a database that are compared: ours, pyODK with pandas, and the floor."""

from __future__ import annotations

import http.client
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import pandas
import psycopg
from pyodk._utils.config import CentralConfig, Config
from pyodk.client import Client
from sqlalchemy import create_engine

from bench.sync_rows import EMAIL, NOW, PASSWORD, TOKEN
from connector import Keys, KoboSource, Store, sync
from connector.store.tables import free_text, sighting, submission

KEYS = Keys.from_hex(
    pseudonym="11" * 32, text_public="0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20"
)
TEXTS = ("comment", "good_practice", "idea", "missing_provider")


def ours(url: str, form: str, database: str) -> int:
    """`shakti sync` of one source, with its sweep; how many rows there were."""
    with Store(database, keys=KEYS) as store, KoboSource(url, token=TOKEN, asset=form) as source:
        (report,) = sync(store, [source], now=lambda: NOW)
        if report.error:
            raise report.error
        return report.counts.new


def by_pandas(url: str, form: str, database: str) -> int:
    """What a data manager writes: pyODK reads the table, pandas flattens it and writes it."""

    project, name = form.split("/")[3], form.split("/")[5].removesuffix(".svc")
    settings = CentralConfig(base_url=url, username=EMAIL, password=PASSWORD, default_project_id=int(project))
    with (
        tempfile.TemporaryDirectory() as folder,
        Client(config=Config(settings), cache_path=Path(folder) / "c.toml") as client,
    ):
        table = client.submissions.get_table(form_id=name)
    frame = pandas.json_normalize(table["value"], sep="-")
    engine = create_engine(database)
    frame.to_sql("evaluations_by_pandas", engine, if_exists="replace", index=False)
    engine.dispose()
    return len(frame)


def floor(url: str, form: str, database: str) -> int:
    """The same bytes through a C parser, the same columns into the same tables by the bare driver, page by page.

    No source, no record, no pseudonym, no check: values go in as they came.
    """
    done = 0
    write, close = _sqlite(database) if database.startswith("sqlite") else _postgresql(database)
    rated: list[str] = []
    for rows in _pages(url, form):
        rated = rated or sorted(
            {key for one in rows for key in one if "/" in key and len(str(one[key])) == 1}
        )
        write(
            [_submission(done + place, one, rated) for place, one in enumerate(rows)],
            [_sighting(done + place, one) for place, one in enumerate(rows)],
            [
                (done + place, name, one[name].encode())
                for place, one in enumerate(rows)
                for name in TEXTS
                if name in one
            ],
        )
        done += len(rows)
    close()
    return done


WAYS: dict[str, Callable[[str, str, str], int]] = {"ours": ours, "pandas": by_pandas, "floor": floor}
TABLES = {
    table.name: tuple(column.name for column in table.columns) for table in (submission, sighting, free_text)
}
Write = Callable[..., None]


def _pages(url: str, form: str) -> Iterator[list[dict[str, Any]]]:

    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    after, total = 0, 1
    while total:
        query = quote(json.dumps({"_id": {"$gt": after}}))
        connection.request("GET", f"/api/v2/assets/{form}/data/?format=json&limit=1000&query={query}")
        answer = orjson.loads(connection.getresponse().read())
        rows = answer["results"]
        yield rows
        after, total = rows[-1]["_id"], answer["count"] - len(rows)
    connection.close()


def _submission(number: int, one: dict[str, Any], rated: list[str]) -> tuple[Any, ...]:
    get = one.get
    return (
        number,
        one["_xform_id_string"],
        one["_uuid"],
        1,
        "kobo",
        "enumerator",
        "none",
        False,
        get("provider"),
        get("role"),
        get("block"),
        get("today"),
        "2026Q4",
        420,
        get("survivor_code"),
        get("collector"),
        get("receipt"),
        "[]",
        "".join(get(path, "-") for path in rated),
    )


def _sighting(number: int, one: dict[str, Any]) -> tuple[Any, ...]:
    return (number, "kobo", str(one["_id"]), one["_uuid"], "none", one["_submission_time"], False)


def _sqlite(database: str) -> tuple[Write, Callable[[], None]]:
    connection = sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("INSERT INTO form_version VALUES (1, 'f', '1', '[]', NULL)")
    statements = [
        f"INSERT INTO {name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - our names
        for name, names in TABLES.items()
    ]

    def write(*tables: list[Any]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for statement, rows in zip(statements, tables, strict=True):
            connection.executemany(statement, rows)
        connection.execute("COMMIT")

    return write, connection.close


def _postgresql(database: str) -> tuple[Write, Callable[[], None]]:

    connection = psycopg.connect(database.replace("+psycopg", ""))
    connection.execute("INSERT INTO form_version VALUES (1, 'f', '1', '[]', NULL)")

    def write(*tables: list[Any]) -> None:
        for (name, names), rows in zip(TABLES.items(), tables, strict=True):
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY {name} ({', '.join(names)}) FROM STDIN") as copy,
            ):
                for one in rows:
                    copy.write_row(one)
        connection.commit()

    return write, connection.close
