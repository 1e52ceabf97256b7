"""The instances of a page as rows: which of them the store holds already, and how they are written back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from connector.evaluation import Evaluation
from connector.store import tables
from connector.store.parts import chunks, utc
from connector.submission import FormVersion, Submission, Unreadable, precedence

__all__ = ["Forms", "Known", "Plan", "Sighting", "bury", "find", "write"]

Forms = Mapping[tuple[str, str], tuple[int, FormVersion]]
Key = tuple[str, str]

CHILDREN = (tables.indicator_value, tables.service, tables.free_text)
EMPTY: dict[str, Any] = dict.fromkeys(
    ("provider", "role", "place", "day", "quarter", "seconds", "survivor", "collector", "receipt")
) | {"flags": "[]"}


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
        for key, one in by_root.items():
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
    contents = [
        (number, one, evaluation)
        for number, (one, evaluation) in zip(
            _insert(connection, plan.inserts, forms), plan.inserts, strict=True
        )
    ]
    contents += [(known.id, one, evaluation) for known, one, evaluation in plan.updates]
    _update(connection, plan, forms)
    _delete_children(connection, [known.id for known, _, _ in plan.updates])
    _insert_children(connection, contents)
    seen = [(number, one) for number, one, _ in contents]
    seen += [(known.id, one) for known, one in plan.seen_again]
    _write_sightings(connection, seen)


def _insert(
    connection: Connection, inserts: Sequence[tuple[Submission, Evaluation | None]], forms: Forms
) -> list[int]:
    if not inserts:
        return []
    rows = [
        {"root_id": one.root_id, "mode": one.mode, **_content(one, evaluation, forms)}
        for one, evaluation in inserts
    ]
    statement = insert(tables.submission).returning(tables.submission.c.id, sort_by_parameter_order=True)
    return list(connection.execute(statement, rows).scalars())


def _update(connection: Connection, plan: Plan, forms: Forms) -> None:
    # The chat is remembered once it was one of the sources, in whatever order they came.
    rows = [
        {
            "number": known.id,
            "root_id": one.root_id if precedence(one.source) > precedence(known.owner) else known.root_id,
            "mode": "chat" if "chat" in (known.mode, one.mode) else one.mode,
            **_content(one, evaluation, forms),
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


def _content(one: Submission, evaluation: Evaluation | None, forms: Forms) -> dict[str, Any]:
    row = {
        "form_id": one.form_id,
        "form_version_id": forms[(one.form_id, one.form_version)][0],
        "owner": one.source,
        "review": one.review,
        "deleted": evaluation is None,
    }
    if evaluation is None:
        return row | EMPTY
    return row | {name: getattr(evaluation, name) for name in EMPTY} | {"flags": json.dumps(evaluation.flags)}


def _delete_children(connection: Connection, numbers: Iterable[int]) -> None:
    for some in chunks(numbers):
        for table in CHILDREN:
            connection.execute(delete(table).where(table.c.submission_id.in_(some)))


def _insert_children(
    connection: Connection, contents: Iterable[tuple[int, Submission, Evaluation | None]]
) -> None:
    rows: dict[Table, list[dict[str, Any]]] = {table: [] for table in CHILDREN}
    for number, _, evaluation in contents:
        if evaluation is None:
            continue
        own = {"submission_id": number}
        rows[tables.indicator_value] += [
            own | {"name": name, "value": value} for name, value in evaluation.values.items()
        ]
        rows[tables.service] += [own | asdict(service) for service in evaluation.services]
        rows[tables.free_text] += [
            own | {"kind": kind, "sealed": sealed} for kind, sealed in evaluation.texts.items()
        ]
    for table, some in rows.items():
        if some:
            connection.execute(insert(table), some)


def _write_sightings(connection: Connection, seen: Iterable[tuple[int, Submission]]) -> None:
    table = tables.sighting
    rows = [
        {
            "submission_id": number,
            "source": one.source,
            "native_id": one.native_id[:255],
            "version_id": one.version_id,
            "review": one.review,
            "changed_at": one.changed_at,
            "deleted": one.deleted,
        }
        for number, one in seen
    ]
    if not rows:
        return
    connection.execute(
        delete(table).where(
            table.c.submission_id == bindparam("number"), table.c.source == bindparam("from_source")
        ),
        [{"number": row["submission_id"], "from_source": row["source"]} for row in rows],
    )
    connection.execute(insert(table), rows)


def bury(connection: Connection, numbers: Sequence[int]) -> None:
    """Make tombstones of these instances: identity and sightings stay, everything else goes."""
    _delete_children(connection, numbers)
    for some in chunks(numbers):
        connection.execute(
            update(tables.submission).where(tables.submission.c.id.in_(some)).values(deleted=True, **EMPTY)
        )
