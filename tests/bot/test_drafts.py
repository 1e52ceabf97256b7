"""What the drafts promise: encrypted, forgotten after 15 idle minutes, never another conversation's."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.drafts import Drafts, new_drafts_key
from bot.errors import NotSavedError, UnreadableError

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
STATE = {"answers": {"comment": "CANARY-77aa ভালো"}}


@pytest.fixture
def key() -> str:
    return new_drafts_key()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "private" / "drafts.db"


@pytest.fixture
def drafts(file: Path, key: str) -> Iterator[Drafts]:
    with Drafts(f"sqlite:///{file}", key, wait_seconds=0.2) as drafts:
        yield drafts


def test_a_draft_is_found_again_by_its_id_alone(drafts: Drafts) -> None:
    drafts.save("a", {"first": 1}, NOW)
    drafts.save("a", STATE, NOW)
    assert drafts.load("a", NOW) == STATE
    assert drafts.load("b", NOW) is None


def test_after_fifteen_idle_minutes_there_is_nothing(drafts: Drafts) -> None:
    drafts.save("a", STATE, NOW)
    assert drafts.load("a", NOW + dt.timedelta(minutes=14, seconds=59)) == STATE
    assert drafts.load("a", NOW + dt.timedelta(minutes=15)) is None


def test_a_clock_put_back_traps_nobody(drafts: Drafts) -> None:
    drafts.save("a", STATE, NOW)
    assert drafts.load("a", NOW - dt.timedelta(hours=1)) == STATE


def test_purge_forgets_only_what_idled(drafts: Drafts) -> None:
    drafts.save("old", STATE, NOW)
    drafts.save("new", STATE, NOW + dt.timedelta(minutes=10))
    assert drafts.purge(NOW + dt.timedelta(minutes=16)) == 1
    assert drafts.load("new", NOW + dt.timedelta(minutes=16)) == STATE


def test_no_word_and_no_id_can_be_read_in_the_files(drafts: Drafts, file: Path) -> None:
    drafts.save("CANARY-id", STATE, NOW)
    on_disk = b"".join(part.read_bytes() for part in file.parent.iterdir())
    assert b"draft" in on_disk  # the search itself works
    assert b"CANARY" not in on_disk


def test_nothing_is_left_of_a_removed_draft(drafts: Drafts, file: Path, key: str) -> None:
    drafts.save("a", STATE, NOW)
    with sqlite3.connect(file) as connection:
        (box,) = connection.execute("SELECT box FROM draft").fetchone()
    connection.close()
    drafts.remove("a")
    assert drafts.load("a", NOW) is None
    assert not any(box[:24] in part.read_bytes() for part in file.parent.iterdir())


def test_a_draft_moved_to_another_conversation_does_not_open(drafts: Drafts, file: Path) -> None:
    drafts.save("a", STATE, NOW)
    drafts.save("b", {}, NOW)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE draft SET box = (SELECT box FROM draft ORDER BY length(box) DESC LIMIT 1)")
    connection.close()
    assert [drafts.load(id, NOW) for id in "ab"].count(None) == 1


def test_another_key_opens_nothing(drafts: Drafts, file: Path) -> None:
    drafts.save("a", STATE, NOW)
    with Drafts(f"sqlite:///{file}", new_drafts_key()) as others:
        assert others.load("a", NOW) is None


def test_a_locked_database_is_said_and_not_guessed(drafts: Drafts, file: Path) -> None:
    drafts.save("a", STATE, NOW)
    lock = sqlite3.connect(file, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    with pytest.raises(NotSavedError):
        drafts.save("a", {}, NOW)
    with pytest.raises(UnreadableError):
        drafts.remove("a")
    lock.close()
    assert drafts.load("a", NOW) == STATE


def test_the_file_belongs_to_its_owner_alone(drafts: Drafts, file: Path) -> None:
    drafts.save("a", STATE, NOW)
    assert {part.stat().st_mode & 0o777 for part in file.parent.iterdir()} == {0o600}
