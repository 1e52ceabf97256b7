"""Quarters of the calendar: reading '2026-Q4' (or '2026Q4') and counting back from it."""

from __future__ import annotations

import re

from scoring.errors import TableError

__all__ = ["number", "window"]

_QUARTER = re.compile(r"(\d{4})(-?)Q([1-4])")


def number(label: str) -> int:
    """The quarter as a running number, so that consecutive quarters differ by one. TableError if it is not a quarter."""
    year, _, quarter = _parts(label)
    return year * 4 + quarter - 1


def window(last: str, *, length: int) -> tuple[str, ...]:
    """The `length` quarters that end with `last`, oldest first, written the way `last` is written."""
    _, dash, _ = _parts(last)
    end = number(last)
    return tuple(f"{index // 4:04d}{dash}Q{index % 4 + 1}" for index in range(end - length + 1, end + 1))


def _parts(label: str) -> tuple[int, str, int]:
    found = _QUARTER.fullmatch(label)
    if found is None:
        raise TableError(f"'{label}' is not a quarter; write it as 2026-Q4")
    return int(found[1]), found[2], int(found[3])
