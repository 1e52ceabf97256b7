"""The store's public face: what the rest of the project asks of the database, each in one transaction."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from connector.errors import GiveUp
from connector.evaluation import Reader
from connector.registry import Registry
from connector.seal import Keys
from connector.store import clock, deployments, ledger, reading, tables
from connector.store.cells import COUNTED, Cells, Weight
from connector.store.columns import Columns
from connector.store.deployments import Deployment
from connector.store.desk import Desk
from connector.store.engine import BUSY_SECONDS, migrate, open_engine, reader, writer
from connector.store.held import HeldRows, held_rows
from connector.store.parts import chunks
from connector.store.record import Counts, record_page
from connector.store.retention import COPIES, Forgotten, forget
from connector.submission import FormVersion, Page
from xlsforms import Scale, marks_from_json, marks_to_json

__all__ = ["Store"]


class Store(Desk):
    """The database of evaluations behind `url` (SQLAlchemy). Call `migrate` once before use; close at the end.

    `keys` make pseudonyms and seal texts; they are not kept in the database. Database errors arrive as RetryLater, also
    when another connector writes for longer than `busy_seconds`.
    """

    def __init__(self, url: str, *, keys: Keys, busy_seconds: float = BUSY_SECONDS) -> None:
        self._keys = keys
        self._engine = open_engine(url, busy_seconds=busy_seconds)
        self._forms: dict[tuple[str, str], tuple[int, Reader]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database; SQLite's write-ahead log is emptied, so that nothing deleted stays in it."""
        if self._engine.dialect.name == "sqlite":
            with suppress(SQLAlchemyError, sqlite3.Error):
                raw = self._engine.raw_connection()
                try:
                    raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    raw.close()
        self._engine.dispose()

    def migrate(self) -> None:
        """Make the tables, or bring those of an earlier version up to date."""
        migrate(self._engine)

    # what enters

    def record(
        self, source: str, page: Page, *, now: dt.datetime, share: ledger.Share | None = None
    ) -> Counts:
        """A page, its cursor, its `share` of the run's line and everything that follows from it, in one transaction.

        Every form version of the page must be known (`knows_form`, `add_form`).
        """
        for form in {(one.form_id, one.form_version) for one in page.submissions}:
            self.knows_form(*form)
        with writer(self._engine) as connection:
            counts = record_page(
                connection, source, page, forms=self._forms, keys=self._keys, today=now.date()
            )
            if share is not None:
                ledger.grow(connection, share, counts)
            return counts

    def knows_form(self, form_id: str, version: str) -> bool:
        """Whether the marks of this form version are stored."""
        if (form_id, version) in self._forms:
            return True
        table = tables.form_version
        with reader(self._engine) as connection:
            row = connection.execute(
                select(table).where(table.c.form_id == form_id, table.c.version == version)
            ).first()
        if row is None:
            return False
        marks = tuple(marks_from_json(json.loads(row.marks)))
        form = FormVersion(form_id, version, marks, row.xform)
        self._forms[form_id, version] = (row.id, Reader(form, self._keys))
        return True

    def add_form(self, form: FormVersion) -> None:
        """Keep a form version. The first description of a version stays."""
        table = tables.form_version
        with writer(self._engine) as connection:
            known = connection.execute(
                select(table.c.id).where(table.c.form_id == form.form_id, table.c.version == form.version)
            ).first()
            if known is None:
                marks = json.dumps(marks_to_json(form.marks), ensure_ascii=False)
                connection.execute(
                    insert(table).values(
                        form_id=form.form_id, version=form.version, marks=marks, xform=form.xform
                    )
                )

    def form(self, form_id: str, version: str) -> FormVersion | None:
        """What is known of a form version; None when it was never seen."""
        return self._forms[form_id, version][1].form if self.knows_form(form_id, version) else None

    def deployment(self, target: str, form_id: str) -> Deployment | None:
        """What was last put into service on a platform."""
        with reader(self._engine) as connection:
            return deployments.last(connection, target, form_id)

    def keep_deployment(self, one: Deployment) -> None:
        """Remember what is in service now, or (`finished` false) that writing to the platform begins."""
        with writer(self._engine) as connection:
            deployments.keep(connection, one)

    def add_codes(self, codes: Iterable[str]) -> int:
        """Put survivor codes on the roll, as pseudonyms; how many were new."""
        table, fresh = tables.issued_code, 0
        with writer(self._engine) as connection:
            for some in chunks({self._keys.survivor(code) for code in codes}):
                known = set(
                    connection.execute(select(table.c.survivor).where(table.c.survivor.in_(some))).scalars()
                )
                rows = [{"survivor": survivor} for survivor in some if survivor not in known]
                fresh += len(rows)
                if rows:
                    connection.execute(insert(table), rows)
        return fresh

    def set_registry(self, registry: Registry) -> None:
        """Replace the registry; collectors are kept by pseudonym."""
        postings = [{**asdict(one), "posting": one.posting} for one in registry.providers]
        collectors = [
            {"pseudonym": self._keys.collector(one.code), "office": one.office} for one in registry.collectors
        ]
        with writer(self._engine) as connection:
            for table, rows in ((tables.provider, postings), (tables.collector, collectors)):
                connection.execute(delete(table))
                if rows:
                    connection.execute(insert(table), rows)

    def forget(
        self, now: dt.datetime, *, believe_clock: bool = False, copies: dt.timedelta = COPIES
    ) -> Forgotten:
        """Forget what is old enough: to be called at the end of every run. GiveUp when the clock is too far ahead.

        The exact day and the sealed texts of an evaluation go after 90 days; the whole row goes 15 months after the
        beginning of its quarter, so that the running quarter and the four before it stay. What its sources still show is
        remembered by keyed hash and not stored again. The quarantine keeps sealed copies for `copies`. On PostgreSQL the space is overwritten by its next vacuum.
        """
        with writer(self._engine) as connection:
            doubt = None if believe_clock else clock.doubt(connection, now.date())
            if doubt:
                raise GiveUp(doubt)
            clock.note_day(connection, now.date())
            return forget(connection, self._keys, now.date(), copies)

    # what a run needs to know

    def cursor(self, source: str) -> dict[str, Any] | None:
        """Where the source's last committed page ended."""
        table = tables.cursor
        with reader(self._engine) as connection:
            value = connection.execute(select(table.c.value).where(table.c.source == source)).scalar()
        found: dict[str, Any] | None = json.loads(value) if value else None
        return found

    def held(self, source: str) -> HeldRows:
        """What is held of a source, for its sweep to compare with."""
        with reader(self._engine) as connection:
            return held_rows(connection, source, self._keys)

    # what comes out

    def evaluations(self, since_quarter: str | None = None) -> list[dict[str, Any]]:
        """One dict for each evaluation of a provider that is not deleted, of `since_quarter` ("2026Q4") and later.

        evaluation (int), form_version ("form/version"), provider, posting, role, office, block, district, state (the
        registry's on that day), quarter, day (date or None), seconds, mode, verified, survivor, collector
        (pseudonyms or None), own_office, review, flags (names), values {indicator: raw coded value}.
        """
        with reader(self._engine) as connection:
            return reading.evaluations(connection, since_quarter)

    def columns(self, since_quarter: str | None = None) -> Columns:
        """What `evaluations` gives, column by column: the fast way to a large store (see `Columns`)."""
        with reader(self._engine) as connection:
            return reading.columns(connection, since_quarter)

    def cells(
        self, weights: Iterable[Weight], *, quarters: Collection[str], reviews: Sequence[str] = COUNTED
    ) -> Cells:
        """Count, sum and sum of squares for each provider of the registry, mode and quarter, over units.

        A unit is one survivor, provider and quarter: the mean composite of hers. Only survivors on the roll, evaluations in one
        of `quarters` with one of these `reviews`, and not those that the provider's own office took. `weights` says which
        indicators apply to a role in a form version, and to which domain they belong; a domain is the mean of its
        indicators if at least half of them were answered, the composite the weighted mean of the domains if at least half of
        the weight is there.
        """
        with reader(self._engine) as connection:
            return reading.cells(connection, weights, quarters=quarters, reviews=reviews)

    def scales(self) -> dict[str, dict[str, Scale]]:
        """{form_version: {indicator: Scale}}, form versions named as in `evaluations`."""
        with reader(self._engine) as connection:
            return reading.scales(connection)

    def services(self) -> list[dict[str, Any]]:
        """One dict for each service of each check-in: survivor, verified, block, mode, review, service, needed, asked,
        received, month ("2026-11"), days_to_order, days_to_payment (int or None)."""
        with reader(self._engine) as connection:
            return reading.services(connection)

    def providers(self) -> list[dict[str, Any]]:
        """The registry's postings: posting, name, label(_bn|_hi|_en), kind, office, role, block, district, state,
        since, until, served."""
        with reader(self._engine) as connection:
            return reading.providers(connection)

    def registry(self) -> Registry:
        """The registry as it is stored, without collectors' codes."""
        with reader(self._engine) as connection:
            return reading.registry_of(connection)

    def unverified_counts(self) -> dict[tuple[str, str], int]:
        """{(role, block): evaluations whose code is not on the roll}."""
        with reader(self._engine) as connection:
            return reading.unverified_counts(connection)

    def sightings_summary(self) -> dict[tuple[str, ...], int]:
        """{kinds of source that saw it, such as ("collect", "kobo"): how many}; they add up to the instances stored."""
        with reader(self._engine) as connection:
            return reading.sightings_summary(connection)
