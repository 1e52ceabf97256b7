"""Small things about values: how many one statement takes, how a time comes back, when a quarter ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["IN_PARTS", "chunks", "last_day", "utc"]

MOST_VALUES = 500
IN_PARTS = {"yield_per": 5000}
"""An execution option: rows are fetched as they are used, so that a long answer is never in memory whole."""

Value = TypeVar("Value")


def chunks(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in lists of at most 500; nothing for nothing."""
    every = list(values)
    for start in range(0, len(every), MOST_VALUES):
        yield every[start : start + MOST_VALUES]


def utc(moment: dt.datetime) -> dt.datetime:
    """A stored time as it was meant: SQLite forgets the zone, PostgreSQL answers in the session's."""
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def last_day(quarter: str) -> dt.date:
    """The last day of "2026Q4". The exact day is dropped after some weeks; the posting then is the best known."""
    year, number = int(quarter[:4]), int(quarter[5])
    return dt.date(year + number // 4, number % 4 * 3 + 1, 1) - dt.timedelta(days=1)
