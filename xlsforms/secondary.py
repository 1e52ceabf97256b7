"""The lists a form chooses from: rows of text with shared hash indexes, and filtered views of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .coercion import Value, to_truth

Row = tuple[str, ...]
Index = dict[tuple[str, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Table:
    """A secondary instance: `file` is the attachment's name, or None for a list inside the form."""

    id: str
    file: str | None
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    _indexes: dict[tuple[str, ...], Index] = field(default_factory=dict, compare=False, repr=False)

    def place(self, column: str) -> int | None:
        """Where a column stands in a row; None when the list has no such column."""
        try:
            return self.columns.index(column)
        except ValueError:
            return None

    def index(self, columns: tuple[str, ...]) -> Index:
        """Row numbers by the values of these columns. Made on first use and shared by all questions."""
        found = self._indexes.get(columns)
        if found is None:
            found = self._indexes[columns] = self._build(columns)
        return found

    def _build(self, columns: tuple[str, ...]) -> Index:
        places = [self.place(column) for column in columns]
        collected: dict[tuple[str, ...], list[int]] = {}
        for number, row in enumerate(self.rows):
            key = tuple("" if place is None else row[place] for place in places)
            collected.setdefault(key, []).append(number)
        return {key: tuple(numbers) for key, numbers in collected.items()}


class Branch(NamedTuple):
    """One alternative of a filter: columns that must equal computed text, and what is left to check."""

    columns: tuple[str, ...]
    keys: tuple[Callable[[Any], Value], ...]
    rest: Callable[[Any], Value] | None


class Query(NamedTuple):
    """A list and its filters, e.g. `instance('block')/root/item[district = /data/district]`.

    `branches` is the first filter as alternatives that an index answers; () when it has no such form.
    """

    table: Table
    filters: tuple[Callable[[Any], Value], ...] = ()
    branches: tuple[Branch, ...] = ()

    def numbers(self, run: Any) -> Sequence[int]:
        """The numbers of the rows that pass all filters, in the list's order."""
        if not self.filters:
            return range(len(self.table.rows))
        outer_row, outer_place = run.row, run.place  # a filter may itself read another list
        try:
            first = self._first(run)
            for keep in self.filters[1:]:
                first = self._kept(run, keep, first)
            return first
        finally:
            run.row, run.place = outer_row, outer_place

    def offers(self, run: Any, column: str, value: str) -> bool:
        """Whether a row with this value in this column passes the filters."""
        wanted = self.table.index((column,)).get((value,), ())
        if not self.filters or not wanted:
            return bool(wanted)
        return not set(wanted).isdisjoint(self.numbers(run))

    def _first(self, run: Any) -> Sequence[int]:
        found = self._by_index(run)
        return found if found is not None else self._kept(run, self.filters[0], range(len(self.table.rows)))

    def _by_index(self, run: Any) -> Sequence[int] | None:
        """None when a key is no text (numbers compare by value: '01' = 1), so that every row is tried."""
        if not self.branches:
            return None
        hits: list[Sequence[int]] = []
        for branch in self.branches:
            key = tuple([read(run) for read in branch.keys])
            if any(part.__class__ is not str for part in key):
                return None
            numbers: Sequence[int] = self.table.index(branch.columns).get(key, ())  # type: ignore[arg-type]
            hits.append(self._kept(run, branch.rest, numbers) if branch.rest else numbers)
        return hits[0] if len(hits) == 1 else sorted(set().union(*hits))

    def _kept(self, run: Any, keep: Callable[[Any], Value], numbers: Sequence[int]) -> Sequence[int]:
        return list(self._passing(run, keep, numbers))

    def _passing(self, run: Any, keep: Callable[[Any], Value], numbers: Sequence[int]) -> Iterator[int]:
        rows = self.table.rows
        run.spend(len(numbers))
        for place, number in enumerate(numbers, start=1):
            run.row, run.place = rows[number], place
            verdict = keep(run)
            # A number in brackets is a position, anything else a condition.
            if verdict == place if verdict.__class__ is float else to_truth(verdict):
                yield number
