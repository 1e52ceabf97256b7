"""Columns of labels as small numbers: a million rows are compared and counted as arrays, never text by text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bools", "Column", "Floats", "Groups", "Ints", "coded", "distinct", "firsts", "grouped"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """A label for each row: its position in `labels` (distinct and sorted), -1 where there is none."""

    labels: tuple[Any, ...]
    code: Ints

    def __len__(self) -> int:
        return len(self.code)

    def take(self, rows: Bools | Ints) -> Column:
        """These rows, in this order; labels that are left without a row stay."""
        return Column(self.labels, self.code[rows])

    def compact(self) -> Column:
        """The same without labels that no row has: what was left out leaves no trace."""
        used = np.bincount(self.code[self.code >= 0], minlength=len(self.labels)) > 0
        if used.all():
            return self
        labels = tuple(label for label, stays in zip(self.labels, used.tolist(), strict=True) if stays)
        return Column(labels, self.recoded(np.cumsum(used) - 1))

    def filled(self, label: Any) -> Column:
        """The same with this label where there was none."""
        labels = sorted({*self.labels, label})
        number = np.array([labels.index(one) for one in self.labels], dtype=np.int64)
        code = self.recoded(number)
        return Column(tuple(labels), np.where(code < 0, labels.index(label), code))

    def recoded(self, number: Ints) -> Ints:
        """For each row the number of its label, -1 where there is none; `number` has one for each label."""
        return np.append(number, -1)[self.code]

    def equals(self, label: object) -> Bools:
        """Which rows have this label."""
        return self.isin((label,))

    def isin(self, wanted: Collection[object]) -> Bools:
        """Which rows have one of these labels; None stands for no label."""
        return np.array([*(label in wanted for label in self.labels), None in wanted], dtype=bool)[self.code]

    def tolist(self) -> list[Any]:
        """The labels row by row, None where there is none."""
        labels = (*self.labels, None)
        return [labels[code] for code in self.code.tolist()]


def coded(values: Iterable[Any]) -> Column:
    """A column of these labels (all of one sortable type, or None)."""
    listed: Sequence[Any] = values if isinstance(values, list) else list(values)
    labels = sorted(set(listed) - {None})
    position: dict[Any, int] = {label: index for index, label in enumerate(labels)}
    position[None] = -1
    return Column(
        tuple(labels), np.fromiter(map(position.__getitem__, listed), dtype=np.int64, count=len(listed))
    )


@dataclass(frozen=True)
class Groups:
    """Rows with equal keys, one group after another: `order` lists the rows, group g begins at `starts[g]` and has `key[g]`."""

    order: Ints
    starts: Ints
    key: Ints

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> Ints:
        """How many rows each group has."""
        return np.diff(self.starts, append=len(self.order))

    @property
    def number(self) -> Ints:
        """For each row (in its old place) the number of its group."""
        number = np.empty(len(self.order), dtype=np.int64)
        number[self.order] = np.repeat(np.arange(len(self)), self.size)
        return number


def grouped(keys: Ints) -> Groups:
    """The groups in rising order of their keys (all at least 0), the rows of each in their old order."""
    bits = len(keys).bit_length()
    if len(keys) and int(np.max(keys)) < 2 ** (63 - bits):
        # Key and row in one number: sorting numbers is six times as fast as sorting positions.
        packed = np.sort((keys << bits) | np.arange(len(keys)))
        order, ordered = packed & ((1 << bits) - 1), packed >> bits
    else:
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
    starts = firsts(ordered)
    return Groups(order, starts, ordered[starts])


def distinct(keys: Ints) -> Ints:
    """The distinct keys in rising order."""
    ordered = np.sort(keys)
    return ordered[firsts(ordered)]


def firsts(ordered: Ints) -> Ints:
    """Where each run of equal numbers begins."""
    if not len(ordered):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
