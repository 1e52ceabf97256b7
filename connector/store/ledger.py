"""The ledger: what each run of each source did, and what that says about how the sources stand.

A run's line is there from its beginning and grows with each page, in the page's own transaction: of a run that was
killed it says what it did, and that it did not finish.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from connector.store import tables
from connector.store.parts import utc
from connector.store.record import Counts

__all__ = ["Run", "Share", "SourceHealth", "add", "begin", "finish", "gone_since", "grow", "health", "last"]


@dataclass(frozen=True)
class Run:
    """One line of the ledger: what a run of one source did; `error` is a sentence or None, `finished` None where the run
    goes on or was cut off.

    `expected` is how many records the source says it has (None: it did not say), `waited` how long the record that
    waited longest lay there before it was read, `gone` how many stored records the source deleted; `allowed` means that
    a person let it delete as many as it liked.
    """

    source: str
    started: dt.datetime
    finished: dt.datetime | None
    counts: Counts
    error: str | None = None
    expected: int | None = None
    waited: dt.timedelta | None = None
    gone: int = 0
    allowed: bool = False

    @property
    def duration(self) -> dt.timedelta | None:
        """How long the run took; None when it did not finish."""
        return None if self.finished is None else self.finished - self.started


@dataclass(frozen=True)
class Share:
    """What a page adds to the line of its run, beside its counts."""

    line: int
    gone: int = 0
    allowed: bool = False


@dataclass(frozen=True)
class SourceHealth:
    """How a source stands: its last run, when it was last read to its end (None: never), how many of its records are
    stored, set aside and in the quarantine, how many runs failed since, and all its runs' counts together."""

    last: Run
    read_at: dt.datetime | None
    failures: int = 0
    stored: int = 0
    set_aside: int = 0
    quarantined: int = 0
    total: Counts = field(default_factory=Counts)


def add(connection: Connection, run: Run) -> None:
    """Write one line."""
    connection.execute(insert(tables.ledger).values(**_values(run)))


def begin(connection: Connection, source: str, started: dt.datetime) -> int:
    """Open the line of a run; its number."""
    values = _values(Run(source, started, None, Counts()))
    line = insert(tables.ledger).values(**values).returning(tables.ledger.c.id)
    return int(connection.execute(line).scalar_one())


def grow(connection: Connection, share: Share, counts: Counts) -> None:
    """What a page did, on the line of its run."""
    table = tables.ledger
    more = {"seen": counts.seen, "gone": share.gone, **counts.numbers()}
    sums = {name: table.c[name] + number for name, number in more.items() if number}
    connection.execute(update(table).where(table.c.id == share.line).values(**sums, allowed=share.allowed))


def finish(connection: Connection, line: int, run: Run) -> None:
    """Close the line of a run with all that is known of it at its end."""
    connection.execute(update(tables.ledger).where(tables.ledger.c.id == line).values(**_values(run)))


def _values(run: Run) -> dict[str, Any]:
    return {
        "source": run.source,
        "started": utc(run.started),
        "finished": None if run.finished is None else utc(run.finished),
        "seen": run.counts.seen,
        **run.counts.numbers(),
        "error": run.error,
        "expected": run.expected,
        "waited_seconds": None if run.waited is None else int(run.waited.total_seconds()),
        "gone": run.gone,
        "allowed": run.allowed,
    }


def last(connection: Connection, limit: int) -> list[Run]:
    """The last lines, newest first."""
    table = tables.ledger
    return [_run(row) for row in connection.execute(select(table).order_by(table.c.id.desc()).limit(limit))]


def gone_since(connection: Connection, source: str, moment: dt.datetime) -> int:
    """How many stored records the source deleted in runs since then, and since the last run that a person allowed."""
    table = tables.ledger
    allowed = select(func.max(table.c.id)).where(table.c.source == source, table.c.allowed)
    number = connection.execute(allowed).scalar() or 0
    rows = connection.execute(
        select(table.c.gone, table.c.started, table.c.finished).where(
            table.c.source == source, table.c.id > number
        )
    )
    return sum(row.gone for row in rows if utc(row.finished or row.started) >= utc(moment))


def health(connection: Connection) -> dict[str, SourceHealth]:
    """How each source that was ever read stands, by its name."""
    table = tables.ledger
    newest = select(func.max(table.c.id)).group_by(table.c.source)
    runs = connection.execute(select(table).where(table.c.id.in_(newest)).order_by(table.c.source)).all()
    stored = _count_by_source(connection, tables.sighting, tables.sighting.c.deleted.is_(False))
    aside = _count_by_source(connection, tables.set_aside)
    waiting = _count_by_source(connection, tables.quarantine)
    return {
        row.source: SourceHealth(
            _run(row),
            *_last_good(connection, row.source),
            stored=stored.get(row.source, 0),
            set_aside=aside.get(row.source, 0),
            quarantined=waiting.get(row.source, 0),
            total=_total(connection, row.source),
        )
        for row in runs
    }


def _last_good(connection: Connection, source: str) -> tuple[dt.datetime | None, int]:
    """When the source was last read to its end, and how many runs failed since."""
    table = tables.ledger
    good = connection.execute(
        select(table.c.id, table.c.finished)
        .where(table.c.source == source, table.c.error.is_(None), table.c.finished.is_not(None))
        .order_by(table.c.id.desc())
        .limit(1)
    ).first()
    since = good.id if good else 0
    failed = select(func.count()).where(table.c.source == source, table.c.id > since)
    return (utc(good.finished) if good else None), int(connection.execute(failed).scalar() or 0)


def _total(connection: Connection, source: str) -> Counts:
    table = tables.ledger
    sums = [func.coalesce(func.sum(table.c[name]), 0).label(name) for name in Counts().numbers()]
    row = connection.execute(select(*sums).where(table.c.source == source)).one()
    found: dict[str, Any] = {name: int(value) for name, value in row._mapping.items()}
    return Counts(**found)


def _count_by_source(connection: Connection, table: Any, *wanted: Any) -> dict[str, int]:
    rows = connection.execute(select(table.c.source, func.count()).where(*wanted).group_by(table.c.source))
    return {row[0]: row[1] for row in rows}


def _run(row: Row[Any]) -> Run:
    return Run(
        source=row.source,
        started=utc(row.started),
        finished=None if row.finished is None else utc(row.finished),
        counts=Counts(**{name: getattr(row, name) for name in Counts().numbers()}),
        error=row.error,
        expected=row.expected,
        waited=None if row.waited_seconds is None else dt.timedelta(seconds=row.waited_seconds),
        gone=row.gone,
        allowed=row.allowed,
    )
