"""Copies of chat evaluations for the platform: sent once, counted once, nothing sent that may not be, nothing lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from connector_worlds import (
    ANSWERS,
    AT_ONCE,
    CODE,
    FORM,
    NOW,
    instance_id,
    instance_xml,
    submission,
    write_workbook,
)

from bot.outbox import Outbox, new_key_pair
from connector import (
    CentralSource,
    ChatSource,
    ErasureList,
    GiveUp,
    KoboSource,
    RetryLater,
    Source,
    Store,
    Submission,
    Wish,
    erase,
    sync,
)
from connector.forwarding import CentralForwarder, Forwarder, Forwarding, KoboForwarder, filled_form
from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from shakti.demo.loopback import LoopbackServer, Response
from xlsforms import Form, read_instance

PAIR = new_key_pair()
TOKEN, EMAIL, PASSWORD = "f" * 40, "reader@example.org", "a long passphrase"
PLATFORMS = ("kobo", "central")


def clock() -> dt.datetime:
    return NOW


@dataclass(frozen=True)
class World:
    """A platform, the source that reads it, and what sends to it."""

    server: Any
    source: Source
    forwarder: Forwarder

    def rows(self) -> int:
        """How many submissions the platform holds."""
        if isinstance(self.server, KoboServer):
            (asset,) = self.server.platform.assets.values()
            return len(asset.rows)
        (form,) = self.server.project.forms.values()
        return len(form.submissions)


def kobo(workbook: Path) -> Iterator[World]:
    with KoboServer(clock=clock, token=TOKEN) as server:
        uid = server.deploy(workbook)
        with (
            KoboSource(server.url, token=TOKEN, asset=uid, patience=AT_ONCE) as source,
            KoboForwarder(server.url, token=TOKEN, assets=[uid], patience=AT_ONCE) as forwarder,
        ):
            yield World(server, source, forwarder)


def central(workbook: Path) -> Iterator[World]:
    with CentralServer(clock=clock, email=EMAIL, password=PASSWORD) as server:
        form, project = server.deploy(workbook), server.project.id
        opened = requests.post(
            f"{server.url}/v1/sessions", json={"email": EMAIL, "password": PASSWORD}, timeout=10
        )
        token = opened.json()["token"]
        opened.close()
        with (
            CentralSource(
                server.url, email=EMAIL, password=PASSWORD, project=project, form=form, patience=AT_ONCE
            ) as source,
            CentralForwarder(server.url, token=token, project=project, patience=AT_ONCE) as forwarder,
        ):
            yield World(server, source, forwarder)


@pytest.fixture(params=PLATFORMS)
def world(request: pytest.FixtureRequest, workbook: Path) -> Iterator[World]:
    yield from {"kobo": kobo, "central": central}[request.param](workbook)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(f"sqlite:///{tmp_path / 'outbox.db'}", public_key=PAIR.public) as opened:
        yield opened


@pytest.fixture
def say(outbox: Outbox, form: Form) -> Callable[..., None]:
    """Puts the number-th interview into the outbox."""

    def put(number: int, **answers: str) -> None:
        outbox.put(
            "evaluation",
            form_id=form.form_id,
            form_version=form.version,
            instance_xml=instance_xml(number, **answers),
            receipt=answers.get("receipt", ANSWERS["receipt"]),
            day=NOW.date(),
            id=f"interview-{number}",
        )

    return put


@pytest.fixture
def chat(outbox: Outbox, form: Form) -> ChatSource:
    return ChatSource(outbox, private_key=PAIR.private, forms=[form], rows_per_page=1)


@pytest.fixture
def erasures(tmp_path: Path) -> ErasureList:
    return ErasureList(tmp_path / "erasures.list")


def waiting(outbox: Outbox) -> list[str]:
    return [row.id for row in outbox.take(0, 10)]


def test_a_chat_evaluation_is_sent_and_counts_once_when_the_platform_shows_it(
    store: Store, world: World, outbox: Outbox, chat: ChatSource, say: Callable[..., None]
) -> None:
    say(1, comment="<good> & 'kind' – ভালো")
    store.add_codes([CODE])
    (report,) = sync(store, [Forwarding(chat, store, world.forwarder)], now=clock)
    assert report.ok
    assert (world.rows(), waiting(outbox)) == (1, [])
    (before,) = store.evaluations()
    (back,) = sync(store, [world.source], now=clock)
    assert back.ok
    (after,) = store.evaluations()
    assert after == before
    assert after["mode"] == "chat"
    assert after["verified"] is True
    (kinds,) = store.sightings_summary()
    assert "chat" in kinds
    assert len(kinds) == 2


def test_a_crash_between_sending_and_forgetting_sends_again_and_makes_no_second_row(
    store: Store, world: World, outbox: Outbox, chat: ChatSource, say: Callable[..., None]
) -> None:
    class Lost:
        """The answer to what was sent is lost."""

        def forward(self, one: Submission) -> None:
            world.forwarder.forward(one)
            raise RetryLater("The line was cut.")

    say(1)
    (first,) = sync(store, [Forwarding(chat, store, Lost())], now=clock)
    assert str(first.error) == "The line was cut."
    assert (world.rows(), waiting(outbox)) == (1, ["interview-1"])
    (again,) = sync(store, [Forwarding(chat, store, world.forwarder)], now=clock)
    assert again.ok
    assert (world.rows(), waiting(outbox), len(store.evaluations())) == (1, [], 1)


def test_a_platform_that_is_down_stops_the_copies_and_nothing_else(
    store: Store, world: World, outbox: Outbox, chat: ChatSource, say: Callable[..., None]
) -> None:
    for number in (1, 2, 3):
        say(number, receipt=str(number))
    # KoboToolbox is asked about the project first, with patience; what is sent is sent once.
    questions = AT_ONCE.tries + 1 if isinstance(world.server, KoboServer) else 1
    world.server.interrupt(*[Response(503)] * questions)
    (report,) = sync(store, [Forwarding(chat, store, world.forwarder)], now=clock)
    assert isinstance(report.error, RetryLater)
    assert len(store.evaluations()) == 3, "everything is stored"
    assert len(waiting(outbox)) == 3, "nothing unsent is forgotten"
    (again,) = sync(store, [Forwarding(chat, store, world.forwarder)], now=clock)
    assert again.ok
    assert (world.rows(), waiting(outbox), len(store.evaluations())) == (3, [], 3)


def test_what_may_not_be_stored_is_not_sent(
    store: Store, world: World, chat: ChatSource, say: Callable[..., None], erasures: ErasureList
) -> None:
    say(1, consent="no", receipt="1")
    say(2, practice="yes", receipt="2")
    say(3)
    wish = Wish("receipt", ANSWERS["receipt"])
    erase(store, wish, erasures=erasures, outbox=None, erasers={}, today=NOW.date())
    say(4, receipt="4")
    (report,) = sync(store, [Forwarding(chat, store, world.forwarder)], now=clock, erasures=erasures)
    assert (report.ok, report.counts.new, report.counts.erased) == (True, 1, 1)
    assert world.rows() == 1
    assert list(chat.pages(None)) == []


def test_what_was_edited_on_the_platform_since_is_left_as_it_is_there(
    store: Store, world: World, outbox: Outbox, chat: ChatSource, say: Callable[..., None]
) -> None:
    world.server.submit(instance_xml(1, core__respect="1"))
    say(1, core__respect="5")
    (report,) = sync(store, [Forwarding(chat, store, world.forwarder)], now=clock)
    assert report.ok
    sync(store, [world.source], now=clock)
    (one,) = store.evaluations()
    assert one["values"]["respect"] == 1.0, "the platform outranks the chat"
    assert (world.rows(), waiting(outbox)) == (1, [])


def test_another_version_in_service_is_said_and_the_interview_waits(
    tmp_path: Path, store: Store, outbox: Outbox, chat: ChatSource, say: Callable[..., None]
) -> None:
    newer = tmp_path / "small_evaluation.xlsx"
    write_workbook(FORM.replace("2026112301", "2026112302"), newer)
    for make, says in ((kobo, "in service there is version 2026112302"), (central, "in this version")):
        worlds = make(newer)
        world = next(worlds)
        say(1)
        (report,) = sync(store, [Forwarding(chat, store, world.forwarder)], now=clock)
        assert isinstance(report.error, GiveUp)
        assert says in str(report.error)
        assert "shakti forms deploy" in str(report.error)
        assert (world.rows(), waiting(outbox)) == (0, ["interview-1"])
        worlds.close()  # type: ignore[attr-defined]


def test_an_account_that_may_not_send_is_told_without_its_secret(world: World) -> None:
    server: LoopbackServer = world.server
    one = submission(1, answers={**ANSWERS, "meta/instanceID": instance_id(1)})
    wrong = (
        KoboForwarder(server.url, token="not-this-one", assets=["aX"], patience=AT_ONCE)
        if isinstance(server, KoboServer)
        else CentralForwarder(server.url, token="not-this-one", project=1, patience=AT_ONCE)
    )
    with wrong, pytest.raises(GiveUp, match="does not accept") as refused:
        wrong.forward(one)
    assert "not-this-one" not in str(refused.value)
    assert all("not-this-one" not in asked.path for asked in server.requests)


def test_a_filled_form_reads_back_as_it_was_answered() -> None:
    answers = {
        "today": "2026-11-20",
        "visit[1]/day": "1",
        "visit[2]/day": "2",
        "visit[2]/note": "a < b & c",
        "core/respect": "4",
        "meta/instanceID": instance_id(1),
    }
    filled = filled_form(submission(1, answers=answers), root="data", form_id="x", version="1")
    read = read_instance(filled)
    assert (read.form_id, read.version, read.answers) == ("x", "1", answers)
    assert filled.endswith(f"<meta><instanceID>{instance_id(1)}</instanceID></meta></data>")
