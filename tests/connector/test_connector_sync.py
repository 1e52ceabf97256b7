"""A run over all sources: repeatable, never half done, one failing source does not stop the others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from connector_worlds import ANSWERS, NOW, TEXT_PRIVATE, Fixed, instance_xml, submission, with_answers

from connector import (
    CollectSource,
    Counts,
    FormVersion,
    GiveUp,
    Loss,
    Page,
    RetryLater,
    RunReport,
    SkipRecord,
    Store,
    Wish,
    replay,
    sync,
)
from xlsforms import Form

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


# more than a fifth, asked thoroughly


def test_a_fifth_at_every_turn_is_too_much_by_the_second_turn(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    """What stopped at a fifth must not go on by a fifth at each of the scheduler's turns."""
    reports(store, fixed("central", page(*range(1, 11), source="central")))
    gone = [Page((submission(number, source="central", deleted=True),)) for number in range(1, 11)]
    for _ in range(5):
        (report,) = reports(store, fixed("central", *gone))
        assert isinstance(report.error, GiveUp)
        assert len(store.evaluations()) == 8
    listing = frozenset(one.root_id for one in page(*range(4, 11), source="central").submissions)
    (swept,) = reports(store, fixed("central", swept=(Page(listing=listing),)))
    assert isinstance(swept.error, GiveUp)
    assert len(store.evaluations()) == 8


def test_what_a_listing_lacks_is_counted_over_the_day_too(store: Store, fixed: Callable[..., Fixed]) -> None:
    rows = page(*range(1, 11), source="kobo")
    listing = [one.root_id for one in rows.submissions]
    reports(store, fixed("kobo", rows))
    (first,) = reports(store, fixed("kobo", swept=(Page(listing=frozenset(listing[2:])),)))
    (second,) = reports(store, fixed("kobo", swept=(Page(listing=frozenset(listing[3:])),)))
    assert first.ok
    assert "3 of 10 records" in str(second.error)
    assert len(store.evaluations()) == 8


class Killed(BaseException):
    """The process is gone: nothing of ours may catch this."""


def test_what_a_killed_run_deleted_is_counted_over_the_day_too(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    reports(store, fixed("central", page(*range(1, 11), source="central")))
    gone = [Page((submission(number, source="central", deleted=True),)) for number in range(1, 5)]
    with pytest.raises(Killed):
        reports(store, fixed("central", *gone[:2], Killed()))
    (report,) = reports(store, fixed("central", *gone))
    assert "3 of 10 records" in str(report.error)
    assert len(store.evaluations()) == 8


def test_a_killed_run_leaves_a_line_that_says_what_it_did_and_that_it_did_not_finish(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    reports(store, fixed("central", page(1, source="central")))
    gone = Page((submission(1, source="central", deleted=True),))
    with pytest.raises(Killed):
        reports(store, fixed("central", page(2, 3, source="central"), gone, Killed(), page(4)))
    line, before = store.runs()
    assert (line.finished, line.duration, line.error) == (None, None, None)
    assert (line.counts, line.counts.seen, line.gone) == (Counts(new=2, deleted=1), 3, 1)
    assert before.finished == NOW
    assert store.source_health()["central"].read_at == NOW
    reports(store, fixed("central"))
    assert [one.finished for one in store.runs()] == [NOW, None, NOW]


def test_after_a_day_another_fifth_may_go(store: Store, fixed: Callable[..., Fixed]) -> None:
    reports(store, fixed("central", page(*range(1, 11), source="central")))
    deleted = [submission(number, source="central", deleted=True) for number in range(1, 4)]
    reports(store, fixed("central", Page(tuple(deleted[:2]))))
    (stopped,) = reports(store, fixed("central", Page(tuple(deleted))))
    assert isinstance(stopped.error, GiveUp)
    later = NOW + dt.timedelta(hours=25)
    (report,) = sync(store, [fixed("central", Page(tuple(deleted)))], now=lambda: later)
    assert (report.ok, report.counts.deleted) == (True, 1)


def test_what_a_person_allowed_is_not_held_against_the_next_run(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    rows = page(*range(1, 11), source="kobo")
    listing = [one.root_id for one in rows.submissions]
    reports(store, fixed("kobo", rows))
    half = fixed("kobo", swept=(Page(listing=frozenset(listing[5:])),))
    sync(store, [half], now=clock, allow_deletions=True)
    (report,) = reports(store, fixed("kobo", swept=(Page(listing=frozenset(listing[6:])),)))
    assert (report.ok, report.counts) == (True, Counts(deleted=1))


@pytest.mark.parametrize("believes", [True, False])
def test_a_person_who_is_there_is_asked_once_with_the_numbers(
    store: Store, fixed: Callable[..., Fixed], believes: bool
) -> None:
    reports(store, fixed("central", page(*range(1, 11), source="central")))
    gone = [Page((submission(number, source="central", deleted=True),)) for number in range(1, 6)]
    questions: list[Loss] = []

    def asked(loss: Loss) -> bool:
        questions.append(loss)
        return believes

    (report,) = sync(store, [fixed("central", *gone)], now=clock, allow_deletions=asked)
    assert questions == [Loss("central", 3, 10)]
    assert report.ok is believes
    assert len(store.evaluations()) == (5 if believes else 8)


def test_an_ordinary_run_asks_nobody(store: Store, fixed: Callable[..., Fixed]) -> None:
    def nobody(loss: Loss) -> bool:
        raise AssertionError(loss)

    rows = page(*range(1, 11), source="kobo")
    listing = frozenset(one.root_id for one in rows.submissions[1:])
    sync(store, [fixed("kobo", rows, swept=(Page(listing=listing),))], now=clock, allow_deletions=nobody)
    assert len(store.evaluations()) == 9


# the ledger


def test_the_ledger_says_how_many_there_are_why_some_were_refused_and_how_long_they_waited(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    early = NOW - dt.timedelta(minutes=25)
    rows = (
        submission(1, source="kobo", changed_at=early),
        submission(2, source="kobo", changed_at=NOW),
        submission(3, source="kobo", answers=with_answers(consent="no")),
        submission(4, source="kobo", answers=with_answers(adult="no", consent="")),
        submission(5, source="kobo", answers=with_answers(adult="no", consent="")),
        submission(6, source="kobo", answers=with_answers(practice="yes")),
    )
    listing = frozenset(one.root_id for one in rows)
    source = fixed("kobo", Page(rows), swept=(Page(listing=listing),))
    reports(store, source)
    (line,) = store.runs()
    counts = line.counts
    assert (counts.new, counts.refused) == (2, 4)
    assert (counts.no_consent, counts.not_adult, counts.practice, counts.erased) == (1, 2, 1, 0)
    assert (line.expected, line.waited) == (6, dt.timedelta(minutes=25))
    reports(store, source)
    again = store.runs(limit=1)[0]
    assert (again.counts.refused, again.counts.not_adult, again.waited) == (0, 0, None)
    health = store.source_health()["kobo"]
    assert (health.stored, health.set_aside, health.quarantined, health.failures) == (2, 4, 0, 0)
    assert (health.total.new, health.total.not_adult) == (2, 2)


def test_health_knows_when_a_source_was_last_read_to_its_end(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    reports(store, fixed("kobo", page(1, source="kobo")))
    later = NOW + dt.timedelta(hours=3)
    for _ in range(2):
        sync(store, [fixed("kobo", RetryLater("It is down."))], now=lambda: later)
    health = store.source_health()["kobo"]
    assert (health.read_at, health.failures, health.last.error) == (NOW, 2, "It is down.")


def test_a_platform_that_counts_as_many_as_are_held_expects_them(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    (platform,) = reports(store, fixed("central", page(1, 2, source="central")))
    (folder,) = reports(store, fixed("collect", page(3)))
    assert (platform.expected, folder.expected) == (2, None)


def test_a_stopped_run_ends_between_two_pages_and_the_next_goes_on(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    pages = [page(1, cursor=1), page(2, cursor=2), page(3, cursor=3)]
    (report,) = sync(
        store,
        [fixed("collect", *pages)],
        now=clock,
        stopping=lambda: len(store.evaluations()) == 2,
    )
    assert isinstance(report.error, RetryLater)
    assert "asked to stop" in str(report.error)
    assert store.cursor("collect") == {"after": 2}
    (again,) = reports(store, fixed("collect", *pages))
    assert again.counts == Counts(new=1, unchanged=2)


# renamed questions


def test_an_answer_at_the_path_a_question_had_before_is_read_at_its_present_one(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    old = with_answers(core__respect="") | {"core/politeness": "5"}
    both = with_answers() | {"core/politeness": "1"}
    rows = Page((submission(1, answers=old), submission(2, answers=both)))
    renames = {"small_evaluation": {"core/politeness": "core/respect"}}
    sync(store, [fixed("collect", rows)], now=clock, renames=renames)
    assert [one["values"]["respect"] for one in store.evaluations()] == [5.0, 4.0]


def test_a_version_that_still_asks_the_old_question_is_left_alone(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    renames = {"small_evaluation": {"core/bribe": "core/respect"}}
    rows = Page((submission(1, answers=with_answers(core__respect="")),))
    sync(store, [fixed("collect", rows)], now=clock, renames=renames)
    (one,) = store.evaluations()
    assert one["values"] == {"bribe": 0.0}


# the quarantine, read again from its copies


class Understanding(Fixed):
    """A source whose form versions can be had when `knows` says so."""

    knows = False

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        if not self.knows:
            raise SkipRecord("The platform no longer shows this version.")
        return self.form


def test_copies_of_the_quarantine_are_read_with_the_key_holders_key_when_the_source_lost_them(
    store: Store, fixed: Callable[..., Fixed]
) -> None:
    source = Understanding("kobo", (page(1, 2, source="kobo"),), fixed("x").form)
    reports(store, source)
    assert len(store.quarantined()) == 2
    gone = Understanding("kobo", (), fixed("x").form)
    first = replay(store, [gone], private_key=TEXT_PRIVATE, now=clock)
    assert (first.read, len(first.left)) == (0, 2)
    gone.knows = True
    for read in (2, 0):
        done = replay(store, [gone], private_key=TEXT_PRIVATE, now=clock)
        assert (done.read, done.left) == (read, ())
    assert len(store.evaluations()) == 2
    assert [line.action for line in store.audit()] == ["replay quarantine"] * 3


def test_another_key_opens_nothing_and_says_so(store: Store, fixed: Callable[..., Fixed]) -> None:
    reports(store, Understanding("kobo", (page(1, source="kobo"),), fixed("x").form))
    with pytest.raises(SkipRecord, match="sealed to another key"):
        replay(store, [fixed("kobo")], private_key="44" * 32, now=clock)
    assert len(store.quarantined()) == 1


def test_a_copy_that_was_erased_meanwhile_is_not_stored(store: Store, fixed: Callable[..., Fixed]) -> None:
    reports(store, Understanding("kobo", (page(1, source="kobo"),), fixed("x").form))
    store.erase(store.wished(Wish("receipt", ANSWERS["receipt"]), today=NOW.date()), today=NOW.date())
    replay(store, [fixed("kobo")], private_key=TEXT_PRIVATE, now=clock)
    assert (store.evaluations(), store.quarantined()) == ([], [])


def test_a_damaged_file_in_the_quarantine_stops_no_other(
    tmp_path: Path, store: Store, form: Form, fixed: Callable[..., Fixed]
) -> None:
    (tmp_path / "instances").mkdir()
    for name, text in (("1.xml", "<data"), ("2.xml", instance_xml(2, version="2020010101"))):
        (tmp_path / "instances" / name).write_text(text, encoding="utf-8")
    source = CollectSource(tmp_path / "instances", forms=[form])
    reports(store, source)  # type: ignore[arg-type]
    assert [one.native_id for one in store.quarantined()] == ["1.xml", "2.xml"]
    for path in (tmp_path / "instances").iterdir():
        path.unlink()
    store.add_form(replace(fixed("x").form, version="2020010101"))
    done = replay(store, [source], private_key=TEXT_PRIVATE, now=clock)
    assert (done.read, [one.native_id for one in done.left]) == (1, ["1.xml"])
