"""What happens around a conversation when databases fail: nothing is called saved that is not."""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from speaking import AtTheDesk, shown
from test_conversation import TO_REVIEW

from bot.outbox import KeyPair, Outbox, open_row
from xlsforms import read_instance


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


@pytest.mark.parametrize("number", ["4711815000", "47118 15000", "৪৭১১-৮১৫-০০০", "४७११८१५०००"])
def test_a_receipt_takes_back_what_was_sent_and_the_question_stays_open(
    person: AtTheDesk, outbox: Outbox, keys: KeyPair, number: str
) -> None:
    asked = shown(person.all(*TO_REVIEW[:-4]))
    assert "receipt number (10 digits)" in shown(person.say("delete what I sent"))
    said = shown(person.say(number))
    assert said.startswith("It is noted")
    assert said.endswith(asked)
    (wish,) = outbox.take(0, 10)
    assert wish.kind == "withdrawal"
    assert read_instance(open_row(wish, keys.private)).answers == {"receipt": "4711815000"}


def test_a_receipt_can_be_written_after_the_confirmation(person: AtTheDesk, outbox: Outbox) -> None:
    person.all(*TO_REVIEW)
    receipt = re.search(r"\d{10}", shown(person.say("send")))
    assert receipt is not None
    person.say("withdraw")
    assert shown(person.say(receipt.group())).startswith("It is noted")
    assert [row.kind for row in outbox.take(0, 10)] == ["evaluation", "withdrawal"]
    assert "language" in shown(person.say("hello"))


def test_a_receipt_that_cannot_be_one_is_asked_for_again_and_nothing_is_noted(
    person: AtTheDesk, outbox: Outbox
) -> None:
    assert outbox.take(0, 1) == []
    person.all(*TO_REVIEW[:-4])
    asked = shown(person.say("withdraw"))
    assert shown(person.say("471181500")) == asked
    assert outbox.take(0, 1) == []


def test_an_answer_behind_the_wish_to_withdraw_is_an_answer(person: AtTheDesk, outbox: Outbox) -> None:
    person.all(*TO_REVIEW[:-4])
    person.say("withdraw")
    after = shown(person.say(TO_REVIEW[-4]))
    assert "receipt" not in after
    assert outbox.take(0, 1) == []


def test_a_withdrawal_is_called_noted_only_after_its_commit(
    person: AtTheDesk, outbox: Outbox, tmp_path: Path
) -> None:
    assert outbox.take(0, 1) == []
    person.all(*TO_REVIEW[:-4])
    person.say("withdraw")
    with locked(tmp_path / "outbox.db"):
        assert "could not be noted" in shown(person.say("4711815000"))
    assert outbox.take(0, 1) == []
    assert shown(person.say("4711815000")).startswith("It is noted")
    assert [row.kind for row in outbox.take(0, 10)] == ["withdrawal"]


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
