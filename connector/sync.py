"""One run over all sources: pages into the store, then each source's sweep; a failing source never stops the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from connector.errors import ConnectorError, GiveUp, SkipRecord
from connector.store import Counts, Run, Store
from connector.store.leftovers import unreadable
from connector.submission import Page, Source, Submission, Unreadable

__all__ = ["RunReport", "sync"]

MOST_DELETED = 0.2  # a larger loss is a changed permission or a wrong project far more often than a clean-up

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

    @property
    def ok(self) -> bool:
        """Whether the source was read to its end."""
        return self.error is None


def sync(
    store: Store,
    sources: Iterable[Source],
    *,
    now: Clock,
    allow_deletions: bool = False,
    progress: Progress | None = None,
) -> tuple[RunReport, ...]:
    """Bring the store up to date with every source; safe to repeat at any point.

    `now` gives aware time. `progress` is called with the source's name and the counts so far after each page.
    `allow_deletions` lets more than 20 % of a source's rows be deleted in this run. Errors of a source end in its
    report and in the ledger.
    """
    every = tuple(sources)
    names = [source.name for source in every]
    if len(set(names)) < len(names):
        raise ValueError(f"every source needs a name of its own, such as 'kobo:<asset>': {', '.join(names)}")
    return tuple(
        _run(store, source, now=now, allow_deletions=allow_deletions, progress=progress) for source in every
    )


def _run(
    store: Store, source: Source, *, now: Clock, allow_deletions: bool, progress: Progress | None
) -> RunReport:
    started, counts, error = now(), Counts(), None
    try:
        for page in _pages(store, source, allow_deletions=allow_deletions):
            ready = _with_known_forms(store, source, page)
            counts += store.record(source.name, ready, now=now())
            source.committed(ready)
            if progress is not None:
                progress(source.name, counts)
    except ConnectorError as failure:
        error = failure
    report = RunReport(source.name, started, now(), counts, error)
    _write_down(store, report)
    return report


def _pages(store: Store, source: Source, *, allow_deletions: bool) -> Iterator[Page]:
    """What is new, then the sweep; a page that would delete too much is not let through."""
    held = store.held(source.name)
    known, gone = len(held.rows), 0
    for page in source.pages(store.cursor(source.name)):
        gone += sum(one.deleted and one.root_id in held.rows for one in page.submissions)
        _refuse_mass_deletion(source.name, known, gone, allow_deletions=allow_deletions)
        yield page
    held = store.held(source.name)
    for page in source.sweep(held):
        if page.listing is not None:
            missing = held.missing(page.listing)
            _refuse_empty_listing(source.name, page.listing, missing, allow_deletions=allow_deletions)
            _refuse_mass_deletion(
                source.name, max(known, len(held.rows)), gone + missing, allow_deletions=allow_deletions
            )
        yield page


def _refuse_mass_deletion(name: str, known: int, gone: int, *, allow_deletions: bool) -> None:
    # A single deletion is always believed: of three rows it would be a third.
    if allow_deletions or gone <= 1 or gone <= MOST_DELETED * known:
        return
    raise GiveUp(
        f"The source {name} no longer shows {gone} of {known} records. More than {MOST_DELETED:.0%} are not deleted without "
        "asking, so the run stopped here. If the account lost a permission, give it back; if they were really deleted, "
        "run once with --allow-deletions."
    )


def _refuse_empty_listing(name: str, listing: frozenset[str], missing: int, *, allow_deletions: bool) -> None:
    if allow_deletions or listing or not missing:
        return
    raise GiveUp(
        f"The source {name} shows no record at all, and {missing} are known: nothing was deleted. If the account lost "
        "a permission, give it back; if they were really deleted, run once with --allow-deletions."
    )


def _with_known_forms(store: Store, source: Source, page: Page) -> Page:
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
            readable.append(one)
        except SkipRecord as error:
            reasons[key] = error
            lost.append(unreadable(one, error))
    return replace(page, submissions=tuple(readable), unreadable=(*page.unreadable, *lost))


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


def _write_down(store: Store, report: RunReport) -> None:
    """The ledger's line. When the store itself is what fails, the report still says so."""
    error = None if report.error is None else str(report.error)
    try:
        store.add_run(Run(report.source, report.started, report.finished, report.counts, error))
    except ConnectorError:
        if report.error is None:
            raise
