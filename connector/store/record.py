"""How a page enters the store: one instance once, whatever brought it, and what is deleted leaves only its identity.

An instance's content belongs to one source, its owner: the sighting with the highest (precedence, server time, name).
So the outcome depends on what was seen and never on the order in which it was seen. The instance is a tombstone
exactly when its owner deleted it.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from sqlalchemy import Connection

from connector.errors import SkipRecord
from connector.evaluation import Evaluation, Refusal, require_name
from connector.seal import Keys
from connector.store import erasing, leftovers
from connector.store.instances import Forms, Known, Plan, Sighting, find, write
from connector.submission import Page, Submission, Unreadable, precedence

__all__ = ["Counts", "record_page"]

LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)
Reason = Refusal | Literal["erased"]


@dataclass(frozen=True)
class Counts:
    """What became of the records of a page or a run.

    `no_consent`, `not_adult`, `practice` and `erased` say why records were `refused`; together they are as many.
    `oldest` is the earliest server time among the new and edited ones: that record waited longest to be read.
    """

    new: int = 0
    edited: int = 0
    unchanged: int = 0
    deleted: int = 0
    refused: int = 0
    quarantined: int = 0
    no_consent: int = field(default=0, compare=False)
    not_adult: int = field(default=0, compare=False)
    practice: int = field(default=0, compare=False)
    erased: int = field(default=0, compare=False)
    oldest: dt.datetime | None = field(default=None, compare=False)

    @property
    def seen(self) -> int:
        """All records that were looked at."""
        return self.new + self.edited + self.unchanged + self.deleted + self.refused + self.quarantined

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = self.numbers(), other.numbers()
        oldest = min((one.oldest for one in (self, other) if one.oldest), default=None)
        return Counts(**{name: mine[name] + theirs[name] for name in mine}, oldest=oldest)

    def numbers(self) -> dict[str, Any]:
        """Every count by its name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "oldest"}


def record_page(
    connection: Connection, source: str, page: Page, *, forms: Forms, keys: Keys, today: dt.date
) -> Counts:
    """Everything of a page, within the caller's transaction. `forms` holds every form version the page names."""
    counts = Counts()
    leftovers.name_forms(connection, source, page, forms)
    named, nameless = _by_name(page.submissions)
    counts += Counts(quarantined=leftovers.quarantine(connection, nameless, keys, today))
    for batch in _each_instance_once(named):
        counts += _record_batch(connection, source, batch, forms=forms, keys=keys, today=today)
    counts += Counts(quarantined=leftovers.quarantine(connection, page.unreadable, keys, today))
    leftovers.release(connection, source, page.settled)
    for withdrawal in page.withdrawals:
        counts += Counts(deleted=leftovers.withdraw(connection, withdrawal, keys, today))
    if page.listing is not None:
        counts += Counts(deleted=leftovers.delete_unlisted(connection, source, page.listing, keys))
    if page.cursor is not None:
        leftovers.save_cursor(connection, source, page.cursor)
    return counts


def _by_name(submissions: Iterable[Submission]) -> tuple[list[Submission], list[Unreadable]]:
    """Submissions whose ids can be ids, and the others for the quarantine."""
    named: list[Submission] = []
    nameless: list[Unreadable] = []
    for one in submissions:
        try:
            require_name(one.root_id, "The instance id")
            if one.version_id != one.root_id:
                require_name(one.version_id, "The instance id")
            named.append(one)
        except SkipRecord as error:
            nameless.append(leftovers.unreadable(one, error))
    return named, nameless


def _each_instance_once(submissions: Iterable[Submission]) -> Iterator[list[Submission]]:
    """The submissions in order, cut so that no batch holds an instance (or one of its versions) twice."""
    batch: list[Submission] = []
    names: set[str] = set()
    for one in submissions:
        own = {one.root_id, one.version_id}
        if own & names:
            yield batch
            batch, names = [], set()
        batch.append(one)
        names |= own
    if batch:
        yield batch


def _record_batch(
    connection: Connection,
    source: str,
    batch: Sequence[Submission],
    *,
    forms: Forms,
    keys: Keys,
    today: dt.date,
) -> Counts:
    known = find(connection, batch)
    everywhere = leftovers.set_aside_versions(connection, batch, keys)
    aside = {name: found[source] for name, found in everywhere.items() if source in found}
    gone = leftovers.erased(connection, batch, forms, keys)
    if gone:
        here = [one for one in batch if (one.form_id, one.root_id) in gone]
        erasing.note_arrivals(connection, here, keys, today)
    plan, tally, seal = Plan(), _Tally(), keys.sealer().seal
    for one in batch:
        key = (one.form_id, one.root_id)
        reader = forms[one.form_id, one.form_version][1]
        refused: Reason | None = "erased" if key in gone else None
        try:
            if refused is None and (one.answers or not one.deleted):
                refused = reader.refusal(one)
            if refused is None and everywhere:
                refused = _refused_above(one, everywhere.get(keys.erasure(*key), ()))
            same = not one.deleted and _is_set_aside(aside, one, keys)
            # A row is not looked into any further when it is refused, deleted, or was set aside as it is.
            evaluation = None if refused or one.deleted or same else reader.read(one, seal)
        except SkipRecord as error:
            plan.unreadable.append(leftovers.unreadable(one, error))
            continue
        if refused:
            _refuse(plan, one, known.get(key), "unchanged" if same else refused, tally)
        elif same:
            plan.set_aside.append(one)
            tally.add("unchanged")
        else:
            plan.accepted.append(one)
            _accept(plan, one, known.get(key), evaluation, tally)
    write(connection, plan, forms)
    leftovers.write_set_aside(connection, source, plan, keys, aside)
    return tally.counts() + Counts(quarantined=leftovers.quarantine(connection, plan.unreadable, keys, today))


def _is_set_aside(aside: Mapping[str, str], one: Submission, keys: Keys) -> bool:
    """Whether exactly this version was refused or forgotten before."""
    if not aside:
        return False
    version = aside.get(keys.erasure(one.form_id, one.root_id))
    return version is not None and version == keys.version(one.version_id, one.review)


def _refused_above(one: Submission, sources: Iterable[str]) -> Reason | None:
    """She said no where it counts more, and no row tells of that: the file from before does not count either."""
    above = any(precedence(source) > precedence(one.source) for source in sources)
    return "no_consent" if above else None


class _Tally:
    """Counts while a batch is looked at: making `Counts` anew for each record took longer than storing it."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()
        self._oldest: dt.datetime | None = None

    def add(self, what: str, moment: dt.datetime | None = None) -> None:
        self._of[what] += 1
        if moment is not None and (self._oldest is None or moment < self._oldest):
            self._oldest = moment

    def counts(self) -> Counts:
        return Counts(**self._of, oldest=self._oldest)


def _refuse(
    plan: Plan, one: Submission, known: Known | None, what: Reason | Literal["unchanged"], tally: _Tally
) -> None:
    """Put a submission that may not be stored into the plan; what was stored of it goes."""
    # What is deleted is not among the rows that its source counts: it need not be known again.
    (plan.accepted if one.deleted else plan.set_aside).append(one)
    if known is not None:
        _accept(plan, replace(one, deleted=True), known, None, _Tally())
    tally.add(what)
    if what != "unchanged":
        tally.add("refused")


def _accept(
    plan: Plan, one: Submission, known: Known | None, evaluation: Evaluation | None, tally: _Tally
) -> None:
    """Put one submission into the plan, and count what it is."""
    if known is None:
        plan.inserts.append((one, evaluation))
        return tally.add("deleted") if one.deleted else tally.add("new", one.changed_at)
    before = known.sightings.get(one.source)
    now = Sighting(one.version_id, one.review, one.changed_at, one.deleted)
    same_words = before is not None and replace(before, changed_at=None) == replace(now, changed_at=None)
    if same_words and not _is_later(now, before):
        return tally.add("unchanged")
    if not _owns(one, known) or (same_words and one.source == known.owner):
        plan.seen_again.append((known, one))
        return tally.add("deleted" if one.deleted and before is not None and not same_words else "unchanged")
    plan.updates.append((known, one, evaluation))
    if one.deleted:
        return tally.add("unchanged" if known.deleted else "deleted")
    same = any(seen.version_id == one.version_id for seen in known.sightings.values())
    if same and before is None:
        return tally.add("unchanged")
    return tally.add("edited", one.changed_at)


def _is_later(now: Sighting, before: Sighting | None) -> bool:
    """Whether a source touched the record since, though it says the same: that can make it the one that counts."""
    if before is None or now.changed_at is None:
        return False
    return now.changed_at > (before.changed_at or LONG_AGO)


def _owns(one: Submission, known: Known) -> bool:
    """Whether the content is (or becomes) the submission's source's: a pure rule over sightings."""
    if one.source == known.owner:
        return True
    owner = known.sightings[known.owner]
    return _rank(one.source, one.changed_at) > _rank(known.owner, owner.changed_at)


def _rank(source: str, changed_at: dt.datetime | None) -> tuple[int, dt.datetime, str]:
    return precedence(source), changed_at or LONG_AGO, source
