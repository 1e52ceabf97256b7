"""A store in trouble: locked, full, cut off, used by two at once. Nothing is half done, and a sentence says what to do."""

from __future__ import annotations

import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from connector_worlds import KEYS, NOW, submission

from connector import Counts, FormVersion, Page, RetryLater, Store
from connector.store.engine import ONE_WRITER


@pytest.fixture
def ready(store: Store, form_version: FormVersion) -> Store:
    store.add_form(form_version)
    store.record("kobo", Page((submission(1, source="kobo"),), cursor={"after": 1}), now=NOW)
    return store


def page(*numbers: int, cursor: int | None = None) -> Page:
    rows = tuple(submission(number, source="kobo") for number in numbers)
    return Page(rows, cursor=None if cursor is None else {"after": cursor})


@contextmanager
def held_by_another(url: str) -> Iterator[None]:
    """Another program is in the middle of writing."""
    if url.startswith("sqlite"):
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
        return
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_WRITER])
        yield


def test_a_locked_database_is_told_in_one_sentence_and_nothing_is_lost(ready: Store, store_url: str) -> None:
    with Store(store_url, keys=KEYS, busy_seconds=0.1) as hasty:
        with (
            held_by_another(store_url),
            pytest.raises(RetryLater, match=r"Another program is writing to it; run again when"),
        ):
            hasty.record("kobo", page(2, cursor=2), now=NOW)
        assert (len(ready.evaluations()), ready.cursor("kobo")) == (1, {"after": 1})
        assert hasty.record("kobo", page(2, cursor=2), now=NOW) == Counts(new=1)


def test_who_reads_does_not_wait_for_who_writes(ready: Store, store_url: str) -> None:
    with held_by_another(store_url), Store(store_url, keys=KEYS, busy_seconds=0.1) as other:
        assert len(other.evaluations()) == 1


def test_two_connectors_at_once_store_each_instance_once(
    ready: Store, make_store: Callable[[], Store]
) -> None:
    """Both read the same pages; they wait for each other instead of crossing."""
    counts: dict[str, list[Counts]] = {"one": [], "two": []}
    begin = threading.Barrier(2)

    def connect(name: str, store: Store) -> None:
        begin.wait()
        for start in range(2, 60, 6):
            counts[name].append(store.record("kobo", page(*range(start, start + 6), cursor=start), now=NOW))

    threads = [threading.Thread(target=connect, args=(name, make_store())) for name in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum((one for some in counts.values() for one in some), Counts())
    assert total == Counts(new=60, unchanged=60)
    assert len(ready.evaluations()) == 61


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """As when the disk is full: the operating system refuses to let any file of this process grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_page_unrecorded_and_nothing_lost(
    sqlite_url: str, form_version: FormVersion
) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    with Store(sqlite_url, keys=KEYS) as store:
        store.add_form(form_version)
        store.record("kobo", page(1, cursor=1), now=NOW)
        room = max(path.stat().st_size, path.with_name(f"{path.name}-wal").stat().st_size) + 4096
        with no_file_larger_than(room), pytest.raises(RetryLater, match=r"The disk may be full: make room"):
            store.record("kobo", page(*range(2, 400), cursor=400), now=NOW)
        assert (len(store.evaluations()), store.cursor("kobo")) == (1, {"after": 1})
        assert store.record("kobo", page(*range(2, 400), cursor=400), now=NOW) == Counts(new=398)


def test_a_connection_that_is_cut_while_rows_are_written_loses_nothing(
    postgresql_url: str, form_version: FormVersion
) -> None:
    """The rows go by COPY, past SQLAlchemy: an error there must arrive in the same words."""
    with Store(postgresql_url, keys=KEYS) as store:
        store.add_form(form_version)
        store.record("kobo", page(1, cursor=1), now=NOW)
        bad = submission(2, source="kobo", native_id="a\x00b")  # PostgreSQL has no such character
        with pytest.raises(RetryLater, match=r"nothing was half done"):
            store.record("kobo", Page((submission(3, source="kobo"), bad), cursor={"after": 3}), now=NOW)
        assert (len(store.evaluations()), store.cursor("kobo")) == (1, {"after": 1})
        with psycopg.connect(postgresql_url.replace("+psycopg", ""), autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(RetryLater, match=r"terminat|closed"):
            store.record("kobo", page(3, cursor=3), now=NOW)
        assert store.record("kobo", page(3, cursor=3), now=NOW) == Counts(new=1)
