"""What the store gives to scoring and reports: evaluations with their place in the registry of that day, scales, services."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from connector.ratings import Layout, layout_of
from connector.registry import NOT_LISTED, Provider, Registry
from connector.store import tables
from connector.store.cells import Cells, Weight
from connector.store.cells import cells as cells_of
from connector.store.columns import Columns
from connector.store.columns import columns as columns_of
from connector.store.parts import last_day
from xlsforms import Scale, marks_from_json, scale

__all__ = [
    "cells",
    "columns",
    "evaluations",
    "providers",
    "registry_of",
    "scales",
    "services",
    "sightings_summary",
    "unverified_counts",
]


def evaluations(connection: Connection, since_quarter: str | None) -> list[dict[str, Any]]:
    """One dict for each evaluation of a provider, in the order of arrival; see `Store.evaluations`."""
    table, version = tables.submission, tables.form_version
    wanted = and_(table.c.deleted.is_(False), table.c.provider.is_not(None))
    if since_quarter:
        wanted = and_(wanted, table.c.quarter >= since_quarter)
    rows = connection.execute(
        select(
            table,
            version.c.version.label("form_version"),
            tables.issued_code.c.survivor.is_not(None).label("verified"),
            tables.collector.c.office.label("collector_office"),
        )
        .join(version, version.c.id == table.c.form_version_id)
        .outerjoin(tables.issued_code, tables.issued_code.c.survivor == table.c.survivor)
        .outerjoin(tables.collector, tables.collector.c.pseudonym == table.c.collector)
        .where(wanted)
        .order_by(table.c.id)
    ).all()
    versions, layouts = _versions(connection)
    postings = _Postings(_providers(connection))
    return [
        _evaluation(row, layouts[versions[row.form_version_id]].unpack(row.ratings), postings) for row in rows
    ]


def columns(connection: Connection, since_quarter: str | None) -> Columns:
    """The same evaluations column by column; see `Store.columns`."""
    versions, layouts = _versions(connection)
    return columns_of(connection, versions, layouts, _providers(connection), since_quarter)


def cells(
    connection: Connection, weights: Iterable[Weight], *, quarters: Collection[str], reviews: Sequence[str]
) -> Cells:
    """Sufficient statistics; see `Store.cells`."""
    versions, layouts = _versions(connection)
    return cells_of(
        connection,
        weights,
        versions=versions,
        layouts=layouts,
        scales=scales(connection),
        quarters=quarters,
        reviews=reviews,
    )


def scales(connection: Connection) -> dict[str, dict[str, Scale]]:
    """{form version: {indicator: scale of its raw values}}; form versions are named as in `evaluations`."""
    found: dict[str, dict[str, Scale]] = {}
    for row in connection.execute(select(tables.form_version)):
        own = found.setdefault(_form_name(row.form_id, row.version), {})
        for mark in marks_from_json(json.loads(row.marks)):
            of = scale(mark)
            if mark.measures and of is not None:
                own.setdefault(mark.measures, of)
    return found


def services(connection: Connection) -> list[dict[str, Any]]:
    """The service table: one dict for each service of each check-in."""
    table, own = tables.service, tables.submission
    rows = connection.execute(
        select(
            own.c.survivor,
            own.c.place.label("block"),
            own.c.mode,
            own.c.review,
            tables.issued_code.c.survivor.is_not(None).label("verified"),
            *(column for column in table.c if column.name != "submission_id"),
        )
        .join(own, own.c.id == table.c.submission_id)
        .outerjoin(tables.issued_code, tables.issued_code.c.survivor == own.c.survivor)
        .where(own.c.deleted.is_(False))
        .order_by(table.c.submission_id, table.c.service)
    )
    return [{**row._mapping, "verified": bool(row.verified)} for row in rows]


def providers(connection: Connection) -> list[dict[str, Any]]:
    """The registry's postings, one dict each, in the order of their names."""
    rows = connection.execute(select(tables.provider).order_by(tables.provider.c.posting))
    return [dict(row._mapping) for row in rows]


def unverified_counts(connection: Connection) -> dict[tuple[str, str], int]:
    """{(role, block): evaluations without a code of the roll}: they enter nothing but a banded count."""
    table = tables.submission
    rows = connection.execute(
        select(table.c.role, table.c.place)
        .outerjoin(tables.issued_code, tables.issued_code.c.survivor == table.c.survivor)
        .where(
            table.c.deleted.is_(False),
            table.c.provider.is_not(None),
            tables.issued_code.c.survivor.is_(None),
        )
    )
    return dict(Counter((row.role or "", row.place or "") for row in rows))


def sightings_summary(connection: Connection) -> dict[tuple[str, ...], int]:
    """{the kinds of source that saw an instance, sorted: how many such instances are stored}."""
    table, seen = tables.submission, tables.sighting
    rows = connection.execute(
        select(seen.c.submission_id, seen.c.source)
        .join(table, table.c.id == seen.c.submission_id)
        .where(table.c.deleted.is_(False), seen.c.deleted.is_(False))
        .order_by(seen.c.submission_id, seen.c.source)
    )
    by_instance: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        by_instance[row.submission_id].add(row.source.split(":", 1)[0])
    return dict(sorted(Counter(tuple(sorted(kinds)) for kinds in by_instance.values()).items()))


def registry_of(connection: Connection) -> Registry:
    """The registry as the store holds it, without the collectors: their codes are not kept."""
    return Registry(providers=_providers(connection))


class _Postings:
    """The registry, looked up many times: by provider and day, and by block."""

    def __init__(self, rows: Iterable[Provider]) -> None:
        self._by_name: dict[str, list[Provider]] = defaultdict(list)
        self._area: dict[str, tuple[str, str]] = {}
        for one in rows:
            self._by_name[one.name].append(one)
            if one.block:
                self._area.setdefault(one.block, (one.district, one.state))

    def at(self, name: str, day: dt.date) -> Provider | None:
        return next((one for one in self._by_name.get(name, ()) if one.holds(day)), None)

    def area(self, block: str) -> tuple[str, str]:
        return self._area.get(block, ("", ""))


def _evaluation(row: Row[Any], values: Mapping[str, float], postings: _Postings) -> dict[str, Any]:
    posting = postings.at(row.provider, row.day or last_day(row.quarter))
    return {
        "evaluation": str(row.id),
        "form_version": _form_name(row.form_id, row.form_version),
        "provider": row.provider,
        **_where(row, posting, postings),
        "quarter": row.quarter,
        "day": row.day,
        "seconds": row.seconds,
        "mode": row.mode,
        "verified": bool(row.verified),
        "survivor": row.survivor,
        "collector": row.collector,
        "own_office": bool(posting and posting.office and posting.office == row.collector_office),
        "review": row.review,
        "flags": tuple(json.loads(row.flags)),
        "values": dict(values),
    }


def _where(row: Row[Any], posting: Provider | None, postings: _Postings) -> dict[str, str]:
    """Posting, role, office and place on that day; "not on this list" has what the form says of role and block."""
    if posting is not None:
        names = ("posting", "role", "office", "block", "district", "state")
        return {name: getattr(posting, name) for name in names}
    block = row.place or ""
    district, state = postings.area(block)
    where = {"role": row.role or "", "office": "", "block": block, "district": district, "state": state}
    return {"posting": NOT_LISTED if row.provider == NOT_LISTED else "", **where}


def _providers(connection: Connection) -> tuple[Provider, ...]:
    rows = connection.execute(select(tables.provider).order_by(tables.provider.c.posting))
    return tuple(
        Provider(**{name: value for name, value in row._mapping.items() if name != "posting"}) for row in rows
    )


def _versions(connection: Connection) -> tuple[dict[int, str], dict[str, Layout]]:
    """The names of the form versions by their numbers, and the layouts by these names."""
    names, layouts = {}, {}
    for row in connection.execute(select(tables.form_version)):
        names[row.id] = name = _form_name(row.form_id, row.version)
        layouts[name] = layout_of(marks_from_json(json.loads(row.marks)))
    return names, layouts


def _form_name(form_id: str, version: str) -> str:
    return f"{form_id}/{version}"
