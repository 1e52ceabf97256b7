"""The store's memory of deployments: which workbook was put into service where, and whether that was finished."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, delete, insert, select

from connector.store import tables

__all__ = ["Deployment", "keep", "last"]


@dataclass(frozen=True)
class Deployment:
    """What was last put into service on a platform.

    `target` names server and account or project; `workbook` is the sha256 of the file that was sent, `xform` that
    of what it converts to here, `version` its own version; `native_form` and `native_version` are the platform's names. `finished` is false from the first
    write until everything was verified: after an interruption it says that the platform must be looked at. The hashes
    are "" where the form in service was not sent from here.
    """

    target: str
    form_id: str
    workbook: str
    xform: str
    version: str
    native_form: str
    native_version: str
    day: dt.date
    finished: bool = True


def last(connection: Connection, target: str, form_id: str) -> Deployment | None:
    """What is remembered of this form on this platform."""
    table = tables.deployment
    columns = [table.c[field.name] for field in fields(Deployment)]
    row = connection.execute(
        select(*columns).where(table.c.target == target, table.c.form_id == form_id)
    ).first()
    return None if row is None else Deployment(**row._mapping)


def keep(connection: Connection, one: Deployment) -> None:
    """Remember what is in service now."""
    table = tables.deployment
    connection.execute(delete(table).where(table.c.target == one.target, table.c.form_id == one.form_id))
    connection.execute(insert(table).values(**asdict(one)))
