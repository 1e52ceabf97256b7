"""What clerks and the scheduler ask of the store: erasures, codes taken back, the audit, the heartbeat."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select

from connector.evaluation import Reader
from connector.seal import Keys
from connector.store import clock, desk_tables, erasing, ledger, leftovers, tables
from connector.store.engine import reader, writer
from connector.store.erasing import Erasures, Task, Wish
from connector.store.ledger import Run, SourceHealth
from connector.store.parts import chunks, utc
from connector.submission import Submission

__all__ = ["Audited", "Beat", "Desk", "Quarantined"]

SCHEDULER = "scheduler"


@dataclass(frozen=True)
class Audited:
    """What a person did to the store, in one sentence without anybody's identity."""

    day: dt.date
    action: str
    said: str


@dataclass(frozen=True)
class Beat:
    """The scheduler's last turn: when it began, when it finished (None: it runs, or was cut off), and its pause."""

    began: dt.datetime
    finished: dt.datetime | None
    every_minutes: int


@dataclass(frozen=True)
class Quarantined:
    """A record that waits in the quarantine; its content is sealed and not shown, and after a while not kept."""

    source: str
    native_id: str
    reason: str
    day: dt.date
    kept: bool = True


class Desk:
    """The part of the store's public face behind the clerk's commands; each call is one transaction."""

    _engine: Engine
    _keys: Keys
    _forms: dict[tuple[str, str], tuple[int, Reader]]

    # erasure

    def wished(self, wish: Wish, *, today: dt.date) -> Erasures:
        """A survivor's wish as keyed hashes; nothing is done yet."""
        return erasing.wished(wish, self._keys, today)

    def erase(self, wanted: Erasures, *, today: dt.date) -> int:
        """Take out of the store what these hashes name, and keep it out for ever; how many instances that were."""
        with writer(self._engine) as connection:
            return erasing.remember(connection, wanted, self._keys, today)

    def erasures(self) -> Erasures:
        """Everything that must never be stored again, as keyed hashes."""
        with reader(self._engine) as connection:
            return erasing.erasures(connection)

    def storable(self, batch: Sequence[Submission]) -> list[Submission]:
        """Those of a stored page's submissions that may be kept: neither refused nor erased."""
        known = [one for one in batch if (one.form_id, one.form_version) in self._forms]
        with reader(self._engine) as connection:
            gone = leftovers.erased(connection, known, self._forms, self._keys)
        return [
            one
            for one in known
            if (one.form_id, one.root_id) not in gone
            and self._forms[one.form_id, one.form_version][1].refusal(one) is None
        ]

    def erasure_tasks(self) -> list[Task]:
        """What was erased here and still lies at a source."""
        with reader(self._engine) as connection:
            return erasing.tasks(connection)

    def finish_erasure(self, task: Task) -> None:
        """It is deleted at the source too."""
        with writer(self._engine) as connection:
            erasing.finish_task(connection, task)

    def fail_erasure(self, task: Task, reason: str) -> None:
        """It could not be deleted at the source; `reason` says what a person can do."""
        with writer(self._engine) as connection:
            erasing.fail_task(connection, task, reason)

    def confirm_erasures(self, source: str, listing: Collection[str]) -> int:
        """Finish the tasks that a source's complete listing of root ids no longer shows; how many there were."""
        with writer(self._engine) as connection:
            return erasing.confirm_deleted(connection, source, listing, self._keys)

    def erasure_hash(self, form_id: str, root_id: str) -> str:
        """How an erased instance is remembered."""
        return self._keys.erasure(form_id, root_id)

    def fingerprint(self) -> str:
        """Which pseudonym key the store's hashes were made with."""
        return self._keys.fingerprint()

    # the ledger

    def add_run(self, run: Run) -> None:
        """Write a whole line of the ledger at once."""
        with writer(self._engine) as connection:
            ledger.add(connection, run)

    def begin_run(self, source: str, started: dt.datetime) -> int:
        """Open the line of a run in the ledger; its number, for `record` and `finish_run`."""
        with writer(self._engine) as connection:
            return ledger.begin(connection, source, started)

    def finish_run(self, line: int, run: Run) -> None:
        """Close the line of a run."""
        with writer(self._engine) as connection:
            ledger.finish(connection, line, run)

    def runs(self, limit: int = 20) -> list[Run]:
        """The ledger's last lines, newest first."""
        with reader(self._engine) as connection:
            return ledger.last(connection, limit)

    def gone_since(self, source: str, moment: dt.datetime) -> int:
        """How many stored records the source deleted since then, or since a person last let it delete many."""
        with reader(self._engine) as connection:
            return ledger.gone_since(connection, source, moment)

    def source_health(self) -> dict[str, SourceHealth]:
        """How each source that was ever read stands."""
        with reader(self._engine) as connection:
            return ledger.health(connection)

    # the quarantine

    def quarantined(self) -> list[Quarantined]:
        """What waits in the quarantine, by source and name."""
        return [one for one, _ in self._quarantine()]

    def sealed_quarantine(self) -> list[tuple[Quarantined, bytes]]:
        """What waits in the quarantine and still has its copy, sealed to the key holders."""
        return [(one, sealed) for one, sealed in self._quarantine() if one.kept]

    def _quarantine(self) -> list[tuple[Quarantined, bytes]]:
        table = tables.quarantine
        with reader(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.source, table.c.native_id))
            return [
                (Quarantined(row.source, row.native_id, row.reason, row.day, bool(row.sealed)), row.sealed)
                for row in rows
            ]

    # codes

    def issue_codes(self, codes: Collection[str]) -> bool:
        """Put new codes on the roll, all or none: False when one of them was ever issued before."""
        issued, revoked = tables.issued_code, desk_tables.revoked_code
        fresh = {self._keys.survivor(code) for code in codes}
        with writer(self._engine) as connection:
            for some in chunks(fresh):
                for table in (issued, revoked):
                    if connection.execute(select(table).where(table.c.survivor.in_(some))).first():
                        return False
            connection.execute(insert(issued), [{"survivor": survivor} for survivor in sorted(fresh)])
        return True

    def revoke_codes(self, codes: Iterable[str]) -> int:
        """Take codes off the roll: their evaluations become unverified. How many were on it."""
        issued, revoked = tables.issued_code, desk_tables.revoked_code
        count = 0
        with writer(self._engine) as connection:
            for some in chunks({self._keys.survivor(code) for code in codes}):
                found = connection.execute(select(issued.c.survivor).where(issued.c.survivor.in_(some)))
                rows = [{"survivor": survivor} for survivor in found.scalars()]
                if rows:
                    connection.execute(delete(issued).where(issued.c.survivor.in_(some)))
                    connection.execute(insert(revoked), rows)
                count += len(rows)
        return count

    # the clock

    def note_day(self, day: dt.date) -> None:
        """A server said that it is this day."""
        with reader(self._engine) as connection:
            known = clock.newest_day(connection)
        if known is None or day > known:
            with writer(self._engine) as connection:
                clock.note_day(connection, day)

    def clock_doubt(self, now: dt.datetime) -> str | None:
        """Why nothing is forgotten now, in a sentence; None when the clock can be right."""
        with reader(self._engine) as connection:
            return clock.doubt(connection, now.date())

    # audit and heartbeat

    def add_audit(self, one: Audited) -> None:
        """Write down what a person did."""
        with writer(self._engine) as connection:
            row = {"day": one.day, "action": one.action, "said": one.said}
            connection.execute(insert(desk_tables.audit).values(**row))

    def audit(self, limit: int = 100) -> list[Audited]:
        """What people did, newest first."""
        table = desk_tables.audit
        with reader(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.id.desc()).limit(limit))
            return [Audited(row.day, row.action, row.said) for row in rows]

    def beat(self, one: Beat) -> None:
        """The scheduler begins or finishes a turn."""
        table = desk_tables.heartbeat
        row = {
            "name": SCHEDULER,
            "began": utc(one.began),
            "finished": utc(one.finished) if one.finished else None,
            "every_minutes": one.every_minutes,
        }
        with writer(self._engine) as connection:
            connection.execute(delete(table).where(table.c.name == SCHEDULER))
            connection.execute(insert(table).values(**row))

    def last_beat(self) -> Beat | None:
        """The scheduler's last turn; None when it never ran."""
        table = desk_tables.heartbeat
        with reader(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.name == SCHEDULER)).first()
        if row is None:
            return None
        return Beat(utc(row.began), utc(row.finished) if row.finished else None, row.every_minutes)
