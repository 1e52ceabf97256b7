"""One run over all sources: pages into the store, then each source's sweep; a failing source never stops the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from connector.erasure_list import ErasureList
from connector.errors import ConnectorError, GiveUp, RetryLater, SkipRecord
from connector.renames import Renames, renamed
from connector.store import Counts, Run, Share, Store
from connector.store.leftovers import unreadable
from connector.store.retention import COPIES
from connector.submission import Page, Source, Submission, Unreadable, precedence

__all__ = ["Loss", "RunReport", "sync", "with_known_forms"]

MOST_DELETED = 0.2  # a larger loss is a changed permission or a wrong project far more often than a clean-up
LOSS_WINDOW = dt.timedelta(
    days=1
)  # a fifth at every turn of the scheduler would be everything by the evening
PLATFORM = 3  # the precedence of those that count their records in a sweep

Clock = Callable[[], dt.datetime]
Progress = Callable[[str, Counts], None]


@dataclass(frozen=True)
class RunReport:
    """What a run did with one source. `error` is a sentence, None when all went well."""

    source: str
    started: dt.datetime
    finished: dt.datetime
    counts: Counts
    error: ConnectorError | None = None
    expected: int | None = None

    @property
    def ok(self) -> bool:
        """Whether the source was read to its end."""
        return self.error is None


@dataclass(frozen=True)
class Loss:
    """More records than a clean-up explains are gone from a source: `gone` of `known`, within a day."""

    source: str
    gone: int
    known: int


@runtime_checkable
class Dated(Protocol):
    """A source whose server says what time it is: the only clock beside our own."""

    @property
    def server_time(self) -> dt.datetime | None:
        """What the server's clock said last."""
        ...


@runtime_checkable
class Forgetful(Protocol):
    """A source that keeps something for a while only."""

    def forget(self, today: dt.date) -> int:
        """Delete there what is old enough; how much that was."""
        ...


@dataclass(frozen=True)
class _Ways:
    """How a run is to be made: everything `sync` was told beside store and sources."""

    now: Clock
    allows: Callable[[Loss], bool]
    progress: Progress | None
    erasures: ErasureList | None
    renames: Renames
    stopping: Callable[[], bool]


@dataclass
class _Losses:
    """How many of a source's records are gone within a day, and whether a person believes it."""

    source: str
    known: int
    before: int
    allows: Callable[[Loss], bool]
    gone: int = 0
    page: int = 0  # of the page that is under way
    allowed: bool = False

    def check(self, page: int, *, nothing_left: bool = False) -> None:
        """Raise GiveUp when so many of a page's records, and those of the day, are too many and nobody believes it."""
        self.page = page
        gone = self.gone + page
        if not gone or self.allowed:
            return
        loss = Loss(self.source, self.before + gone, self.before + self.known)
        # A single deletion is always believed: of three rows it would be a third.
        too_many = loss.gone > 1 and loss.gone > MOST_DELETED * loss.known
        if not (too_many or nothing_left):
            return
        self.allowed = self.allows(loss)
        if not self.allowed:
            raise GiveUp(_refusal(loss, nothing_left=nothing_left))

    def stored(self) -> None:
        """The page that was under way is in the store."""
        self.gone, self.page = self.gone + self.page, 0


@dataclass
class _Reading:
    """What a run learnt of one source so far."""

    losses: _Losses
    counts: Counts = field(default_factory=Counts)
    expected: int | None = None
    line: int | None = None  # of the ledger


def sync(
    store: Store,
    sources: Iterable[Source],
    *,
    now: Clock,
    allow_deletions: bool | Callable[[Loss], bool] = False,
    progress: Progress | None = None,
    erasures: ErasureList | None = None,
    renames: Renames | None = None,
    stopping: Callable[[], bool] = lambda: False,
    believe_clock: bool = False,
    copies: dt.timedelta = COPIES,
    warn: Callable[[str], None] = lambda _sentence: None,
) -> tuple[RunReport, ...]:
    """Bring the store up to date with every source; safe to repeat at any point.

    `now` gives aware time. `progress` is called with the source's name and the counts so far after each page.
    `allow_deletions` says whether more than 20 % of a source's rows may be deleted, or asks a person. `erasures` is
    kept in step with what survivors take back. `stopping` is asked after each page and source: the run then ends there. Errors of
    a source end in its report and in the ledger. At the end store and sources forget what is old enough (`copies`: how long
    the quarantine's are kept); where our clock is too far ahead of all that servers and runs have shown, nothing is forgotten
    and `warn` is told, unless `believe_clock`.
    """
    every = tuple(sources)
    names = [source.name for source in every]
    if len(set(names)) < len(names):
        raise ValueError(f"every source needs a name of its own, such as 'kobo:<asset>': {', '.join(names)}")
    allows = allow_deletions if callable(allow_deletions) else lambda _loss: bool(allow_deletions)
    ways = _Ways(now, allows, progress, erasures, renames or {}, stopping)
    if erasures is not None:
        erasures.settle(store, today=now().date())
    reports = tuple(_run(store, source, ways) for source in every if not stopping())
    try:
        store.forget(now(), believe_clock=believe_clock, copies=copies)
        for source in every:
            if isinstance(source, Forgetful):
                source.forget(now().date())
    except RetryLater:
        pass  # what is busy or full forgets in the next run
    except GiveUp as refusal:
        warn(str(refusal))
    return reports


def _run(store: Store, source: Source, ways: _Ways) -> RunReport:
    started, error = ways.now(), None
    reading = _Reading(_Losses(source.name, 0, 0, ways.allows))
    try:
        before = store.gone_since(source.name, started - LOSS_WINDOW)
        reading.losses.before = before
        reading.line = store.begin_run(source.name, started)
        for page in _pages(store, source, reading):
            _refuse_when_stopping(ways, source)
            _take(store, source, page, reading, ways)
    except ConnectorError as failure:
        error = failure
    if isinstance(source, Dated) and source.server_time is not None:
        with suppress(ConnectorError):  # the next answer says it again
            store.note_day(source.server_time.date())
    report = RunReport(source.name, started, ways.now(), reading.counts, error, reading.expected)
    _write_down(store, report, reading)
    return report


def _take(store: Store, source: Source, page: Page, reading: _Reading, ways: _Ways) -> None:
    """One page into the store; only what is safe for ever is acknowledged."""
    ready = with_known_forms(store, source, page, ways.renames)
    losses = reading.losses
    share = None if reading.line is None else Share(reading.line, losses.page, losses.allowed)
    reading.counts += store.record(source.name, ready, now=ways.now(), share=share)
    losses.stored()
    if page.listing is not None:
        store.confirm_erasures(source.name, page.listing)
    if page.withdrawals and ways.erasures is not None:
        ways.erasures.add(store, store.erasures())
    source.committed(ready)
    if ways.progress is not None:
        ways.progress(source.name, reading.counts)


def _refuse_when_stopping(ways: _Ways, source: Source) -> None:
    if ways.stopping():
        raise RetryLater(
            f"{source.name} was not read to its end: the program was asked to stop. The next run goes on."
        )


def _pages(store: Store, source: Source, reading: _Reading) -> Iterator[Page]:
    """What is new, then the sweep; a page that would delete too much is not let through."""
    held = store.held(source.name)
    losses = reading.losses
    losses.known = len(held.rows)
    for page in source.pages(store.cursor(source.name)):
        losses.check(sum(one.deleted and one.root_id in held.rows for one in page.submissions))
        yield page
    held = store.held(source.name)
    losses.known = max(losses.known, len(held.rows))
    swept = False
    for page in source.sweep(held):
        swept = True
        if page.listing is not None:
            reading.expected = len(page.listing)
            losses.check(held.missing(page.listing), nothing_left=not page.listing)
        yield page
    if not swept and precedence(source.name) == PLATFORM:
        # A platform's sweep has nothing to say when it counts as many records there as are held here.
        reading.expected = len(held)


def _refusal(loss: Loss, *, nothing_left: bool) -> str:
    what = (
        f"The source {loss.source} shows no record at all, and {loss.known} are known: nothing was deleted."
        if nothing_left
        else f"The source {loss.source} no longer shows {loss.gone} of {loss.known} records that were there a day ago. "
        f"More than {MOST_DELETED:.0%} are not deleted without asking, so the run stopped here."
    )
    return (
        f"{what} If the account lost a permission, give it back; if they were really deleted, run once with "
        "--allow-deletions."
    )


def with_known_forms(store: Store, source: Source, page: Page, renames: Renames) -> Page:
    """The page, with the submissions whose form version cannot be had moved to the quarantine."""
    readable: list[Submission] = []
    reasons: dict[tuple[str, str], SkipRecord] = {}
    lost: list[Unreadable] = []
    for one in page.submissions:
        key = (one.native_form, one.native_version)
        try:
            if key in reasons:
                raise reasons[key]
            _learn_form(store, source, one)
            readable.append(_renamed(store, one, renames))
        except SkipRecord as error:
            reasons[key] = error
            lost.append(unreadable(one, error))
    return replace(page, submissions=tuple(readable), unreadable=(*page.unreadable, *lost))


def _renamed(store: Store, one: Submission, renames: Renames) -> Submission:
    if one.form_id not in renames:
        return one
    form = store.form(one.form_id, one.form_version)
    return one if form is None else renamed(one, form, renames)


def _learn_form(store: Store, source: Source, one: Submission) -> None:
    if store.knows_form(one.form_id, one.form_version):
        return
    form = source.form_version(one.native_form, one.native_version)
    if (form.form_id, form.version) != (one.form_id, one.form_version):
        raise SkipRecord(
            f"The record says it is {one.form_id} {one.form_version}, its form says {form.form_id} {form.version}; "
            "deploy the form again from our workbook."
        )
    store.add_form(form)


def _write_down(store: Store, report: RunReport, reading: _Reading) -> None:
    """The ledger's line. When the store itself is what fails, the report still says so."""
    oldest = reading.counts.oldest
    run = Run(
        report.source,
        report.started,
        report.finished,
        report.counts,
        error=None if report.error is None else str(report.error),
        expected=report.expected,
        waited=None if oldest is None else max(report.finished - oldest, dt.timedelta()),
        gone=reading.losses.gone,
        allowed=reading.losses.allowed,
    )
    try:
        if reading.line is None:
            store.add_run(run)
        else:
            store.finish_run(reading.line, run)
    except ConnectorError:
        if report.error is None:
            raise
