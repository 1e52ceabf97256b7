"""A run over all sources: repeatable, never half done, one failing source does not stop the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from connector_worlds import NOW, Fixed, submission

from connector import Counts, FormVersion, GiveUp, Page, RetryLater, RunReport, SkipRecord, Store, sync

Given = tuple[object, ...]


def clock() -> dt.datetime:
    return NOW


@pytest.fixture
def fixed(form_version: FormVersion) -> Callable[..., Fixed]:
    def make(name: str, *given: object, swept: Given = ()) -> Fixed:
        return Fixed(name, given, form_version, swept)

    return make


def page(*numbers: int, source: str = "collect", cursor: int | None = None) -> Page:
    rows = tuple(submission(number, source=source) for number in numbers)
    return Page(rows, cursor=None if cursor is None else {"after": cursor})


def reports(store: Store, *sources: Fixed) -> tuple[RunReport, ...]:
    return sync(store, sources, now=clock)


def test_an_interrupted_run_keeps_whole_pages_and_goes_on_from_there(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    failing = fixed("collect", page(1, 2, cursor=2), RetryLater("The server hung up."), page(3, cursor=3))
    (report,) = reports(store, failing)
    assert str(report.error) == "The server hung up."
    assert report.counts == Counts(new=2)
    assert store.cursor("collect") == {"after": 2}
    (again,) = reports(store, fixed("collect", page(1, 2, cursor=2), page(3, cursor=3)))
    assert (again.counts, again.ok) == (Counts(new=1, unchanged=2), True)
    assert store.cursor("collect") == {"after": 3}


def test_a_bug_in_the_middle_of_a_page_leaves_nothing_half_done(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    class Poisoned(dict[str, str]):
        def items(self) -> object:  # type: ignore[override]
            raise MemoryError

        def get(self, *_: object) -> object:  # type: ignore[override]
            raise MemoryError

    poisoned = submission(2, answers=Poisoned())
    source = fixed("collect", Page((submission(1), poisoned), cursor={"after": 2}))
    with pytest.raises(MemoryError):
        reports(store, source)
    assert store.evaluations() == []
    assert store.cursor("collect") is None
    assert source.acknowledged == []


def test_a_page_is_acknowledged_after_it_was_committed(store: Store, fixed: Callable[..., Fixed]) -> None:
    seen = []

    class Watching(Fixed):
        def committed(self, page: Page) -> None:
            seen.append(len(store.evaluations()))

    source = Watching("collect", (page(1), page(2)), fixed("x").form)
    reports(store, source)
    assert seen == [1, 2]


def test_a_failing_source_does_not_stop_the_others(store: Store, fixed: Callable[..., Fixed]) -> None:
    first, second = reports(
        store,
        fixed("kobo", GiveUp("KoboToolbox does not accept the token.")),
        fixed("collect", page(1)),
    )
    assert isinstance(first.error, GiveUp)
    assert (second.ok, second.counts) == (True, Counts(new=1))
    lines = store.runs()
    assert [(line.source, line.error) for line in lines] == [
        ("collect", None),
        ("kobo", "KoboToolbox does not accept the token."),
    ]


def test_an_unknown_form_version_is_quarantined_and_stops_nothing(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    class Forgetful(Fixed):
        def form_version(self, native_form: str, native_version: str) -> FormVersion:
            if native_version == "lost":
                raise SkipRecord("The platform no longer shows this version.")
            return self.form

    lost = submission(1, native_version="lost", form_version="lost")
    source = Forgetful("collect", (Page((lost, submission(2))),), fixed("x").form)
    (report,) = reports(store, source)
    assert report.counts == Counts(new=1, quarantined=1)
    assert [one.native_id for one in store.quarantined()] == ["1.xml"]
    (delivered,) = source.acknowledged
    assert [one.native_id for one in delivered.submissions] == ["2.xml"]


def test_a_form_that_calls_itself_otherwise_is_not_guessed(store: Store, fixed: Callable[..., Fixed]) -> None:
    other = submission(1, form_version="2026112399")
    (report,) = reports(store, fixed("collect", Page((other,))))
    assert report.counts == Counts(quarantined=1)


def test_a_fifth_of_the_rows_may_be_deleted_and_no_more(store: Store, fixed: Callable[..., Fixed]) -> None:
    rows = page(*range(1, 11), source="kobo")
    listing = [one.root_id for one in rows.submissions]
    reports(store, fixed("kobo", rows))
    (stopped,) = reports(store, fixed("kobo", swept=(Page(listing=frozenset(listing[3:])),)))
    assert isinstance(stopped.error, GiveUp)
    assert "--allow-deletions" in str(stopped.error)
    assert len(store.evaluations()) == 10
    (passed,) = reports(store, fixed("kobo", swept=(Page(listing=frozenset(listing[2:])),)))
    assert (passed.ok, passed.counts) == (True, Counts(deleted=2))


def test_deleted_rows_in_pages_are_counted_over_the_whole_run(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    reports(store, fixed("central", page(*range(1, 11), source="central")))
    gone = [Page((submission(number, source="central", deleted=True),)) for number in (1, 2, 3)]
    (report,) = reports(store, fixed("central", *gone))
    assert isinstance(report.error, GiveUp)
    assert len(store.evaluations()) == 8


def test_a_person_may_allow_the_deletions(store: Store, fixed: Callable[..., Fixed]) -> None:
    reports(store, fixed("kobo", page(*range(1, 11), source="kobo")))
    empty = fixed("kobo", swept=(Page(listing=frozenset()),))
    (report,) = sync(store, [empty], now=clock, allow_deletions=True)
    assert report.counts == Counts(deleted=10)


def test_two_sources_of_one_name_are_refused(store: Store, fixed: Callable[..., Fixed]) -> None:
    """They would share a cursor, and each sweep would delete the other's rows."""
    with pytest.raises(ValueError, match="a name of its own"):
        reports(store, fixed("kobo", page(1)), fixed("kobo", page(2)))


def test_progress_is_told_after_each_page(store: Store, fixed: Callable[..., Fixed]) -> None:
    told: list[tuple[str, int]] = []
    sync(
        store,
        [fixed("collect", page(1, 2), page(3))],
        now=clock,
        progress=lambda name, counts: told.append((name, counts.seen)),
    )
    assert told == [("collect", 2), ("collect", 3)]
