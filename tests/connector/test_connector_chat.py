"""The bot's outbox: opened, stored, and only then deleted; whatever is delivered twice counts once."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from connector_worlds import KEYS, NOW, instance_xml

from bot.outbox import KeyPair, Outbox, new_key_pair
from connector import ChatSource, Counts, GiveUp, Page, RetryLater, RunReport, Store, Submission, sync
from connector.forwarding import Forwarding
from xlsforms import Form

PAIR = new_key_pair()
DAY = dt.date(2026, 11, 20)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(f"sqlite:///{tmp_path / 'outbox.db'}", public_key=PAIR.public) as opened:
        yield opened


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    with Store(sqlite_url, keys=KEYS) as opened:
        yield opened


def run(store: Store, outbox: Outbox, form: Form, pair: KeyPair = PAIR) -> RunReport:
    source = ChatSource(outbox, private_key=pair.private, forms=[form], rows_per_page=3)
    (report,) = sync(store, [source], now=lambda: NOW)
    return report


def put(
    outbox: Outbox, number: int, kind: str = "evaluation", xml: str | None = None, **answers: str
) -> None:
    outbox.put(
        kind,
        form_id="small_evaluation",
        form_version="2026112301",
        instance_xml=instance_xml(number, **answers) if xml is None else xml,
        receipt="4711815000",
        day=DAY,
        id=f"{kind}-{number}",
    )


def test_finished_interviews_are_stored_and_then_deleted(store: Store, outbox: Outbox, form: Form) -> None:
    for number in range(1, 8):
        put(outbox, number)
    assert run(store, outbox, form).counts == Counts(new=7)
    assert outbox.take(0, 10) == []
    assert {one["mode"] for one in store.evaluations()} == {"chat"}
    assert run(store, outbox, form).counts == Counts()


def test_a_crash_between_commit_and_acknowledgement_delivers_twice_and_counts_once(
    store: Store, outbox: Outbox, form: Form
) -> None:
    class Crashing(ChatSource):
        def committed(self, page: Page) -> None:
            raise KeyboardInterrupt

    put(outbox, 1)
    crashing = Crashing(outbox, private_key=PAIR.private, forms=[form])
    with pytest.raises(KeyboardInterrupt):
        sync(store, [crashing], now=lambda: NOW)
    assert len(store.evaluations()) == 1
    assert len(outbox.take(0, 10)) == 1
    assert run(store, outbox, form).counts == Counts(unchanged=1)
    assert len(store.evaluations()) == 1
    assert outbox.take(0, 10) == []


def test_a_refused_interview_is_counted_and_deleted(store: Store, outbox: Outbox, form: Form) -> None:
    put(outbox, 1, practice="yes")
    assert run(store, outbox, form).counts == Counts(refused=1)
    assert outbox.take(0, 10) == []


def test_a_row_that_cannot_be_opened_stays_in_the_outbox(store: Store, outbox: Outbox, form: Form) -> None:
    put(outbox, 1)
    report = run(store, outbox, form, new_key_pair())
    assert report.counts == Counts(quarantined=1)
    assert "sealed to another key" in store.quarantined()[0].reason
    assert run(store, outbox, form).counts == Counts(new=1)
    assert store.quarantined() == []


@pytest.mark.parametrize(
    "xml",
    ["<data", "<data id='small_evaluation'><consent>yes</consent></data>", instance_xml(1, form_id="other")],
    ids=["cut off", "no id", "another form"],
)
def test_an_unreadable_interview_waits_and_does_not_stop_the_others(
    store: Store, outbox: Outbox, form: Form, xml: str
) -> None:
    put(outbox, 1, xml=xml)
    for number in range(2, 8):
        put(outbox, number)
    assert run(store, outbox, form).counts == Counts(new=6, quarantined=1)
    assert [row.id for row in outbox.take(0, 10)] == ["evaluation-1"]


def test_a_withdrawal_erases_by_its_receipt(store: Store, outbox: Outbox, form: Form) -> None:
    put(outbox, 1)
    run(store, outbox, form)
    put(outbox, 2, kind="withdrawal", xml="<data id='withdrawal'><receipt>4711815000</receipt></data>")
    assert run(store, outbox, form).counts == Counts(deleted=1)
    assert store.evaluations() == []
    assert outbox.take(0, 10) == []


def test_an_alert_is_left_to_those_it_is_for(store: Store, outbox: Outbox, form: Form) -> None:
    put(outbox, 1, kind="alert")
    assert run(store, outbox, form).counts == Counts()
    assert len(outbox.take(0, 10)) == 1


@dataclass(frozen=True)
class Refusing:
    """A platform that takes nothing."""

    def forward(self, one: Submission) -> None:
        raise GiveUp("It takes nothing.")


@pytest.mark.parametrize("forwarded", [False, True])
def test_an_alert_that_nobody_fetched_goes_after_its_days_and_nothing_else_does(
    store: Store, outbox: Outbox, form: Form, forwarded: bool
) -> None:
    put(outbox, 1, kind="alert")
    put(outbox, 2, xml="<cut")
    left = []
    for days in (10, 11):
        chat = ChatSource(outbox, private_key=PAIR.private, forms=[form], alerts=dt.timedelta(days=10))
        source = Forwarding(chat, store, Refusing()) if forwarded else chat
        today = dt.datetime(2026, 11, 20, 6, tzinfo=dt.UTC) + dt.timedelta(days=days)
        sync(store, [source], now=lambda today=today: today)
        left.append([row.kind for row in outbox.take(0, 10)])
    assert left == [["alert", "evaluation"], ["evaluation"]]


def test_a_clock_years_ahead_takes_no_alert(store: Store, outbox: Outbox, form: Form) -> None:
    put(outbox, 1, kind="alert")
    run(store, outbox, form)
    source = ChatSource(outbox, private_key=PAIR.private, forms=[form])
    sync(store, [source], now=lambda: NOW.replace(year=2031))
    assert len(outbox.take(0, 10)) == 1


def test_an_outbox_that_cannot_be_read_is_tried_again_later(store: Store, form: Form, tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(b"this is no database" * 100)
    with Outbox(f"sqlite:///{path}") as broken:
        report = run(store, broken, form)
    assert isinstance(report.error, RetryLater)
    assert "outbox" in str(report.error)


def test_the_private_key_does_not_show_itself(outbox: Outbox, form: Form) -> None:
    source: Any = ChatSource(outbox, private_key=PAIR.private, forms=[form])
    assert PAIR.private not in repr(source)


def test_an_outbox_on_another_machine_is_read_the_same_way(store: Store, empty_url: str, form: Form) -> None:
    """It is a database with an address: the bot's side puts, ours takes and acknowledges over a connection of its own."""
    with Outbox(empty_url, public_key=PAIR.public) as theirs, Outbox(empty_url) as ours:
        for number in range(1, 6):
            put(theirs, number)
        assert run(store, ours, form).counts == Counts(new=5)
        xml = "<data id='withdrawal'><receipt>4711815000</receipt></data>"
        put(theirs, 9, kind="withdrawal", xml=xml)
        put(theirs, 10, kind="alert", xml="<data id='alert'/>")
        assert run(store, ours, form).counts.deleted == 5
        assert [row.kind for row in theirs.take(0, 100)] == ["alert"]


def test_an_acknowledgement_that_fails_is_told_and_the_rows_come_again(
    store: Store, outbox: Outbox, form: Form, tmp_path: Path
) -> None:
    put(outbox, 1)
    reader = sqlite3.connect(tmp_path / "outbox.db")
    with closing(reader), Outbox(f"sqlite:///{tmp_path / 'outbox.db'}", wait_seconds=0.05) as impatient:
        reader.execute("BEGIN IMMEDIATE")  # somebody is writing and does not come to an end
        report = run(store, impatient, form)
    assert isinstance(report.error, RetryLater)
    assert "counts once" in str(report.error)
    assert run(store, outbox, form).counts == Counts(unchanged=1)
    assert outbox.take(0, 10) == []
