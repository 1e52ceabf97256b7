"""What every source must fulfil, asked of all four: everything once, whole pages, nothing lost by a crash."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from connector_worlds import ANSWERS, AT_ONCE, CODE, KEYS, NOW, instance_id, instance_xml

from bot.outbox import Outbox, new_key_pair
from connector import (
    CentralSource,
    ChatSource,
    CollectSource,
    Counts,
    KoboSource,
    Page,
    RunReport,
    Source,
    Store,
    Submission,
    sync,
)
from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from xlsforms import Form

KINDS = ("kobo", "central", "collect", "chat")
PAIR = new_key_pair()
TOKEN, EMAIL, PASSWORD = "a" * 40, "reader@example.org", "a long passphrase"


@dataclass(frozen=True)
class World:
    """Where people's filled forms arrive (`deliver` takes an instance's XML), and the source that reads it."""

    source: Source
    deliver: Callable[[str], Any]


@pytest.fixture
def worlds(tmp_path: Path, workbook: Path, form: Form) -> Iterator[Callable[[str], World]]:
    """Makes the world of one kind of source; servers run until the test ends. Pages are small."""
    with ExitStack() as open_things:

        def make(kind: str) -> World:
            return MAKERS[kind](open_things, tmp_path, workbook, form)

        yield make


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest, worlds: Callable[[str], World]) -> World:
    return worlds(request.param)


def kobo(stack: ExitStack, folder: Path, workbook: Path, form: Form) -> World:
    server = stack.enter_context(KoboServer(clock=clock, token=TOKEN))
    asset = server.deploy(workbook)
    source = KoboSource(server.url, token=TOKEN, asset=asset, patience=AT_ONCE, page_rows=3)
    return World(stack.enter_context(source), server.submit)


def central(stack: ExitStack, folder: Path, workbook: Path, form: Form) -> World:
    server = stack.enter_context(CentralServer(clock=clock, email=EMAIL, password=PASSWORD))
    source = CentralSource(
        server.url,
        email=EMAIL,
        password=PASSWORD,
        project=server.project.id,
        form=server.deploy(workbook),
        patience=AT_ONCE,
        page_rows=3,
    )
    return World(stack.enter_context(source), server.submit)


def collect(stack: ExitStack, folder: Path, workbook: Path, form: Form) -> World:
    inbox = folder / "instances"
    inbox.mkdir()
    numbers = itertools.count(1)

    def deliver(xml: str) -> None:
        (inbox / f"{next(numbers):04d}.xml").write_text(xml, encoding="utf-8")

    return World(CollectSource(inbox, forms=[form], files_per_page=3), deliver)


def chat(stack: ExitStack, folder: Path, workbook: Path, form: Form) -> World:
    outbox = stack.enter_context(Outbox(f"sqlite:///{folder / 'outbox.db'}", public_key=PAIR.public))
    numbers = itertools.count(1)

    def deliver(xml: str) -> None:
        outbox.put(
            "evaluation",
            form_id=form.form_id,
            form_version=form.version,
            instance_xml=xml,
            receipt="4711815000",
            day=dt.date(2026, 11, 20),
            id=f"interview-{next(numbers)}",
        )

    return World(ChatSource(outbox, private_key=PAIR.private, forms=[form], rows_per_page=3), deliver)


MAKERS = {"kobo": kobo, "central": central, "collect": collect, "chat": chat}


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
    assert set(restarted.sightings_summary()) == {(world.source.name,)}


def test_a_refused_row_is_counted_and_not_stored(store: Store, world: World) -> None:
    world.deliver(instance_xml(1, consent="no"))
    world.deliver(instance_xml(2, adult="no"))
    world.deliver(instance_xml(3, practice="yes"))
    world.deliver(instance_xml(4))
    assert run(store, world.source).counts == Counts(new=1, refused=3)
    assert len(store.evaluations()) == 1


@pytest.mark.parametrize("kind", ["kobo", "central", "collect"])
def test_an_edit_counts_once_and_replaces(store: Store, worlds: Callable[[str], World], kind: str) -> None:
    """Not in the chat: what is finished there is not edited, another one is another evaluation."""
    world = worlds(kind)
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
    sqlite_url: str, worlds: Callable[[str], World], order: tuple[str, ...]
) -> None:
    with Store(sqlite_url, keys=KEYS) as store:
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
