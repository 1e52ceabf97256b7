"""What the page of health makes of what is known: who is well, who is not, and what it tells a clerk to do."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from connector import Beat, Counts, Quarantined, Run, SourceHealth, Task
from shakti.health import Health, Known, ago, health_of, lasted

NOW = dt.datetime(2026, 11, 23, 6, 0, tzinfo=dt.UTC)
MINUTE, HOUR, DAY = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
NOTHING = Known(sources={}, quarantined=(), tasks=(), beat=None, lock_held=False, instances=0)


def read(before: dt.timedelta, **changes: object) -> SourceHealth:
    """A source that was read to its end so long ago."""
    moment = NOW - before
    last = Run("kobo:a", moment, moment, Counts(new=3), expected=10)
    return replace(SourceHealth(last, moment, stored=8, set_aside=2), **changes)


def failing(error: str, *, failures: int = 2) -> SourceHealth:
    well = read(5 * HOUR)
    return replace(well, last=replace(well.last, error=error), failures=failures)


def health(known: Known, *names: str) -> Health:
    return health_of(names or ("kobo:a",), known, now=NOW)


def advice(known: Known, *names: str) -> list[str]:
    return [one.text for one in health(known, *names).advice]


def test_all_is_well_where_everything_was_read_lately() -> None:
    page = health(replace(NOTHING, sources={"kobo:a": read(HOUR)}, instances=8))
    assert (page.state, page.advice) == ("well", ())
    (line,) = page.sources
    assert (line.state, line.stored, line.there, line.set_aside) == ("well", 8, 10, 2)


def cut_off(before: dt.timedelta) -> SourceHealth:
    """A source whose last run began so long ago and has no end."""
    well = read(HOUR)
    return replace(well, last=Run("kobo:a", NOW - before, None, Counts(new=1)), failures=1)


def test_a_run_that_did_not_finish_deserves_a_look() -> None:
    known = replace(NOTHING, sources={"kobo:a": cut_off(12 * MINUTE)})
    assert health(known).state == "look"
    assert advice(known) == [
        "kobo:a: the run that began 12 min ago did not finish. It still goes on, or it was cut off: then run shakti sync, "
        "nothing is lost."
    ]


@pytest.mark.parametrize(("began", "state"), [(MINUTE, "well"), (20 * MINUTE, "look")])
def test_a_run_of_the_schedulers_that_goes_on_now_is_no_fault(began: dt.timedelta, state: str) -> None:
    beat = Beat(NOW - 2 * MINUTE, None, 15)
    known = replace(NOTHING, sources={"kobo:a": cut_off(began)}, beat=beat, lock_held=True)
    assert health(known).state == state


def test_a_source_that_was_never_read_and_one_that_is_old_deserve_a_look() -> None:
    page = health(replace(NOTHING, sources={"kobo:a": read(3 * DAY)}), "kobo:a", "collect")
    assert [line.state for line in page.sources] == ["look", "look"]
    assert [one.text for one in page.advice] == [
        "kobo:a was last read 3 days ago: run shakti sync, or let shakti run do it.",
        "collect was never read: run shakti sync.",
    ]


def test_where_a_scheduler_runs_an_hour_is_old() -> None:
    beat = Beat(NOW - 5 * MINUTE, NOW - 5 * MINUTE, 15)
    known = replace(NOTHING, sources={"kobo:a": read(2 * HOUR)}, beat=beat, lock_held=True)
    assert health(known).state == "look"
    assert health(replace(known, sources={"kobo:a": read(50 * MINUTE)})).state == "well"


def test_a_server_that_is_down_is_said_once_for_all_its_sources() -> None:
    known = replace(
        NOTHING, sources={"kobo:a": failing("It is down."), "kobo:b": failing("It is down.", failures=1)}
    )
    page = health(known, "kobo:a", "kobo:b")
    assert page.state == "act"
    assert [one.text for one in page.advice] == [
        "kobo:a (last read to its end 5 h ago, 2 runs failed since), "
        "kobo:b (last read to its end 5 h ago, one run failed since): It is down."
    ]


def test_records_that_are_there_and_not_here_are_counted() -> None:
    known = replace(NOTHING, sources={"kobo:a": read(HOUR, stored=5, quarantined=1)})
    assert advice(known) == [
        "kobo:a shows 2 records more than are here: run shakti sync; if it stays so, look at the last records there."
    ]


@pytest.mark.parametrize(
    ("beat", "lock_held", "state", "said"),
    [
        (None, False, "well", "never ran"),
        (Beat(NOW - 9 * MINUTE, NOW - 8 * MINUTE, 15), True, "well", "last ran 8 min ago, every 15 min"),
        (Beat(NOW - 3 * MINUTE, None, 15), True, "well", "reads the sources since 3 min, every 15 min"),
        (Beat(NOW - 5 * HOUR, NOW - 5 * HOUR, 15), False, "act", "last ran 5 h ago, does not run now"),
        (
            Beat(NOW - 5 * HOUR, None, 15),
            False,
            "act",
            "last began 5 h ago and was cut off; does not run now",
        ),
        (Beat(NOW - 7 * HOUR, None, 15), True, "look", "reads the sources since 7 h, every 15 min"),
    ],
)
def test_the_scheduler_is_told_by_its_heart_and_its_lock(
    beat: Beat | None, lock_held: bool, state: str, said: str
) -> None:
    known = replace(NOTHING, sources={"kobo:a": read(MINUTE)}, beat=beat, lock_held=lock_held)
    page = health(known)
    assert page.scheduler.startswith(said)
    assert page.state == state


def test_what_must_be_done_stands_before_what_deserves_a_look() -> None:
    known = replace(
        NOTHING,
        sources={"kobo:a": read(HOUR)},
        quarantined=[Quarantined("kobo:a", "7", "No date.", NOW.date())],
        tasks=[Task("kobo:a", "5", None, NOW.date()), Task("kobo:a", "6", None, NOW.date())],
    )
    page = health(known)
    assert [one.state for one in page.advice] == ["act", "look"]
    assert page.advice[0].text.startswith("2 records that a survivor had erased still lie at kobo:a")
    assert page.advice[1].text.startswith("One record could not be read and waits in the quarantine")


def test_a_programme_without_sources_is_told_what_to_fill_in() -> None:
    page = health_of((), NOTHING, now=NOW)
    assert (page.state, page.advice[0].text[:26]) == ("act", "config.yml names no source")


def test_times_are_said_as_people_say_them() -> None:
    assert [lasted(length) for length in (40 * MINUTE / 60, 12 * MINUTE, 3 * HOUR, 5 * DAY, -HOUR)] == [
        "40 s",
        "12 min",
        "3 h",
        "5 days",
        "0 s",
    ]
    assert (ago(NOW - HOUR * 3, NOW), ago(NOW, NOW)) == ("3 h ago", "just now")
