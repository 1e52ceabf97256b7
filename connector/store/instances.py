"""The instances of a page as rows: which of them the store holds already, and how they are written back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from connector.evaluation import Evaluation, Reader, Service
from connector.store import tables
from connector.store.bulk import insert_rows
from connector.store.parts import chunks, utc
from connector.submission import Submission, Unreadable, precedence

__all__ = ["Forms", "Known", "Plan", "Sighting", "bury", "find", "write"]

Forms = Mapping[tuple[str, str], tuple[int, Reader]]
Key = tuple[str, str]

CHILDREN = (tables.service, tables.free_text)
EMPTY: dict[str, Any] = dict.fromkeys(
    ("provider", "role", "place", "day", "quarter", "seconds", "survivor", "collector", "receipt")
) | {"flags": "[]", "ratings": ""}


CONTENT = ("form_id", "form_version_id", "owner", "review", "deleted", *EMPTY)
SERVICE = tuple(column.name for column in fields(Service))


@dataclass(frozen=True)
class Sighting:
    """One source's version of an instance."""

    version_id: str
    review: str
    changed_at: dt.datetime | None
    deleted: bool


@dataclass(frozen=True)
class Known:
    """An instance as the store holds it before the page."""

    id: int
    root_id: str
    owner: str
    mode: str
    deleted: bool
    sightings: Mapping[str, Sighting]


@dataclass
class Plan:
    """What a batch will write, gathered before anything is written."""

    inserts: list[tuple[Submission, Evaluation | None]] = field(default_factory=list)
    updates: list[tuple[Known, Submission, Evaluation | None]] = field(default_factory=list)
    seen_again: list[tuple[Known, Submission]] = field(default_factory=list)
    set_aside: list[Submission] = field(default_factory=list)
    accepted: list[Submission] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


def find(connection: Connection, batch: Sequence[Submission]) -> dict[Key, Known]:
    """The instances of a batch that the store holds, found by root, else by a version that was seen elsewhere.

    The second is for an edited Collect file whose first version only the platform has, and the other way round.
    """
    table, seen = tables.submission, tables.sighting
    by_root = {(one.form_id, one.root_id): one for one in batch}
    found: dict[Key, int] = {}
    for some in chunks({one.root_id for one in batch}):
        rows = connection.execute(
            select(table.c.form_id, table.c.root_id, table.c.id).where(table.c.root_id.in_(some))
        )
        found |= {(row.form_id, row.root_id): row.id for row in rows if (row.form_id, row.root_id) in by_root}
    for some in chunks({name for key, one in by_root.items() if key not in found for name in _names(one)}):
        rows = connection.execute(
            select(table.c.form_id, table.c.id, seen.c.version_id)
            .join(seen, seen.c.submission_id == table.c.id)
            .where(seen.c.version_id.in_(some))
        )
        versions = {(row.form_id, row.version_id): row.id for row in rows}
        for key, one in by_root.items() if versions else ():
            same = [versions[(one.form_id, name)] for name in _names(one) if (one.form_id, name) in versions]
            if key not in found and same:
                found[key] = same[0]
    held = _held_rows(connection, set(found.values()))
    return {key: held[number] for key, number in found.items()}


def _names(one: Submission) -> tuple[str, str]:
    return one.root_id, one.version_id


def _held_rows(connection: Connection, numbers: set[int]) -> dict[int, Known]:
    table, seen = tables.submission, tables.sighting
    sightings: dict[int, dict[str, Sighting]] = {number: {} for number in numbers}
    rows: dict[int, Known] = {}
    for some in chunks(numbers):
        for row in connection.execute(select(seen).where(seen.c.submission_id.in_(some))):
            moment = utc(row.changed_at) if row.changed_at else None
            sightings[row.submission_id][row.source] = Sighting(
                row.version_id, row.review, moment, row.deleted
            )
        for row in connection.execute(select(table).where(table.c.id.in_(some))):
            rows[row.id] = Known(row.id, row.root_id, row.owner, row.mode, row.deleted, sightings[row.id])
    return rows


def write(connection: Connection, plan: Plan, forms: Forms) -> None:
    """Everything of a plan that is about instances."""
    fresh = list(enumerate(plan.inserts, start=_next_number(connection) if plan.inserts else 0))
    rows = [
        (number, one.root_id, one.mode, *_content(one, evaluation, forms))
        for number, (one, evaluation) in fresh
    ]
    insert_rows(connection, tables.submission, ("id", "root_id", "mode", *CONTENT), rows)
    _update(connection, plan, forms)
    changed = [known.id for known, _, _ in plan.updates]
    _delete_children(connection, changed)
    contents = [(number, one, evaluation) for number, (one, evaluation) in fresh]
    seen = [(number, one) for number, one, _ in contents]
    again = [(known.id, one) for known, one, _ in plan.updates]
    again += [(known.id, one) for known, one in plan.seen_again]
    _insert_children(
        connection, contents + [(known.id, one, evaluation) for known, one, evaluation in plan.updates]
    )
    _forget_sightings(connection, again)
    _write_sightings(connection, seen + again)


def _next_number(connection: Connection) -> int:
    """The writer is alone, so the next number is free; asking the database for each row's was a third of the time."""
    highest = connection.execute(select(func.max(tables.submission.c.id))).scalar()
    return int(highest or 0) + 1


def _update(connection: Connection, plan: Plan, forms: Forms) -> None:
    # The chat is remembered once it was one of the sources, in whatever order they came.
    rows = [
        {
            "number": known.id,
            "root_id": one.root_id if precedence(one.source) > precedence(known.owner) else known.root_id,
            "mode": "chat" if "chat" in (known.mode, one.mode) else one.mode,
            **dict(zip(CONTENT, _content(one, evaluation, forms), strict=True)),
        }
        for known, one, evaluation in plan.updates
    ]
    if rows:
        names = [name for name in rows[0] if name != "number"]
        connection.execute(
            update(tables.submission)
            .where(tables.submission.c.id == bindparam("number"))
            .values({name: bindparam(name) for name in names}),
            rows,
        )
    chats = [known.id for known, one in plan.seen_again if one.mode == "chat" != known.mode]
    for some in chunks(chats):
        connection.execute(
            update(tables.submission).where(tables.submission.c.id.in_(some)).values(mode="chat")
        )


def _content(one: Submission, evaluation: Evaluation | None, forms: Forms) -> tuple[Any, ...]:
    """The values of the columns `CONTENT`."""
    form = forms[one.form_id, one.form_version][0]
    if evaluation is None:
        return (one.form_id, form, one.source, one.review, True, *EMPTY.values())
    flags = json.dumps(evaluation.flags) if evaluation.flags else "[]"
    return (
        *(one.form_id, form, one.source, one.review, False),
        *(evaluation.provider, evaluation.role, evaluation.place, evaluation.day, evaluation.quarter),
        *(evaluation.seconds, evaluation.survivor, evaluation.collector, evaluation.receipt),
        *(flags, evaluation.ratings),
    )


def _delete_children(connection: Connection, numbers: Iterable[int]) -> None:
    for some in chunks(numbers):
        for table in CHILDREN:
            connection.execute(delete(table).where(table.c.submission_id.in_(some)))


def _insert_children(
    connection: Connection, contents: Iterable[tuple[int, Submission, Evaluation | None]]
) -> None:
    services: list[tuple[Any, ...]] = []
    texts: list[tuple[int, str, bytes]] = []
    for number, _, evaluation in contents:
        if evaluation is not None:
            services += [(number, *(getattr(one, name) for name in SERVICE)) for one in evaluation.services]
            texts += [(number, kind, sealed) for kind, sealed in evaluation.texts.items()]
    insert_rows(connection, tables.service, ("submission_id", *SERVICE), services)
    insert_rows(connection, tables.free_text, ("submission_id", "kind", "sealed"), texts)


def _forget_sightings(connection: Connection, seen: Sequence[tuple[int, Submission]]) -> None:
    table = tables.sighting
    if seen:
        connection.execute(
            delete(table).where(
                table.c.submission_id == bindparam("number"), table.c.source == bindparam("from_source")
            ),
            [{"number": number, "from_source": one.source} for number, one in seen],
        )


def _write_sightings(connection: Connection, seen: Sequence[tuple[int, Submission]]) -> None:
    names = ("submission_id", "source", "native_id", "version_id", "review", "changed_at", "deleted")
    rows = [
        (number, one.source, one.native_id[:255], one.version_id, one.review, one.changed_at, one.deleted)
        for number, one in seen
    ]
    insert_rows(connection, tables.sighting, names, rows)


def bury(connection: Connection, numbers: Sequence[int]) -> None:
    """Make tombstones of these instances: identity and sightings stay, everything else goes."""
    _delete_children(connection, numbers)
    for some in chunks(numbers):
        connection.execute(
            update(tables.submission).where(tables.submission.c.id.in_(some)).values(deleted=True, **EMPTY)
        )
