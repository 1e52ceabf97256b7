"""Open conversations: encrypted, short-lived, found again only by who has the conversation's id.

The table holds a keyed hash of the id and one secret box, so a copy of the file without the key says only how
many conversations were open and when they were last touched. After 15 idle minutes a draft is gone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.utils import random as random_bytes
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import NotSavedError, UnreadableError
from bot.outbox import WAIT_SECONDS, key_bytes, open_database, truncate_log

__all__ = ["IDLE", "Drafts", "new_drafts_key"]

IDLE = dt.timedelta(minutes=15)  # the next person on the same phone must find nothing

_METADATA = MetaData()
_DRAFTS = Table(
    "draft",
    _METADATA,
    Column("id", String(64), primary_key=True),
    Column("box", LargeBinary, nullable=False),
    Column("touched", Integer, nullable=False),  # seconds since 1970, UTC
)


class Drafts(AbstractContextManager["Drafts"]):
    """The open conversations behind `url`; `key` is 64 hexadecimal digits and lives outside the database."""

    def __init__(self, url: str, key: str, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._key = key_bytes(key, "the drafts' key")
        self._box = SecretBox(self._key)
        # A power cut may cost the last answer of an open talk; waiting for the disk at every one costs more.
        self._engine = open_database(url, wait_seconds=wait_seconds, durable=False)
        self._ready = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def save(self, id: str, state: dict[str, Any], now: dt.datetime) -> None:
        """Replace the draft of this conversation. Raises NotSavedError."""
        row = {"id": self._name(id), "box": self._seal(id, state), "touched": int(now.timestamp())}
        try:
            self._prepare()
            with self._engine.begin() as connection:
                connection.execute(delete(_DRAFTS).where(_DRAFTS.c.id == row["id"]))
                connection.execute(insert(_DRAFTS).values(**row))
        except SQLAlchemyError as error:
            raise NotSavedError(f"The draft could not be kept ({type(error).__name__}); try again.") from None

    def load(self, id: str, now: dt.datetime) -> dict[str, Any] | None:
        """The state of this conversation, None when there is none any more. Raises UnreadableError."""
        wanted = select(_DRAFTS.c.box).where(
            _DRAFTS.c.id == self._name(id), _DRAFTS.c.touched > int((now - IDLE).timestamp())
        )
        try:
            self._prepare()
            with self._engine.connect() as connection:
                box = connection.execute(wanted).scalar_one_or_none()
        except SQLAlchemyError as error:
            raise UnreadableError(f"The drafts cannot be read ({type(error).__name__}); try again.") from None
        return None if box is None else self._open(id, box)

    def remove(self, id: str) -> None:
        """Forget this conversation, traces included. Raises UnreadableError."""
        self._delete(_DRAFTS.c.id == self._name(id))

    def purge(self, now: dt.datetime) -> int:
        """Forget all that idled too long; returns how many there were. Raises UnreadableError."""
        return self._delete(_DRAFTS.c.touched <= int((now - IDLE).timestamp()))

    def _delete(self, which: Any) -> int:
        try:
            self._prepare()
            with self._engine.begin() as connection:
                gone = connection.execute(delete(_DRAFTS).where(which)).rowcount
            if gone:
                truncate_log(self._engine)
        except SQLAlchemyError as error:
            raise UnreadableError(f"The drafts are busy ({type(error).__name__}); try again.") from None
        return gone

    def _prepare(self) -> None:
        if not self._ready:
            _METADATA.create_all(self._engine)
            self._ready = True

    def _name(self, id: str) -> str:
        return hashlib.blake2b(id.encode(), key=self._key, person=b"draft id", digest_size=32).hexdigest()

    def _seal(self, id: str, state: dict[str, Any]) -> bytes:
        # The id is sealed with the state: a box copied into another conversation's row does not open there.
        return bytes(self._box.encrypt(json.dumps([id, state], ensure_ascii=False).encode()))

    def _open(self, id: str, box: bytes) -> dict[str, Any] | None:
        """A box that does not open (new key, tampered row) is no draft: she starts again."""
        try:
            owner, state = json.loads(self._box.decrypt(box))
        except CryptoError:
            return None
        return state if owner == id and isinstance(state, dict) else None


def new_drafts_key() -> str:
    """A fresh key, 64 hexadecimal digits. A new key at each start forgets every open conversation."""
    return random_bytes(SecretBox.KEY_SIZE).hex()
