"""Finished interviews on their way to the connector: sealed, committed once, deleted when acknowledged.

An interview is sealed to the connector's public key (libsodium sealed box): the bot can write a row and can
never read one back. What lies open in a row is what routes it: kind, form, version and day.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from sqlalchemy import (
    Column,
    Date,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bot.errors import NotSavedError, UnreadableError, WordsError

__all__ = [
    "KINDS",
    "KeyPair",
    "Outbox",
    "Row",
    "UnreadableError",
    "WordsError",
    "new_key_pair",
    "open_database",
    "open_row",
    "receipt_hash",
]

KINDS = ("evaluation", "withdrawal", "alert")
WAIT_SECONDS = 5.0  # how long a write waits for a lock before it says "not saved"

_METADATA = MetaData()
_OUTBOX = Table(
    "outbox",
    _METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("form_id", String(64), nullable=False),
    Column("form_version", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("receipt_hash", String(64), nullable=False, index=True),
    Column("day", Date, nullable=False),
    sqlite_autoincrement=True,  # a sequence number is never given twice: `take(after)` must not miss a row
)


@dataclass(frozen=True)
class KeyPair:
    """A sealed-box key pair, each key 64 hexadecimal digits; the private one is the connector's alone."""

    public: str
    private: str


@dataclass(frozen=True)
class Row:
    """One finished interview as the connector takes it. `sealed` opens with `open_row`."""

    seq: int
    id: str
    kind: str
    form_id: str
    form_version: str
    sealed: bytes
    receipt_hash: str
    day: dt.date


class Outbox(AbstractContextManager["Outbox"]):
    """The table of finished interviews behind `url` (SQLAlchemy; SQLite is created with mode 0600).

    `public_key` (64 hexadecimal digits) is needed to put, not to take.
    """

    def __init__(
        self, url: str, *, public_key: str | None = None, wait_seconds: float = WAIT_SECONDS
    ) -> None:
        self._public_key = None if public_key is None else key_bytes(public_key, "the outbox's public key")
        self._engine = open_database(url, wait_seconds=wait_seconds)
        self._ready = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def put(
        self,
        kind: str,
        *,
        form_id: str,
        form_version: str,
        instance_xml: str,
        receipt: str,
        day: dt.date,
        id: str,
    ) -> None:
        """Seal one interview and commit it. The same `id` put again changes nothing. Raises NotSavedError."""
        if kind not in KINDS:
            raise ValueError(f"an outbox row is one of {', '.join(KINDS)}, not {kind!r}")
        if self._public_key is None:
            raise NotSavedError(
                "The outbox has no public key, so nothing can be sealed; set the key and try again."
            )
        row = {
            "id": id,
            "kind": kind,
            "form_id": form_id,
            "form_version": form_version,
            "sealed": SealedBox(PublicKey(self._public_key)).encrypt(instance_xml.encode()),
            "receipt_hash": _keyed_hash(receipt, self._public_key),
            "day": day,
        }
        try:
            self._prepare()
            self._insert_once(row)
        except SQLAlchemyError as error:
            # `from None`: the driver's message repeats the statement's values.
            raise NotSavedError(
                f"The outbox did not take the interview ({type(error).__name__}); try again."
            ) from None

    def take(self, after: int, n: int) -> list[Row]:
        """At most `n` rows whose sequence number is greater than `after`, oldest first."""
        wanted = select(_OUTBOX).where(_OUTBOX.c.seq > after).order_by(_OUTBOX.c.seq).limit(n)
        try:
            self._prepare()
            with self._engine.connect() as connection:
                return [Row(**row) for row in connection.execute(wanted).mappings()]
        except SQLAlchemyError as error:
            raise UnreadableError(f"The outbox cannot be read ({type(error).__name__}); try again.") from None

    def acknowledge(self, ids: Iterable[str]) -> int:
        """Delete the rows the connector has stored, traces included; returns how many there were."""
        try:
            self._prepare()
            with self._engine.begin() as connection:
                gone = connection.execute(delete(_OUTBOX).where(_OUTBOX.c.id.in_(list(ids)))).rowcount
            truncate_log(self._engine)
        except SQLAlchemyError as error:
            raise UnreadableError(f"The outbox is busy ({type(error).__name__}); try again.") from None
        return gone

    def discard(self, kind: str, *, before: dt.date) -> int:
        """Delete the rows of this kind from before that day, traces included; returns how many there were."""
        try:
            self._prepare()
            with self._engine.begin() as connection:
                old = delete(_OUTBOX).where(_OUTBOX.c.kind == kind, _OUTBOX.c.day < before)
                gone = connection.execute(old).rowcount
            if gone:
                truncate_log(self._engine)
        except SQLAlchemyError as error:
            raise UnreadableError(f"The outbox is busy ({type(error).__name__}); try again.") from None
        return gone

    def _prepare(self) -> None:
        """Make the table on first use: an unreachable database fails the write, not the bot's start."""
        if not self._ready:
            _METADATA.create_all(self._engine)
            self._ready = True

    def _insert_once(self, row: dict[str, Any]) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_OUTBOX).values(**row))
        except IntegrityError:
            with self._engine.connect() as connection:
                known = connection.execute(select(_OUTBOX.c.seq).where(_OUTBOX.c.id == row["id"])).first()
            if known is None:
                raise


def open_row(row: Row, private_key: str) -> str:
    """The instance XML of a row. Raises WordsError when the key is not the one it was sealed to."""
    box = SealedBox(PrivateKey(key_bytes(private_key, "the outbox's private key")))
    try:
        return bytes(box.decrypt(row.sealed)).decode()
    except CryptoError:
        raise WordsError(
            f"Outbox row {row.seq} was sealed to another key; "
            "give the private key that belongs to the bot's public key."
        ) from None


def receipt_hash(receipt: str, public_key: str) -> str:
    """How a receipt is kept: hashed with the outbox's public key, so that a withdrawal finds its row."""
    return _keyed_hash(receipt, key_bytes(public_key, "the outbox's public key"))


def new_key_pair() -> KeyPair:
    """A fresh key pair from the operating system's randomness."""
    private = PrivateKey.generate()
    return KeyPair(public=bytes(private.public_key).hex(), private=bytes(private).hex())


def open_database(url: str, *, wait_seconds: float = WAIT_SECONDS, durable: bool = True) -> Engine:
    """An engine for one of the bot's databases. SQLite: file mode 0600, WAL, secure delete.

    `durable`: a commit survives a power cut (synchronous FULL, one disk wait each); otherwise only a crash.
    """
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, hide_parameters=True)
    database = make_url(url).database
    if database and database != ":memory:":
        _create_private_file(Path(database))
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": wait_seconds})
    event.listen(engine, "connect", partial(_set_pragmas, durable))
    return engine


def truncate_log(engine: Engine) -> None:
    """Empty SQLite's write-ahead log: what was deleted would otherwise still be readable there."""
    if engine.dialect.name != "sqlite":
        return
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _create_private_file(path: Path) -> None:
    """SQLite gives its -wal and -shm files the mode of the main file, so only that one has to be right."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _set_pragmas(durable: bool, connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    cursor.close()


def _keyed_hash(text: str, key: bytes) -> str:
    return hashlib.blake2b(text.encode(), key=key, digest_size=32).hexdigest()


def key_bytes(key: str, what: str) -> bytes:
    """The 32 bytes a key of 64 hexadecimal digits stands for. Raises WordsError naming `what`."""
    try:
        found = bytes.fromhex(key)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise WordsError(
            f"{what[0].upper()}{what[1:]} must be 64 hexadecimal digits; make one with `new_key_pair()`."
        )
    return found
