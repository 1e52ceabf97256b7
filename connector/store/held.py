"""What the store holds of one source, small enough for a million rows: two numbers for each.

The numbers are Python's own hashes of the names, which differ from process to process and never leave it. Two names
with one hash would hide a change until the next one: among a million rows that happens once in forty million runs.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from connector.seal import Keys
from connector.store import tables
from connector.store.parts import IN_PARTS
from connector.submission import Review

__all__ = ["HeldRows", "held_rows"]

Hashes = NDArray[np.int64]


class Live:
    """The rows a source has shown and not deleted: their root ids, each with its version and review."""

    def __init__(self, names: Hashes, states: Hashes) -> None:
        order = np.argsort(names, kind="stable")
        # An array, not numpy's: to look up one name in it is several times faster.
        self._names = array("q", names[order].tobytes())
        self._states = array("q", states[order].tobytes())

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, root_id: object) -> bool:
        return self.state(str(root_id)) is not None

    def state(self, root_id: str) -> int | None:
        """What stands for version and review, None for a name that is not there."""
        name = hash(root_id)
        place = bisect_left(self._names, name)
        there = place < len(self._names) and self._names[place] == name
        return self._states[place] if there else None

    def missing(self, listing: Iterable[str]) -> int:
        """How many names a listing lacks."""
        listed = np.fromiter(map(hash, listing), dtype=np.int64)
        names = np.frombuffer(self._names, dtype=np.int64) if self._names else np.zeros(0, dtype=np.int64)
        return int(np.count_nonzero(np.isin(names, listed, invert=True)))


@dataclass(frozen=True)
class HeldRows:
    """What the store holds of one source (the protocol `Held`)."""

    keys: Keys
    rows: Live = field(repr=False)
    aside: Mapping[str, str] = field(repr=False)  # keyed hash -> keyed hash of the version
    forms: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows) + len(self.aside)

    def same(self, root_id: str, version_id: str, review: Review) -> bool:
        """Whether exactly this version in this state of review is known."""
        state = self.rows.state(root_id)
        if state is not None:
            return state == hash((version_id, review))
        if not self.aside:
            return False
        version = self.keys.version(version_id, review)
        return any(self.aside.get(self.keys.erasure(form, root_id)) == version for form in self.forms)

    def missing(self, listing: Collection[str]) -> int:
        """How many stored rows a complete listing lacks."""
        return self.rows.missing(listing)


def held_rows(connection: Connection, source: str, keys: Keys) -> HeldRows:
    """What is held of a source."""
    table, seen, aside = tables.submission, tables.sighting, tables.set_aside
    rows = connection.execute(
        select(table.c.root_id, seen.c.version_id, seen.c.review)
        .join(seen, seen.c.submission_id == table.c.id)
        .where(seen.c.source == source, seen.c.deleted.is_(False)),
        execution_options=IN_PARTS,
    )
    names, states = array("q"), array("q")
    for root_id, version_id, review in rows:
        names.append(hash(root_id))
        states.append(hash((version_id, review)))
    refused = connection.execute(select(aside.c.key, aside.c.version).where(aside.c.source == source))
    forms = connection.execute(select(tables.form_version.c.form_id).distinct()).scalars().all()
    return HeldRows(
        keys,
        Live(np.array(names, dtype=np.int64), np.array(states, dtype=np.int64)),
        {row.key: row.version for row in refused},
        tuple(forms),
    )
