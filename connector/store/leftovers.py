"""What does not become an evaluation: refused, erased, withdrawn, deleted and unreadable records, and the cursor."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from connector.errors import SkipRecord
from connector.seal import Keys
from connector.store import erasing, tables
from connector.store.instances import Forms, Plan, bury
from connector.store.parts import chunks
from connector.submission import Page, Submission, Unreadable, Withdrawal

__all__ = [
    "delete_unlisted",
    "erased",
    "name_forms",
    "quarantine",
    "save_cursor",
    "set_aside_versions",
    "unreadable",
    "withdraw",
    "write_set_aside",
]

Key = tuple[str, str]


def set_aside_versions(
    connection: Connection, source: str, batch: Iterable[Submission], keys: Keys
) -> dict[str, str]:
    """Of the batch's instances that this source brought and that were refused: keyed hash → version seen then."""
    table = tables.set_aside
    found: dict[str, str] = {}
    for some in chunks(keys.erasure(one.form_id, one.root_id) for one in batch):
        rows = connection.execute(
            select(table.c.key, table.c.version).where(table.c.source == source, table.c.key.in_(some))
        )
        found |= {row.key: row.version for row in rows}
    return found


def write_set_aside(connection: Connection, source: str, plan: Plan, keys: Keys) -> None:
    """Remember the refused rows by keyed hash, forget those that are accepted now."""
    table = tables.set_aside
    versions = {
        keys.erasure(one.form_id, one.root_id): keys.version(one.version_id, one.review)
        for one in plan.set_aside
    }
    known = [*versions, *(keys.erasure(one.form_id, one.root_id) for one in plan.accepted)]
    for some in chunks(known):
        connection.execute(delete(table).where(table.c.source == source, table.c.key.in_(some)))
    if versions:
        rows = [{"source": source, "key": key, "version": version} for key, version in versions.items()]
        connection.execute(insert(table), rows)
    _release(connection, source, [one.native_id for one in (*plan.set_aside, *plan.accepted)])


def erased(connection: Connection, batch: Sequence[Submission], forms: Forms, keys: Keys) -> set[Key]:
    """The instances of the batch that were erased, by themselves or by their receipt, and may not come back."""
    names: dict[str, Key] = {}
    for one in batch:
        key = (one.form_id, one.root_id)
        names[keys.erasure(*key)] = key
        if one.version_id != one.root_id:
            names[keys.erasure(one.form_id, one.version_id)] = key
        receipt = _receipt(one, forms)
        if receipt:
            names[keys.receipt(receipt)] = key
    found: set[Key] = set()
    for some in chunks(names):
        rows = connection.execute(select(tables.erased.c.key).where(tables.erased.c.key.in_(some)))
        found |= {names[row.key] for row in rows}
    return found | erasing.erased_survivors(connection, batch, forms, keys)


def withdraw(connection: Connection, withdrawal: Withdrawal, keys: Keys, today: dt.date) -> int:
    """Erase what bears this receipt, now and whenever it arrives again; how many there were."""
    wish = erasing.Wish("receipt", withdrawal.receipt)
    return erasing.remember(connection, erasing.wished(wish, keys, today), keys, today)


def delete_unlisted(connection: Connection, source: str, listing: frozenset[str], keys: Keys) -> int:
    """Mark as deleted what this source brought and its complete listing lacks; how many there were."""
    seen, table = tables.sighting, tables.submission
    rows = connection.execute(
        select(table.c.id, table.c.form_id, table.c.root_id, table.c.owner, table.c.deleted)
        .join(seen, seen.c.submission_id == table.c.id)
        .where(seen.c.source == source, seen.c.deleted.is_(False))
    ).all()
    gone = [row for row in rows if row.root_id not in listing]
    for some in chunks(row.id for row in gone):
        connection.execute(
            update(seen).where(seen.c.source == source, seen.c.submission_id.in_(some)).values(deleted=True)
        )
    bury(connection, [row.id for row in gone if row.owner == source and not row.deleted])
    _forget_unlisted(connection, source, listing, keys)
    return len(gone)


def quarantine(connection: Connection, records: Iterable[Unreadable], keys: Keys, today: dt.date) -> int:
    """Keep unreadable records, sealed; how many were not there with the same reason."""
    table, fresh = tables.quarantine, 0
    for one in records:
        native_id = one.native_id[:255]
        own = (table.c.source == one.source) & (table.c.native_id == native_id)
        before = connection.execute(select(table.c.reason).where(own)).scalar()
        if before == one.reason:
            continue
        fresh += 1
        connection.execute(delete(table).where(own))
        connection.execute(
            insert(table).values(
                source=one.source,
                native_id=native_id,
                reason=one.reason,
                sealed=keys.seal(one.raw),
                day=today,
            )
        )
    return fresh


def unreadable(one: Submission, error: SkipRecord) -> Unreadable:
    """A submission that turned out not to be understood, as the quarantine keeps it."""
    raw = {
        "native_form": one.native_form,
        "native_version": one.native_version,
        "form_id": one.form_id,
        "form_version": one.form_version,
        "root_id": one.root_id,
        "version_id": one.version_id,
        "changed_at": one.changed_at.isoformat() if one.changed_at else None,
        "mode": one.mode,
        "collector": one.collector,
        "review": one.review,
        "answers": dict(one.answers),
    }
    return Unreadable(one.source, one.native_id, str(error), json.dumps(raw, ensure_ascii=False))


def name_forms(connection: Connection, source: str, page: Page, forms: Forms) -> None:
    """Remember how the source calls the form versions that came on this page."""
    table = tables.native_form
    named = {
        (one.native_form, one.native_version): forms[one.form_id, one.form_version][0]
        for one in page.submissions
    }
    rows = connection.execute(
        select(table.c.native_form, table.c.native_version).where(table.c.source == source)
    )
    known = {(row.native_form, row.native_version) for row in rows}
    fresh = [
        {
            "source": source,
            "native_form": name[:64],
            "native_version": version[:64],
            "form_version_id": number,
        }
        for (name, version), number in named.items()
        if (name[:64], version[:64]) not in known
    ]
    if fresh:
        connection.execute(insert(table), fresh)


def save_cursor(connection: Connection, source: str, cursor: dict[str, Any]) -> None:
    """Replace the source's cursor."""
    connection.execute(delete(tables.cursor).where(tables.cursor.c.source == source))
    connection.execute(insert(tables.cursor).values(source=source, value=json.dumps(cursor)))


def _release(connection: Connection, source: str, native_ids: Iterable[str]) -> None:
    """A record that could be read at last leaves the quarantine."""
    table = tables.quarantine
    for some in chunks(native_id[:255] for native_id in native_ids if native_id):
        connection.execute(delete(table).where(table.c.source == source, table.c.native_id.in_(some)))


def _forget_unlisted(connection: Connection, source: str, listing: frozenset[str], keys: Keys) -> None:
    """Refused rows that were deleted at the source."""
    table = tables.set_aside
    held = set(connection.execute(select(table.c.key).where(table.c.source == source)).scalars())
    if not held:
        return
    forms = connection.execute(select(tables.form_version.c.form_id).distinct()).scalars()
    listed = {keys.erasure(form_id, root_id) for form_id in forms for root_id in listing}
    for some in chunks(held - listed):
        connection.execute(delete(table).where(table.c.source == source, table.c.key.in_(some)))


def _receipt(one: Submission, forms: Forms) -> str | None:
    form = forms[(one.form_id, one.form_version)][1]
    return next((one.answers.get(mark.path) for mark in form.marks if mark.is_ == "receipt"), None)
