"""What the store forgets by itself: exact days, texts and unread copies after 90 days, whole rows after 15 months.

Of a forgotten row a keyed hash stays for each source that still shows it, so that no sweep brings it back.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from connector.evaluation import quarter_of
from connector.seal import Keys
from connector.store import tables
from connector.store.parts import chunks

__all__ = ["COPIES", "Forgotten", "forget"]

DAY_AND_TEXT = dt.timedelta(days=90)
COPIES = dt.timedelta(days=90)
QUARTERS = 5  # 15 months: the running quarter and the four complete ones before it stay
CHILDREN = (tables.service, tables.free_text, tables.sighting)


@dataclass(frozen=True)
class Forgotten:
    """How many evaluations lost their exact day, how many free texts went, how many rows went as a whole, and how many
    sealed copies the quarantine lost."""

    days: int = 0
    texts: int = 0
    rows: int = 0
    copies: int = 0


def forget(connection: Connection, keys: Keys, today: dt.date, copies: dt.timedelta) -> Forgotten:
    """Forget what is old enough on this day; see `Store.forget`."""
    rows = _forget_rows(connection, keys, _quarters_before(today, QUARTERS))
    texts = _forget_texts(connection, today - DAY_AND_TEXT)
    own = tables.submission
    days = connection.execute(update(own).where(own.c.day < today - DAY_AND_TEXT).values(day=None)).rowcount
    return Forgotten(days=days, texts=texts, rows=rows, copies=_forget_copies(connection, today - copies))


def _forget_copies(connection: Connection, before: dt.date) -> int:
    """Empty the quarantine's old copies. Their lines stay: a source that still shows the record would bring a new copy."""
    table = tables.quarantine
    old = update(table).where(table.c.day < before, func.length(table.c.sealed) > 0)
    return connection.execute(old.values(sealed=b"")).rowcount


def _forget_texts(connection: Connection, before: dt.date) -> int:
    own, text = tables.submission, tables.free_text
    old = select(own.c.id).where(or_(own.c.day < before, own.c.day.is_(None)))
    return connection.execute(delete(text).where(text.c.submission_id.in_(old))).rowcount


def _forget_rows(connection: Connection, keys: Keys, last: str) -> int:
    """Take out the rows of this quarter and all before it."""
    own = tables.submission
    numbers = connection.execute(select(own.c.id).where(own.c.quarter <= last)).scalars().all()
    for some in chunks(numbers):
        _set_aside(connection, some, keys)
        for table in CHILDREN:
            connection.execute(delete(table).where(table.c.submission_id.in_(some)))
        connection.execute(delete(own).where(own.c.id.in_(some)))
    return len(numbers)


def _set_aside(connection: Connection, numbers: list[int], keys: Keys) -> None:
    own, seen, aside = tables.submission, tables.sighting, tables.set_aside
    rows = connection.execute(
        select(own.c.form_id, own.c.root_id, seen.c.source, seen.c.version_id, seen.c.review)
        .join(seen, seen.c.submission_id == own.c.id)
        .where(own.c.id.in_(numbers), seen.c.deleted.is_(False))
    )
    hashes = [
        {
            "source": row.source,
            "key": keys.erasure(row.form_id, row.root_id),
            "version": keys.version(row.version_id, row.review),
        }
        for row in rows
    ]
    for one in hashes:
        connection.execute(delete(aside).where(aside.c.source == one["source"], aside.c.key == one["key"]))
    if hashes:
        connection.execute(insert(aside), hashes)


def _quarters_before(day: dt.date, count: int) -> str:
    """The quarter so many before that of this day."""
    number = day.year * 4 + (day.month - 1) // 3 - count
    return quarter_of(dt.date(number // 4, number % 4 * 3 + 1, 1))
