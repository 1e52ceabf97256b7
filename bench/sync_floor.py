"""The least that has to be done: the bytes through a C parser, the values by the bare driver into the store's tables."""

from __future__ import annotations

import http.client
import json
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import psycopg

from connector.store.tables import free_text, sighting, submission

TEXTS = ("comment", "good_practice", "idea", "missing_provider")
TABLES = {
    table.name: tuple(column.name for column in table.columns) for table in (submission, sighting, free_text)
}
Write = Callable[..., None]


def run(url: str, form: str, database: str) -> int:
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
