"""Many rows into one table as fast as the driver takes them: COPY on PostgreSQL, one prepared statement on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Boolean, Connection, Date, DateTime, Table

__all__ = ["insert_rows"]

FEW = (Boolean, Date, DateTime)  # a page has few different values of these: each is converted once

Row = Sequence[Any]


def insert_rows(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert `rows`, whose values stand in the order of the columns `names`; nothing for no row.

    SQLAlchemy's own way builds a dictionary and walks through all columns for each row: that was most of the time.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table, names, rows)
    else:
        places = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - our own names
        connection.exec_driver_sql(statement, _as_the_driver_wants(connection, table, names, rows))


def _copy(connection: Connection, table: Table, names: Sequence[str], rows: Iterable[Row]) -> None:
    raw: Any = connection.connection.driver_connection
    with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _as_the_driver_wants(
    connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Row]
) -> list[tuple[Any, ...]]:
    """The rows with days and times written as SQLAlchemy writes them: both ways in must store the same."""
    converters = {index: _converter(connection, table, name) for index, name in enumerate(names)}
    if not any(converters.values()):
        return [tuple(row) for row in rows]
    columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
    for index, convert in converters.items():
        if convert is not None and isinstance(table.c[names[index]].type, FEW):
            written = {value: convert(value) for value in set(columns[index])}
            columns[index] = map(written.__getitem__, columns[index])
        elif convert is not None:
            columns[index] = map(convert, columns[index])
    return list(zip(*columns, strict=True))


def _converter(connection: Connection, table: Table, name: str) -> Callable[[Any], Any] | None:
    column_type = table.c[name].type
    processor: Callable[[Any], Any] | None = column_type.dialect_impl(connection.dialect).bind_processor(
        connection.dialect
    )
    return processor
