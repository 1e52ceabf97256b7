"""What the store forgets by itself, and that no source brings it back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import pytest
from connector_worlds import NOW, TEXT_PRIVATE, Fixed, submission, with_answers

from connector import Counts, FormVersion, GiveUp, Page, Store, Unreadable, replay, sync
from connector.store import Forgotten

DAYS_91 = dt.timedelta(days=91)
ASKED_ABOUT_LAW = {"legal_aid/needed": "yes", "legal_aid/received": "no"}


@pytest.fixture
def ready(store: Store, form_version: FormVersion) -> Store:
    store.add_form(form_version)
    return store


def fill(store: Store, *days: str, source: str = "kobo") -> None:
    rows = tuple(
        submission(number, source=source, answers=with_answers(today=day) | ASKED_ABOUT_LAW)
        for number, day in enumerate(days)
    )
    store.record(source, Page(rows), now=NOW)


def test_the_day_and_the_text_go_after_90_days_and_the_quarter_stays(ready: Store) -> None:
    fill(ready, "2026-08-20", "2026-08-26")
    assert ready.forget(dt.datetime(2026, 11, 23, 6, tzinfo=dt.UTC)) == Forgotten(days=1, texts=1)
    assert [(one["day"], one["quarter"]) for one in ready.evaluations()] == [
        (None, "2026Q3"),
        (dt.date(2026, 8, 26), "2026Q3"),
    ]
    assert ready.forget(NOW) == Forgotten()


def test_a_row_stays_while_its_quarter_is_one_of_the_last_five(ready: Store) -> None:
    fill(ready, "2026-10-01")
    assert ready.forget(dt.datetime(2027, 12, 31, 6, tzinfo=dt.UTC)).rows == 0
    assert len(ready.services()) == 1
    assert ready.forget(dt.datetime(2028, 1, 1, 6, tzinfo=dt.UTC)).rows == 1
    assert (ready.evaluations(), ready.services(), ready.sightings_summary()) == ([], [], {})


def test_what_was_forgotten_is_known_and_does_not_come_back(ready: Store) -> None:
    fill(ready, "2025-06-01", "2026-11-20")
    fill(ready, "2025-06-01", source="collect")
    assert ready.forget(NOW).rows == 1
    again = submission(0, source="kobo", answers=with_answers(today="2025-06-01"))
    held = ready.held("kobo")
    assert (len(held), held.same(again.root_id, again.version_id, "none")) == (2, True)
    assert ready.record("kobo", Page((again,)), now=NOW) == Counts(unchanged=1)
    assert ready.record("collect", Page((replace(again, source="collect"),)), now=NOW) == Counts(unchanged=1)
    assert len(ready.evaluations()) == 1


def test_an_edit_of_what_was_forgotten_goes_at_the_next_turn(ready: Store) -> None:
    fill(ready, "2025-06-01")
    ready.forget(NOW)
    edited = submission(0, source="kobo", version_id="edit", answers=with_answers(today="2025-06-01"))
    assert ready.record("kobo", Page((edited,)), now=NOW) == Counts(new=1)
    assert ready.forget(NOW).rows == 1
    assert ready.evaluations() == []


def test_a_forgotten_row_that_its_source_deletes_leaves_no_hash(ready: Store) -> None:
    fill(ready, "2025-06-01", "2026-11-20")
    ready.forget(NOW)
    kept = submission(1).root_id
    ready.record("kobo", Page(listing=frozenset({kept})), now=NOW)
    assert len(ready.held("kobo")) == 1


def test_a_forgotten_row_that_is_deleted_by_name_leaves_a_tombstone(ready: Store) -> None:
    fill(ready, "2025-06-01")
    ready.forget(NOW)
    gone = submission(0, source="kobo", deleted=True, answers={})
    assert ready.record("kobo", Page((gone,)), now=NOW) == Counts(deleted=1)
    assert (len(ready.held("kobo")), ready.evaluations()) == (0, [])


def test_every_run_forgets(ready: Store, form_version: FormVersion) -> None:
    fill(ready, "2025-06-01", "2026-08-01", "2026-11-20")
    (report,) = sync(ready, [Fixed("kobo", (), form_version)], now=lambda: NOW)
    assert report.ok
    assert [one["day"] for one in ready.evaluations()] == [None, dt.date(2026, 11, 20)]


UNREADABLE = Page(unreadable=(Unreadable("kobo", "7", "It is damaged.", "her words"),))


def test_the_copies_of_the_quarantine_go_and_their_lines_stay(ready: Store) -> None:
    ready.record("kobo", UNREADABLE, now=NOW)
    assert ready.forget(NOW + dt.timedelta(days=10), copies=dt.timedelta(days=10)) == Forgotten()
    assert len(ready.sealed_quarantine()) == 1
    assert ready.forget(NOW + dt.timedelta(days=11), copies=dt.timedelta(days=10)) == Forgotten(copies=1)
    assert ready.sealed_quarantine() == []
    (line,) = ready.quarantined()
    assert (line.native_id, line.reason, line.kept) == ("7", "It is damaged.", False)
    assert ready.record("kobo", UNREADABLE, now=NOW + dt.timedelta(days=12)) == Counts()
    assert ready.sealed_quarantine() == [], "the source still shows it: no new copy"


def test_a_copy_that_expired_is_no_wrong_key(ready: Store, form_version: FormVersion) -> None:
    ready.record("kobo", UNREADABLE, now=NOW)
    ready.forget(NOW + dt.timedelta(days=2), copies=dt.timedelta(days=1))
    done = replay(ready, [Fixed("kobo", (), form_version)], private_key=TEXT_PRIVATE, now=lambda: NOW)
    assert (done.read, len(done.left)) == (0, 1)


YEARS_AHEAD = dt.datetime(2031, 5, 1, 6, tzinfo=dt.UTC)


def test_a_clock_years_ahead_forgets_nothing_and_says_so(ready: Store) -> None:
    fill(ready, "2026-11-20")
    ready.forget(NOW)
    for _ in range(2):
        with pytest.raises(GiveUp, match=r"clock says 2031-05-01, .* is 2026-11-23: nothing was deleted"):
            ready.forget(YEARS_AHEAD)
    assert [one["day"] for one in ready.evaluations()] == [dt.date(2026, 11, 20)]
    assert ready.clock_doubt(NOW) is None
    assert "2031-05-01" in str(ready.clock_doubt(YEARS_AHEAD))


def test_a_person_may_say_that_the_clock_is_right_and_it_is_believed_from_then_on(ready: Store) -> None:
    fill(ready, "2026-11-20")
    ready.forget(NOW)
    assert ready.forget(YEARS_AHEAD, believe_clock=True).rows == 1
    assert ready.forget(YEARS_AHEAD) == Forgotten()


def test_a_clock_that_goes_on_by_a_month_at_a_time_is_believed(ready: Store) -> None:
    for months in range(4):
        ready.forget(NOW + months * dt.timedelta(days=31))
    with pytest.raises(GiveUp):
        ready.forget(NOW + dt.timedelta(days=3 * 31 + 32))


@dataclass
class OnAServer(Fixed):
    """A source whose server says what time it is."""

    server_time: dt.datetime | None = None


def test_what_a_server_says_tells_a_machine_that_was_off_from_a_wrong_clock(
    ready: Store, form_version: FormVersion
) -> None:
    fill(ready, "2026-11-20")
    ready.forget(NOW)
    said: list[str] = []
    for at, rows, warnings in ((NOW, 1, 1), (None, 1, 2), (YEARS_AHEAD, 0, 2)):
        source = OnAServer("kobo", (), form_version, server_time=at)
        sync(ready, [source], now=lambda: YEARS_AHEAD, warn=said.append)
        assert (len(ready.evaluations()), len(said)) == (rows, warnings)


def test_a_new_store_believes_the_server_and_not_the_clock(ready: Store, form_version: FormVersion) -> None:
    fill(ready, "2026-11-20")
    source = OnAServer("central", (), form_version, server_time=NOW)
    sync(ready, [source], now=lambda: YEARS_AHEAD)
    assert len(ready.evaluations()) == 1


def test_forgetting_an_empty_store_does_nothing(store: Store) -> None:
    assert store.forget(NOW + DAYS_91) == Forgotten()
