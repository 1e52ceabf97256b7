"""How records of the quarantine are read again from their sealed copies, for those that no longer lie at their source.

A record that still lies there needs none of this: every run tries it again. The copies hold whole records, more than
the store may keep, so they are sealed to the key holders like free text: only their private key opens them, for the
time of one command.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from connector.errors import SkipRecord
from connector.renames import Renames
from connector.seal import open_text
from connector.store import Audited, Counts, Quarantined, Store
from connector.submission import Page, Source, Submission
from connector.sync import with_known_forms

__all__ = ["Replayed", "Rereader", "replay"]


@runtime_checkable
class Rereader(Protocol):
    """A source that understands its own records from a copy."""

    def reread(self, native_id: str, raw: str) -> Submission:
        """The record as it would be read today. Raises SkipRecord when it still cannot be understood."""
        ...


@dataclass(frozen=True)
class Replayed:
    """What became of the quarantine: `counts` of the records that could be read, and those that stay."""

    counts: Counts
    left: tuple[Quarantined, ...]

    @property
    def read(self) -> int:
        """How many records left the quarantine."""
        return self.counts.seen - self.counts.quarantined


def replay(
    store: Store,
    sources: Iterable[Source],
    *,
    private_key: str,
    renames: Renames | None = None,
    now: Callable[[], dt.datetime],
) -> Replayed:
    """Read every sealed copy again; safe to repeat. A record that fails again stays, and stops no other.

    Raises SkipRecord when the key opens none of them, RetryLater and GiveUp when a source must be asked and cannot.
    """
    by_name = {source.name: source for source in sources}
    counts, failures = Counts(), 0
    copies = store.sealed_quarantine()
    for one, sealed in copies:
        try:
            raw = open_text(sealed, private_key)
        except SkipRecord:
            failures += 1
            if failures == len(copies):
                raise
            continue
        source = by_name.get(one.source)
        if source is None:
            continue
        try:
            page = Page((_again(source, one.native_id, raw),))
        except SkipRecord:
            continue
        ready = with_known_forms(store, source, page, renames or {})
        counts += store.record(source.name, ready, now=now())
    left = tuple(store.quarantined())
    done = Replayed(counts, left)
    said = f"{done.read} records could be read, {len(left)} stay in the quarantine."
    store.add_audit(Audited(now().date(), "replay quarantine", said))
    return done


def _again(source: Source, native_id: str, raw: str) -> Submission:
    """A submission out of a copy: kept as one, or as the source sent it."""
    kept = _json(raw)
    if isinstance(kept, dict) and {"form_id", "root_id", "answers"} <= set(kept):
        return _kept(source, native_id, kept)
    if isinstance(source, Rereader):
        return source.reread(native_id, raw)
    raise SkipRecord("The copy of this record cannot be read without its source; run shakti sync.")


def _kept(source: Source, native_id: str, kept: dict[str, Any]) -> Submission:
    changed = kept.get("changed_at")
    return Submission(
        source=source.name,
        native_form=kept["native_form"],
        native_version=kept["native_version"],
        form_id=kept["form_id"],
        form_version=kept["form_version"],
        root_id=kept["root_id"],
        version_id=kept["version_id"],
        changed_at=dt.datetime.fromisoformat(changed) if changed else None,
        mode=kept["mode"],
        collector=kept["collector"],
        review=kept["review"],
        deleted=False,
        answers=kept["answers"],
        native_id=native_id,
    )


def _json(raw: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
