"""Only what the form marks enters the store: unique words in every other place are looked for in all of its bytes."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path

import psycopg
import pytest
from connector_worlds import ANSWERS, CODE, KEYS, NOW, TEXT_PRIVATE, submission

from connector import Collector, FormVersion, Page, Registry, Store, Submission, Unreadable, Withdrawal
from connector.seal import open_text

# In every place that is not marked, or is marked and must not be readable.
UNMARKED = {
    "core/village_size": "canary-village",
    "instanceName": "canary-instance-name",
    "deviceid": "canary-device",
    "username": "canary-enumerator",
    "phonenumber": "canary-phone",
    "_notes": "canary-note",
    "visit[1]/who": "canary-repeat",
    "never/heard_of": "canary-unknown-question",
}
SECRET = {
    "survivor_code": CODE,
    "collector": "canary-collector",
    "receipt": "4711815000",
    "comment": "canary-comment she came every week",
}
EXACT = ("T10:00:00", "10:00:00", "T10:07:31", "10:07:31")
WORDS = (*UNMARKED.values(), *SECRET.values(), "canary", "she came every week", *EXACT)
FULL = ANSWERS | UNMARKED | SECRET


def everything(url: str) -> bytes:
    """Every byte of the database: SQLite's file with its log and shared memory, or all rows of all tables as text."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        parts = []
        for (table,) in tables:
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT") as copy:
                parts += [bytes(part) for part in copy]
    return b"".join(parts)


def found(url: str, words: tuple[str, ...] = WORDS) -> list[str]:
    stored = everything(url)
    # PostgreSQL shows sealed bytes as hexadecimal digits: a text stored in clear as bytes would look so.
    return [word for word in words if word.encode() in stored or word.encode().hex().encode() in stored]


@pytest.fixture
def ready(store: Store, form_version: FormVersion) -> Store:
    store.add_form(form_version)
    store.add_codes([CODE])
    store.set_registry(Registry((), (Collector("canary-collector", "ngo_a"),)))
    return store


def record(store: Store, *submissions: Submission) -> None:
    store.record("kobo", Page(submissions, cursor={"after": 1}), now=NOW)


def test_neither_unmarked_answers_nor_codes_nor_texts_are_stored(ready: Store, store_url: str) -> None:
    record(
        ready,
        submission(1, source="kobo", answers=FULL, collector="canary-collector"),
        submission(2, source="kobo", answers=FULL | {"consent": "no"}),
        submission(3, source="kobo", answers=FULL | {"practice": "yes", "core/bribe": "canary-bribe"}),
        submission(4, source="kobo", answers=FULL | {"today": "", "end": "", "start": ""}),
    )
    broken = Unreadable("kobo", "5", "It is not XML.", "canary-raw she came every week")
    ready.record(
        "kobo", Page(unreadable=(broken,), withdrawals=(Withdrawal("chat", "w", "4711815001"),)), now=NOW
    )
    assert len(ready.evaluations()) == 1
    assert found(store_url) == []
    # With a control: what may be there is found in the same bytes.
    assert found(store_url, (KEYS.survivor(CODE), "sw_303_001")) == [KEYS.survivor(CODE), "sw_303_001"]


def test_what_is_replaced_or_deleted_leaves_no_bytes_behind(
    sqlite_url: str, form_version: FormVersion
) -> None:
    """Marked answers this time: they are stored, and then they must be gone from the file and its log."""
    marked = ANSWERS | {"provider": "canary-provider", "role": "canary-role", "block": "canary-block"}
    rows = [submission(number, source="kobo", answers=marked) for number in range(1, 40)]
    with Store(sqlite_url, keys=KEYS) as store:
        store.add_form(form_version)
        record(store, *rows)
        assert found(sqlite_url, ("canary-provider",))
        record(store, *(submission(n, source="kobo", version_id=f"e{n}") for n in range(1, 20)))
        record(store, *(submission(n, source="kobo", deleted=True) for n in range(20, 40)))
    assert found(sqlite_url, ("canary-provider", "canary-role", "canary-block")) == []


def test_what_is_forgotten_leaves_no_bytes_behind(sqlite_url: str, form_version: FormVersion) -> None:
    with Store(sqlite_url, keys=KEYS) as store:
        store.add_form(form_version)
        old = ANSWERS | {"today": "2026-08-01", "provider": "canary-provider"}
        record(store, submission(1, source="kobo", answers=old))
        store.forget(NOW)
    assert found(sqlite_url, ("2026-08-01", "canary-provider")) == ["canary-provider"]
    with Store(sqlite_url, keys=KEYS) as store:
        store.forget(NOW.replace(year=2028), believe_clock=True)
    assert found(sqlite_url, ("canary-provider", submission(1).root_id)) == []


def test_times_are_kept_to_the_day(ready: Store) -> None:
    record(ready, submission(1, source="kobo", answers=FULL))
    (one,) = ready.evaluations()
    assert (one["day"], one["seconds"]) == (dt.date(2026, 11, 20), 450)


def test_the_key_holders_read_what_the_writer_cannot(sqlite_url: str, form_version: FormVersion) -> None:
    with Store(sqlite_url, keys=KEYS) as store:
        store.add_form(form_version)
        record(
            store, *(submission(n, source="kobo", answers=FULL | {"comment": f"word {n}"}) for n in (1, 2))
        )
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    sealed = [row[0] for row in connection.execute("SELECT sealed FROM free_text ORDER BY submission_id")]
    connection.close()
    assert [open_text(one, TEXT_PRIVATE) for one in sealed] == ["word 1", "word 2"]
    assert sealed[0][32:56] != sealed[1][32:56]  # a nonce of its own for each
