"""What every source must fulfil: everything once, whole pages, nothing lost by a crash, nothing deleted by mistake."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from connector_worlds import ANSWERS, CODE, KEYS, NOW, instance_id, instance_xml
from source_worlds import World

from connector import Counts, Page, RunReport, Source, Store, Submission, sync
from connector.errors import ConnectorError
from connector.submission import precedence
from xlsforms import Form

KINDS = ("kobo", "central", "collect", "chat")


def clock() -> dt.datetime:
    return NOW


def run(store: Store, source: Source) -> RunReport:
    (report,) = sync(store, [source], now=clock)
    return report


def without_numbers(store: Store) -> list[dict[str, Any]]:
    """The evaluations without what depends on the order of arrival."""
    rows = [
        {name: value for name, value in one.items() if name != "evaluation"} for one in store.evaluations()
    ]
    return sorted(rows, key=lambda row: sorted(row["values"].items()))


def all_of(pages: Iterator[Page]) -> list[Submission]:
    return [one for page in pages for one in page.submissions]


def test_everything_is_taken_once(store: Store, world: World) -> None:
    for number in range(1, 9):
        world.deliver(instance_xml(number))
    assert run(store, world.source).counts == Counts(new=8)
    before = store.evaluations()
    again = run(store, world.source)
    assert (again.ok, again.counts.new, again.counts.edited, again.counts.deleted) == (True, 0, 0, 0)
    assert store.evaluations() == before


def test_the_record_is_filled_as_the_design_says(world: World) -> None:
    world.deliver(instance_xml(1))
    (one,) = all_of(world.source.pages(None))
    assert one.source == world.source.name
    assert (one.form_id, one.form_version) == ("small_evaluation", "2026112301")
    assert one.root_id == one.version_id == instance_id(1).removeprefix("uuid:")
    assert (one.review, one.deleted) == ("none", False)
    assert one.mode == ("chat" if world.source.name == "chat" else "enumerator")
    assert one.changed_at is None or one.changed_at.tzinfo is dt.UTC
    assert one.native_id
    assert dict(one.answers) == ANSWERS | {"meta/instanceID": instance_id(1)}


def test_the_form_version_means_what_the_workbook_means(world: World, form: Form) -> None:
    from xlsforms import marks

    world.deliver(instance_xml(1))
    (one,) = all_of(world.source.pages(None))
    found = world.source.form_version(one.native_form, one.native_version)
    assert (found.form_id, found.version, found.marks) == (form.form_id, form.version, marks(form))


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_a_crash_after_any_commit_loses_and_doubles_nothing(
    make_store: Callable[[], Store], world: World, survived: int
) -> None:
    """The process dies after a page was committed and before the source was told."""
    for number in range(1, 9):
        world.deliver(instance_xml(number))
    left = itertools.count(survived, -1)

    class Dying:
        name = world.source.name
        pages = staticmethod(world.source.pages)
        sweep = staticmethod(world.source.sweep)
        form_version = staticmethod(world.source.form_version)

        def committed(self, page: Page) -> None:
            if next(left) == 0:
                raise KeyboardInterrupt
            world.source.committed(page)

    with pytest.raises(KeyboardInterrupt):
        sync(make_store(), [Dying()], now=clock)
    restarted = make_store()
    assert run(restarted, world.source).ok
    assert len(restarted.evaluations()) == 8
    assert set(restarted.sightings_summary()) == {(world.source.name.partition(":")[0],)}


def test_a_refused_row_is_counted_and_not_stored(store: Store, world: World) -> None:
    world.deliver(instance_xml(1, consent="no"))
    world.deliver(instance_xml(2, adult="no"))
    world.deliver(instance_xml(3, practice="yes"))
    world.deliver(instance_xml(4))
    assert run(store, world.source).counts == Counts(new=1, refused=3)
    assert len(store.evaluations()) == 1


def test_an_edit_counts_once_and_replaces(store: Store, world: World) -> None:
    """Not in the chat: what is finished there is not edited, another one is another evaluation."""
    if not world.edits:
        return
    world.deliver(instance_xml(1, core__respect="1"))
    run(store, world.source)
    world.deliver(instance_xml(2, deprecated=1, core__respect="2"))
    run(store, world.source)
    world.deliver(instance_xml(3, deprecated=2, core__respect="5"))
    run(store, world.source)
    (one,) = store.evaluations()
    assert one["values"]["respect"] == 5


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS)), ids="-".join)
def test_an_instance_that_arrives_by_all_sources_counts_once_in_any_order(
    store: Store, worlds: Callable[[str], World], order: tuple[str, ...]
) -> None:
    store.add_codes([CODE])
    for kind in order:
        world = worlds(kind)
        world.deliver(instance_xml(1))
        assert run(store, world.source).ok
    assert store.sightings_summary() == {("central", "chat", "collect", "kobo"): 1}
    (one,) = store.evaluations()
    assert (one["mode"], one["verified"], one["values"]) == ("chat", True, {"respect": 4.0, "bribe": 0.0})


def test_a_code_a_name_or_a_text_is_never_in_the_evaluation(store: Store, world: World) -> None:
    world.deliver(instance_xml(1, comment="CANARY"))
    run(store, world.source)
    (one,) = store.evaluations()
    assert one["survivor"] == KEYS.survivor(CODE)
    for secret in (CODE, "CANARY", "c01", "4711815000", instance_id(1)):
        assert secret not in str(one.values())


def test_the_kind_of_a_source_has_a_rank(world: World) -> None:
    assert precedence(world.source.name) in (1, 2, 3)


def test_pages_come_one_at_a_time_with_cursors_that_can_be_kept(world: World) -> None:
    """A million rows pass through: what was asked for before the first page is one page."""
    for number in range(1, 9):
        world.deliver(instance_xml(number))
    pages = world.source.pages(None)
    first = next(pages)
    assert 0 < len(first.submissions) <= 3
    assert sum("data/" in one.path or ".svc" in one.path for one in world.requests) <= 1
    for page in [first, *pages]:
        assert json.loads(json.dumps(page.cursor)) == page.cursor


def test_from_any_cursor_nothing_that_follows_is_left_out(world: World) -> None:
    for number in range(1, 9):
        world.deliver(instance_xml(number))
    everything = {one.root_id for one in all_of(world.source.pages(None))}
    assert len(everything) == 8
    seen: set[str] = set()
    cursor: dict[str, Any] | None = None
    for page in world.source.pages(None):
        seen |= {one.root_id for one in page.submissions}
        cursor = page.cursor or cursor
        rest = {one.root_id for one in all_of(world.source.pages(cursor))}
        assert seen | rest == everything


def test_a_run_without_news_is_three_requests_at_most(store: Store, world: World) -> None:
    for number in range(1, 9):
        world.deliver(instance_xml(number))
    for _ in range(3):
        assert run(store, world.source).ok
    source = world.restarted() if world.restarted else world.source
    world.requests.clear()
    assert run(store, source).counts.new == 0
    assert len(world.requests) <= 3


def test_a_deletion_leaves_a_tombstone_and_the_others(store: Store, world: World) -> None:
    for number in range(1, 9):
        world.deliver(instance_xml(number))
    run(store, world.source)
    if world.remove is None:  # what was delivered there is not taken back there
        return
    world.remove(5)
    assert run(store, world.source).counts.deleted == 1
    assert len(store.evaluations()) == 7
    assert run(store, world.source).counts.deleted == 0


def test_an_unreadable_record_waits_and_the_others_go_on(store: Store, world: World) -> None:
    world.deliver(instance_xml(1))
    world.spoil()
    world.deliver(instance_xml(2))
    assert run(store, world.source).counts == Counts(new=2, quarantined=1)
    (waiting,) = store.quarantined()
    assert (waiting.source, waiting.reason.endswith(".")) == (world.source.name, True)
    assert run(store, world.source).ok
    assert len(store.evaluations()) == 2


def test_a_place_that_is_lost_is_told_in_a_sentence_and_deletes_nothing(store: Store, world: World) -> None:
    for number in range(1, 9):
        world.deliver(instance_xml(number))
    assert run(store, world.source).ok
    before = store.evaluations()
    world.lose()
    error = run(store, world.source).error
    assert isinstance(error, ConnectorError)
    assert str(error).endswith(".")
    assert store.evaluations() == before
    world.regain()
    assert run(store, world.source).ok
    assert store.evaluations() == before


def test_an_outage_at_any_request_loses_and_doubles_nothing(store: Store, world: World) -> None:
    for number in range(1, 9):
        world.deliver(instance_xml(number))
    world.fail()
    failed = run(store, world.source)
    assert failed.ok == (not world.requests)
    assert run(store, world.source).ok
    assert len(store.evaluations()) == 8


def test_no_secret_is_seen_whatever_happens(world: World) -> None:
    world.deliver(instance_xml(1))
    shown = [repr(world.source), str(vars(world.source))]
    world.lose()
    try:
        shown += [repr(page) for page in world.source.pages(None)]
    except ConnectorError as error:
        shown += [str(error), repr(error), repr(error.__cause__), repr(vars(error))]
    shown += [f"{one.path}?{one.query}" for one in world.requests]
    assert not any(secret in text for secret in world.secrets for text in shown)
