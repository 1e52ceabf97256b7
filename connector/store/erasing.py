"""How an instance leaves the store without a trace: its rows go, a keyed hash stays so that it never comes back.

An erasure is remembered in three ways: by the instance, by the receipt, and by the survivor together with the day of
her wish (what she says later is stored again). What still lies at a source becomes a task until it is deleted there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, or_, select, update

from connector.evaluation import day_of, quarter_of
from connector.seal import Keys, is_code
from connector.store import desk_tables, tables
from connector.store.parts import chunks
from connector.submission import FormVersion, Submission, precedence

__all__ = [
    "NOTHING_ERASED",
    "Erasures",
    "Task",
    "Wish",
    "confirm_deleted",
    "erased_survivors",
    "erasures",
    "expunge",
    "fail_task",
    "finish_task",
    "note_arrivals",
    "remember",
    "tasks",
    "wished",
]

CHAT = 1  # the precedence of the outbox: it forgets by itself what it delivered
Forms = Mapping[tuple[str, str], tuple[int, FormVersion]]


@dataclass(frozen=True)
class Wish:
    """What a survivor wants erased: what bears this receipt, or everything of this code."""

    by: Literal["receipt", "code"]
    value: str = field(repr=False)

    def matches(self, answers: Mapping[str, str], form: FormVersion) -> bool:
        """Whether these answers bear the receipt or the code."""
        kind = {"receipt": "receipt", "code": "survivor_code"}[self.by]
        return any(answers.get(mark.path) == self.value for mark in form.marks if mark.is_ == kind)


@dataclass(frozen=True)
class Erasures:
    """What must never be stored (again), as keyed hashes: instances and receipts; survivors, each until a day."""

    keys: frozenset[str] = frozenset()
    survivors: Mapping[str, dt.date] = field(default_factory=dict)

    def __or__(self, other: Erasures) -> Erasures:
        latest = dict(self.survivors)
        for key, until in other.survivors.items():
            latest[key] = max(until, latest.get(key, until))
        return Erasures(self.keys | other.keys, latest)

    def __bool__(self) -> bool:
        return bool(self.keys or self.survivors)

    def without(self, known: Erasures) -> Erasures:
        """What is here and not in `known`."""
        later = {
            key: until
            for key, until in self.survivors.items()
            if key not in known.survivors or until > known.survivors[key]
        }
        return Erasures(self.keys - known.keys, later)


NOTHING_ERASED = Erasures()


@dataclass(frozen=True)
class Task:
    """An erased instance that still lies at a source under the source's own name; why it does, once that is known."""

    source: str
    native_id: str
    reason: str | None
    day: dt.date


def wished(wish: Wish, keys: Keys, today: dt.date) -> Erasures:
    """The wish as it is remembered."""
    if wish.by == "receipt":
        return Erasures(frozenset({keys.receipt(wish.value)}))
    return Erasures(survivors={keys.erased_survivor(keys.survivor(wish.value)): today})


def erasures(connection: Connection) -> Erasures:
    """Everything that is remembered."""
    survivor = desk_tables.erased_survivor
    found = connection.execute(select(tables.erased.c.key)).scalars()
    dated = connection.execute(select(survivor.c.key, survivor.c.until))
    return Erasures(frozenset(found), {row.key: row.until for row in dated})


def remember(connection: Connection, wanted: Erasures, keys: Keys, today: dt.date) -> int:
    """Remember these erasures and take out of the store what they name; how many instances that were."""
    numbers = _named(connection, wanted, keys)
    _keep(connection, wanted)
    return expunge(connection, numbers, keys, today)


def expunge(connection: Connection, numbers: Sequence[int], keys: Keys, today: dt.date) -> int:
    """Take these instances out wholly, remember them by hash, and note where they still lie; how many there were."""
    if not numbers:
        return 0
    own, seen = tables.submission, tables.sighting
    hashes: set[str] = set()
    for some in chunks(numbers):
        rows = connection.execute(
            select(own.c.form_id, own.c.root_id, seen)
            .join(seen, seen.c.submission_id == own.c.id, isouter=True)
            .where(own.c.id.in_(some))
        ).all()
        # A later edit may arrive under the name of any version that was seen: each of them is remembered.
        names = {(row.form_id, name) for row in rows for name in (row.root_id, row.version_id) if name}
        hashes |= {keys.erasure(form_id, name) for form_id, name in names}
        for row in rows:
            if row.source and not row.deleted:
                _add_task(
                    connection, row.source, row.native_id, keys.erasure(row.form_id, row.root_id), today
                )
            if row.source:
                _unquarantine(connection, row.source, row.native_id)
        for table in _children():
            connection.execute(delete(table).where(table.c.submission_id.in_(some)))
        connection.execute(delete(own).where(own.c.id.in_(some)))
    _keep(connection, Erasures(frozenset(hashes)))
    return len(numbers)


def erased_survivors(
    connection: Connection, batch: Iterable[Submission], forms: Forms, keys: Keys
) -> set[tuple[str, str]]:
    """The instances of the batch by survivors who had everything up to then erased, as (form id, root id)."""
    table = desk_tables.erased_survivor
    dated = {row.key: row.until for row in connection.execute(select(table.c.key, table.c.until))}
    if not dated:
        return set()
    found = set()
    for one in batch:
        code = _code(one, forms[one.form_id, one.form_version][1])
        until = dated.get(keys.erased_survivor(keys.survivor(code))) if code else None
        day = day_of(one) if until else None
        if until and (day is None or day <= until):
            found.add((one.form_id, one.root_id))
    return found


def note_arrivals(connection: Connection, batch: Iterable[Submission], keys: Keys, today: dt.date) -> None:
    """Erased instances that a source still shows: they have to be deleted there; one deleted there is done."""
    for one in batch:
        if one.deleted:
            _delete_task(connection, one.source, one.native_id)
        else:
            _add_task(connection, one.source, one.native_id, keys.erasure(one.form_id, one.root_id), today)


def tasks(connection: Connection) -> list[Task]:
    """What still has to be deleted at the sources."""
    table = desk_tables.erasure_task
    rows = connection.execute(select(table).order_by(table.c.source, table.c.native_id))
    return [Task(row.source, row.native_id, row.reason, row.day) for row in rows]


def finish_task(connection: Connection, task: Task) -> None:
    """It is deleted at the source; nothing names it any more."""
    _delete_task(connection, task.source, task.native_id)


def fail_task(connection: Connection, task: Task, reason: str) -> None:
    """It could not be deleted at the source; the reason says what a person can do."""
    table = desk_tables.erasure_task
    own = and_(table.c.source == task.source, table.c.native_id == task.native_id)
    connection.execute(update(table).where(own).values(reason=reason))


def confirm_deleted(connection: Connection, source: str, listing: Collection[str], keys: Keys) -> int:
    """Finish the tasks of a source whose complete listing no longer shows them; how many there were."""
    table = desk_tables.erasure_task
    waiting = set(connection.execute(select(table.c.key).where(table.c.source == source)).scalars())
    if not waiting:
        return 0
    forms = connection.execute(select(tables.form_version.c.form_id).distinct()).scalars().all()
    listed = {keys.erasure(form_id, root_id) for form_id in forms for root_id in listing}
    gone = waiting - listed
    for some in chunks(gone):
        connection.execute(delete(table).where(table.c.source == source, table.c.key.in_(some)))
    return len(gone)


def _named(connection: Connection, wanted: Erasures, keys: Keys) -> list[int]:
    """The stored instances that these erasures name."""
    own = tables.submission
    found: set[int] = set()
    for some in chunks(wanted.keys):
        found |= set(connection.execute(select(own.c.id).where(own.c.receipt.in_(some))).scalars())
    if wanted.keys:
        rows = connection.execute(select(own.c.id, own.c.form_id, own.c.root_id))
        found |= {row.id for row in rows if keys.erasure(row.form_id, row.root_id) in wanted.keys}
    if wanted.survivors:
        everyone = connection.execute(select(own.c.survivor).distinct()).scalars()
        hashed = {keys.erased_survivor(one): one for one in everyone if one}
        for key, until in wanted.survivors.items():
            mine = and_(own.c.survivor == hashed.get(key), _up_to(until))
            found |= set(connection.execute(select(own.c.id).where(mine)).scalars())
    return sorted(found)


def _up_to(until: dt.date) -> ColumnElement[bool]:
    """Dated up to that day; of old rows only the quarter is left."""
    own = tables.submission
    undated = and_(own.c.day.is_(None), own.c.quarter <= quarter_of(until))
    return or_(own.c.day <= until, undated)


def _keep(connection: Connection, wanted: Erasures) -> None:
    table, survivor = tables.erased, desk_tables.erased_survivor
    for some in chunks(wanted.keys):
        known = set(connection.execute(select(table.c.key).where(table.c.key.in_(some))).scalars())
        fresh = [{"key": key} for key in some if key not in known]
        if fresh:
            connection.execute(insert(table), fresh)
    for key, until in wanted.survivors.items():
        before = connection.execute(select(survivor.c.until).where(survivor.c.key == key)).scalar()
        connection.execute(delete(survivor).where(survivor.c.key == key))
        connection.execute(insert(survivor).values(key=key, until=max(until, before or until)))


def _children() -> list[Table]:
    """Every table whose rows belong to an instance."""
    own = tables.submission
    return [
        table
        for table in tables.metadata.sorted_tables
        if any(key.column.table is own for key in table.foreign_keys)
    ]


def _add_task(connection: Connection, source: str, native_id: str, key: str, today: dt.date) -> None:
    if not native_id or precedence(source) == CHAT:
        return
    table = desk_tables.erasure_task
    own = and_(table.c.source == source, table.c.native_id == native_id[:255])
    if connection.execute(select(table.c.key).where(own)).first() is None:
        row = {"source": source, "native_id": native_id[:255], "key": key, "day": today}
        connection.execute(insert(table).values(**row))


def _delete_task(connection: Connection, source: str, native_id: str) -> None:
    table = desk_tables.erasure_task
    connection.execute(delete(table).where(table.c.source == source, table.c.native_id == native_id[:255]))


def _unquarantine(connection: Connection, source: str, native_id: str) -> None:
    table = tables.quarantine
    connection.execute(delete(table).where(table.c.source == source, table.c.native_id == native_id[:255]))


def _code(one: Submission, form: FormVersion) -> str | None:
    answers = (one.answers.get(mark.path) for mark in form.marks if mark.is_ == "survivor_code")
    return next((answer for answer in answers if answer and is_code(answer)), None)
