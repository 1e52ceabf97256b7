"""What the outbox promises: committed or not saved, once, sealed, and gone after the acknowledgement."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import NotSavedError, WordsError
from bot.outbox import KeyPair, Outbox, new_key_pair, open_row, receipt_hash

DAY = dt.date(2026, 11, 23)
XML = "<data id='f'><comment>CANARY-1f6e</comment></data>"


@pytest.fixture
def keys() -> KeyPair:
    return new_key_pair()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "private" / "outbox.db"


@pytest.fixture
def outbox(file: Path, keys: KeyPair) -> Iterator[Outbox]:
    with Outbox(f"sqlite:///{file}", public_key=keys.public, wait_seconds=0.2) as outbox:
        yield outbox


def put(outbox: Outbox, id: str = "a", receipt: str = "1234567890", xml: str = XML) -> None:
    outbox.put("evaluation", form_id="f", form_version="1", instance_xml=xml, receipt=receipt, day=DAY, id=id)


def test_what_was_put_is_taken_and_opened_with_the_private_key(outbox: Outbox, keys: KeyPair) -> None:
    put(outbox)
    (row,) = outbox.take(0, 10)
    assert (row.seq, row.id, row.kind, row.form_id, row.form_version, row.day) == (
        1,
        "a",
        "evaluation",
        "f",
        "1",
        DAY,
    )
    assert open_row(row, keys.private) == XML
    assert row.receipt_hash == receipt_hash("1234567890", keys.public)


def test_an_interview_put_twice_counts_once(outbox: Outbox, keys: KeyPair) -> None:
    put(outbox)
    put(outbox, xml="<data/>")
    assert [open_row(row, keys.private) for row in outbox.take(0, 10)] == [XML]


def test_rows_are_taken_in_order_and_in_portions(outbox: Outbox) -> None:
    for id in "abc":
        put(outbox, id)
    assert [row.id for row in outbox.take(0, 2)] == ["a", "b"]
    assert [row.id for row in outbox.take(2, 2)] == ["c"]


def test_acknowledged_rows_are_gone_and_their_numbers_are_not_given_again(outbox: Outbox) -> None:
    put(outbox, "a")
    put(outbox, "b")
    assert outbox.acknowledge(["a", "b", "never seen"]) == 2
    put(outbox, "c")
    assert [(row.seq, row.id) for row in outbox.take(0, 10)] == [(3, "c")]


def test_neither_the_answers_nor_the_receipt_can_be_read_in_the_files(outbox: Outbox, file: Path) -> None:
    put(outbox)
    on_disk = b"".join(part.read_bytes() for part in file.parent.iterdir())
    assert b"evaluation" in on_disk  # the search itself works
    assert b"CANARY" not in on_disk
    assert b"1234567890" not in on_disk


def test_nothing_is_left_of_an_acknowledged_row(outbox: Outbox, file: Path) -> None:
    put(outbox, "CANARY-id")
    assert any(b"CANARY-id" in part.read_bytes() for part in file.parent.iterdir())
    outbox.acknowledge(["CANARY-id"])
    assert not any(b"CANARY-id" in part.read_bytes() for part in file.parent.iterdir())


def test_the_files_belong_to_their_owner_alone(outbox: Outbox, file: Path) -> None:
    put(outbox)
    assert {part.name: part.stat().st_mode & 0o777 for part in file.parent.iterdir()} == {
        "outbox.db": 0o600,
        "outbox.db-wal": 0o600,
        "outbox.db-shm": 0o600,
    }


def test_a_locked_outbox_says_not_saved(outbox: Outbox, file: Path) -> None:
    put(outbox)
    lock = sqlite3.connect(file, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    with pytest.raises(NotSavedError, match="try again") as caught:
        put(outbox, "b")
    lock.close()
    assert "CANARY" not in str(caught.value)
    assert [row.id for row in outbox.take(0, 10)] == ["a"]


def test_a_row_is_on_disk_when_put_returns(outbox: Outbox, file: Path, keys: KeyPair) -> None:
    put(outbox)
    with Outbox(f"sqlite:///{file}") as another:
        assert [row.id for row in another.take(0, 1)] == ["a"]


def test_a_row_sealed_to_another_key_is_refused_in_words(outbox: Outbox) -> None:
    put(outbox)
    with pytest.raises(WordsError, match="row 1 was sealed to another key"):
        open_row(outbox.take(0, 1)[0], new_key_pair().private)


def test_without_a_public_key_nothing_is_put(file: Path) -> None:
    with Outbox(f"sqlite:///{file}") as reader, pytest.raises(NotSavedError, match="no public key"):
        put(reader)


def test_a_key_of_the_wrong_length_is_refused(file: Path) -> None:
    with pytest.raises(WordsError, match="64 hexadecimal digits"):
        Outbox(f"sqlite:///{file}", public_key="abc")
