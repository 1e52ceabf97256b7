"""Who is talking: a cookie that only we can make, and the conversation's name that only we can work out from it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

__all__ = ["Sessions"]

RANDOM_BYTES = 18
TAG_BYTES = 12


@dataclass(frozen=True)
class Sessions:
    """Makes and reads session tokens. `key` (bytes) stays on the server; nothing about a session is stored.

    A token is 18 random bytes and a tag over them. Made-up tokens are refused, so nobody can be given a session
    chosen by somebody else without having been here; the name Rasa sees cannot be turned back into the token.
    """

    key: bytes = field(repr=False)

    def new(self, random: bytes) -> str:
        """A token from `random` (18 bytes of the system's randomness)."""
        if len(random) != RANDOM_BYTES:
            raise ValueError(f"a session needs {RANDOM_BYTES} random bytes, not {len(random)}")
        return base64.urlsafe_b64encode(random + self._tag(random)).decode()

    def known(self, token: str | None) -> bool:
        """Whether this token was made here."""
        try:
            raw = base64.urlsafe_b64decode(token or "")
        except ValueError:
            return False
        random, tag = raw[:RANDOM_BYTES], raw[RANDOM_BYTES:]
        return len(raw) == RANDOM_BYTES + TAG_BYTES and hmac.compare_digest(tag, self._tag(random))

    def sender(self, token: str) -> str:
        """The conversation's name: 64 hexadecimal digits that give the token not away."""
        return hashlib.blake2b(token.encode(), key=self.key, person=b"web sender", digest_size=32).hexdigest()

    def _tag(self, random: bytes) -> bytes:
        return hashlib.blake2b(random, key=self.key, person=b"web session", digest_size=TAG_BYTES).digest()
