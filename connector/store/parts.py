"""Two small differences between databases: how many values one statement takes, and how a time comes back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["chunks", "utc"]

MOST_VALUES = 500

Value = TypeVar("Value")


def chunks(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values in lists of at most 500; nothing for nothing."""
    every = list(values)
    for start in range(0, len(every), MOST_VALUES):
        yield every[start : start + MOST_VALUES]


def utc(moment: dt.datetime) -> dt.datetime:
    """A stored time as it was meant: SQLite forgets the zone, PostgreSQL answers in the session's."""
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
