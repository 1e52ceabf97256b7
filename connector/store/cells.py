"""Sufficient statistics of the evaluations that count, by one statement that SQLite and PostgreSQL both understand.

evaluation -> composite (weighted mean of its domains) -> unit (one survivor, provider and quarter: the mean of hers)
-> cell (count, sum and sum of squares for each provider, mode and quarter). What a question is worth comes as a table of
weights from scoring, its place and scale from the form version's marks; nothing about either stands in the statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    CTE,
    Connection,
    Date,
    Float,
    Integer,
    String,
    and_,
    case,
    cast,
    column,
    distinct,
    func,
    or_,
    select,
    values,
)

from connector.ratings import MISSING, Layout
from connector.store import tables
from connector.store.parts import last_day
from xlsforms import Scale

__all__ = ["Cell", "Cells", "Weight", "cells"]

COUNTED = ("none", "approved")


@dataclass(frozen=True)
class Weight:
    """One indicator that applies to a role in a form version, the domain it belongs to, and that domain's weight."""

    form_version: str
    role: str
    indicator: str
    domain: str
    weight: float = 1.0


@dataclass(frozen=True)
class Cell:
    """The units of one provider, mode ("chat", "enumerator", or "both" when hers were in both) and quarter.

    `n` counts them, `total` and `squares` sum their composites (0-100) and the squares of these.
    """

    provider: str
    mode: str
    quarter: str
    n: int
    total: float
    squares: float


@dataclass(frozen=True)
class Cells:
    """The cells, sorted by provider, mode and quarter; `survivors` counts each provider's distinct survivors."""

    cells: tuple[Cell, ...]
    survivors: Mapping[str, int]


def cells(
    connection: Connection,
    weights: Iterable[Weight],
    *,
    versions: Mapping[int, str],
    layouts: Mapping[str, Layout],
    scales: Mapping[str, Mapping[str, Scale]],
    quarters: Collection[str],
    reviews: Sequence[str] = COUNTED,
) -> Cells:
    """See `Store.cells`."""
    items = list(_items(weights, versions, layouts, scales))
    if not items or not quarters:
        return Cells((), {})
    units = _units(_item(items), sorted(quarters), reviews)
    mode = case((units.c.first == units.c.last, units.c.first), else_="both").label("mode")
    value = units.c.value
    found = connection.execute(
        select(
            units.c.provider,
            mode,
            units.c.quarter,
            func.count().label("n"),
            func.sum(value).label("total"),
            func.sum(value * value).label("squares"),
        ).group_by(units.c.provider, mode, units.c.quarter)
    )
    survivors = connection.execute(
        select(units.c.provider, func.count(distinct(units.c.survivor)).label("survivors")).group_by(
            units.c.provider
        )
    )
    rows = sorted((Cell(*row) for row in found), key=lambda one: (one.provider, one.mode, one.quarter))
    return Cells(tuple(rows), {row.provider: row.survivors for row in survivors})


def _items(
    weights: Iterable[Weight],
    versions: Mapping[int, str],
    layouts: Mapping[str, Layout],
    scales: Mapping[str, Mapping[str, Scale]],
) -> Iterable[tuple[Any, ...]]:
    """A row for each weight: where the value stands, and `base + slope * value` on 0-100."""
    numbers = {name: number for number, name in versions.items()}
    slots = {(name, slot.name): slot for name, layout in layouts.items() for slot in layout.slots}
    for one in weights:
        slot, of = slots[one.form_version, one.indicator], scales[one.form_version][one.indicator]
        slope = 100.0 / (of.high - of.low)
        base, slope = (-of.low * slope, slope) if of.best == of.high else (of.high * slope, -slope)
        place = (slot.start + 1, slot.width)  # substr counts from 1
        yield numbers[one.form_version], one.role, one.domain, one.weight, *place, base, slope


def _item(rows: Sequence[tuple[Any, ...]]) -> CTE:
    kinds = {
        "form_version_id": Integer,
        "role": String,
        "domain": String,
        "weight": Float,
        "start": Integer,
        "width": Integer,
        "base": Float,
        "slope": Float,
    }
    return values(*(column(name, kind) for name, kind in kinds.items()), name="item").data(rows).cte("item")


def _units(item: CTE, quarters: Sequence[str], reviews: Sequence[str]) -> CTE:
    """One row for each survivor, provider and quarter: her mean composite, and the modes it came by."""
    heard = _heard(quarters, reviews)
    text = func.nullif(func.trim(func.substr(heard.c.ratings, item.c.start, item.c.width)), MISSING)
    answer = item.c.base + item.c.slope * cast(text, Float)
    domain = (
        select(
            heard.c.id,
            item.c.weight,
            func.avg(answer).label("mean"),
            (2 * func.count(text) >= func.count()).label("enough"),
        )
        .join(item, and_(item.c.form_version_id == heard.c.form_version_id, item.c.role == heard.c.role))
        .group_by(heard.c.id, item.c.domain, item.c.weight)
        .cte("domain")
    )
    enough = and_(domain.c.enough, domain.c.mean.is_not(None))
    weight = func.sum(case((enough, domain.c.weight), else_=0.0))
    composite = (
        select(
            domain.c.id, (func.sum(case((enough, domain.c.weight * domain.c.mean))) / weight).label("value")
        )
        .group_by(domain.c.id)
        .having(weight > 0, 2 * weight >= func.sum(domain.c.weight))
        .cte("composite")
    )
    return (
        select(
            heard.c.provider,
            heard.c.survivor,
            heard.c.quarter,
            func.avg(composite.c.value).label("value"),
            func.min(heard.c.mode).label("first"),
            func.max(heard.c.mode).label("last"),
        )
        .join(composite, composite.c.id == heard.c.id)
        .group_by(heard.c.provider, heard.c.survivor, heard.c.quarter)
        .cte("unit")
    )


def _heard(quarters: Sequence[str], reviews: Sequence[str]) -> CTE:
    """The evaluations that count, with the role of that day: on the roll, not held back, not by the own office."""
    own, posting, roll, collector = tables.submission, tables.provider, tables.issued_code, tables.collector
    ends = [(name, last_day(name)) for name in quarters]
    end = values(column("quarter", String), column("last", Date), name="ends").data(ends).cte("ends")
    day = func.coalesce(own.c.day, end.c.last)
    on_that_day = and_(
        posting.c.name == own.c.provider,
        or_(posting.c.since.is_(None), posting.c.since <= day),
        or_(posting.c.until.is_(None), day <= posting.c.until),
    )
    strangers = or_(
        posting.c.office.is_(None),
        posting.c.office == "",
        collector.c.office.is_(None),
        posting.c.office != collector.c.office,
    )
    return (
        select(
            *(own.c.id, own.c.form_version_id, own.c.provider, own.c.survivor, own.c.quarter, own.c.mode),
            own.c.ratings,
            func.coalesce(posting.c.role, own.c.role, "").label("role"),
        )
        .join(roll, roll.c.survivor == own.c.survivor)
        .join(end, end.c.quarter == own.c.quarter)
        .outerjoin(posting, on_that_day)
        .outerjoin(collector, collector.c.pseudonym == own.c.collector)
        .where(
            own.c.deleted.is_(False),
            own.c.review.in_(reviews),
            own.c.provider.in_(select(posting.c.name)),
            strangers,
        )
        .cte("heard")
    )
