"""What happens around a conversation when databases fail: nothing is called saved that is not."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from speaking import AtTheDesk, shown
from test_conversation import TO_REVIEW

from bot.outbox import Outbox


@contextmanager
def locked(path: Path) -> Iterator[None]:
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        lock.close()


def test_a_locked_outbox_is_said_and_sending_again_succeeds(
    person: AtTheDesk, outbox: Outbox, tmp_path: Path
) -> None:
    assert outbox.take(0, 1) == []
    person.all(*TO_REVIEW)
    with locked(tmp_path / "outbox.db"):
        text = shown(person.say("send"))
    assert "saved" not in text.replace("could not be saved", "")
    assert outbox.take(0, 1) == []
    assert "It is saved." in shown(person.say("send"))
    assert len(outbox.take(0, 10)) == 1


def test_the_same_message_is_tried_again_after_a_failed_commit(
    person: AtTheDesk, outbox: Outbox, tmp_path: Path
) -> None:
    from bot.conversation import Message

    assert outbox.take(0, 1) == []
    person.all(*TO_REVIEW)
    with locked(tmp_path / "outbox.db"):
        person.give(Message(text="send", id="m1"))
    assert "It is saved." in shown(person.give(Message(text="send", id="m1")))


def test_locked_drafts_mean_that_the_message_was_not_used(person: AtTheDesk, tmp_path: Path) -> None:
    asked = shown(person.all(*TO_REVIEW[:-4]))
    with locked(tmp_path / "drafts.db"):
        assert "not used" in shown(person.say("3"))
    assert shown(person.say("repeat")) == asked


def test_a_crash_between_commit_and_draft_saves_once(
    person: AtTheDesk, outbox: Outbox, tmp_path: Path
) -> None:
    """The outbox has the row, the draft still stands at the review: Send again is harmless and confirms."""
    from speaking import NOW

    person.all(*TO_REVIEW)
    draft = person.clerk.drafts.load(person.sender, NOW)
    assert draft is not None
    first = shown(person.say("send"))
    person.clerk.drafts.save(person.sender, draft, NOW)
    assert shown(person.say("send")) == first
    assert len(outbox.take(0, 10)) == 1


def test_a_fault_is_logged_by_kind_and_place_and_never_by_what_was_written(
    person: AtTheDesk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    person.all(*TO_REVIEW[:-3])
    with caplog.at_level(logging.DEBUG), locked(tmp_path / "drafts.db"):
        assert "not used" in shown(person.say("CANARY-3d1f they were kind"))
    assert "UnreadableError at" in caplog.text
    assert "CANARY" not in caplog.text
