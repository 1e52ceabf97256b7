"""What the connector must never hold in clear: pseudonyms of codes, sealed texts, hashes that survive an erasure.

A pseudonym is HMAC-SHA256 under a key that lives outside the database and its backups: a code has few enough digits
to be guessed one by one, so without the key the pseudonym must say nothing. Texts are sealed to a public key
(libsodium sealed box): the connector writes them and cannot read them; the private half stays with the key holders.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox

from connector.errors import GiveUp, SkipRecord

__all__ = ["Keys", "is_code", "new_code", "new_key", "new_pair", "open_text"]

_CODE = re.compile(r"[0-9]{10}", re.ASCII)
_KEY_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """The two keys of a store, 32 bytes each: `pseudonym` (secret) and `text_public` (seals, cannot open)."""

    pseudonym: bytes = field(repr=False)
    text_public: bytes = field(repr=False)

    @classmethod
    def from_hex(cls, *, pseudonym: str, text_public: str) -> Keys:
        """The keys as config.yml's environment variables hold them: 64 hexadecimal digits each. GiveUp."""
        return cls(
            pseudonym=_from_hex(pseudonym, "the pseudonym key"),
            text_public=_from_hex(text_public, "the text's public key"),
        )

    def survivor(self, code: str) -> str:
        """The pseudonym of a survivor code: 32 hexadecimal digits, the same for ever under one key."""
        return self._pseudonym("survivor", code)

    def collector(self, code: str) -> str:
        """The pseudonym of a collector's code."""
        return self._pseudonym("collector", code)

    def receipt(self, receipt: str) -> str:
        """What is kept of a receipt, so that its bearer can have the evaluation erased."""
        return self._pseudonym("receipt", receipt)

    def erasure(self, form_id: str, root_id: str) -> str:
        """What is kept of an instance that must never (again) be stored: says nothing without the key."""
        return self._pseudonym("instance", f"{form_id}\n{root_id}")

    def erased_survivor(self, survivor: str) -> str:
        """What is kept of a survivor (pseudonym) who had everything erased: not even her pseudonym."""
        return self._pseudonym("erased survivor", survivor)

    def fingerprint(self) -> str:
        """Tells whether two lists of keyed hashes were made with the same key, and nothing else."""
        return self._pseudonym("fingerprint", "")

    def version(self, version_id: str, review: str) -> str:
        """What is kept of the version and review of a row that is not stored itself."""
        return self._pseudonym("version", f"{version_id}\n{review}")

    def seal(self, text: str) -> bytes:
        """The text sealed to the key holders."""
        return bytes(SealedBox(PublicKey(self.text_public)).encrypt(text.encode()))

    def _pseudonym(self, what: str, value: str) -> str:
        # The kind stands in front: one key, and still no survivor can be mistaken for a collector.
        return hmac.new(self.pseudonym, f"{what}\0{value}".encode(), hashlib.sha256).hexdigest()[:32]


def open_text(sealed: bytes, private_key: str) -> str:
    """A sealed text in clear, for a key holder (64 hexadecimal digits). SkipRecord when the key is another one."""
    box = SealedBox(PrivateKey(_from_hex(private_key, "the text's private key")))
    try:
        return bytes(box.decrypt(sealed)).decode()
    except CryptoError as error:
        raise SkipRecord(
            "The text was sealed to another key; use the private key that belongs to the public one."
        ) from error


def new_key() -> str:
    """A fresh secret key: 64 hexadecimal digits from the operating system's randomness."""
    return secrets.token_hex(_KEY_BYTES)


def new_pair() -> tuple[str, str]:
    """A fresh (private, public) pair, 64 hexadecimal digits each."""
    private = PrivateKey.generate()
    return bytes(private).hex(), bytes(private.public_key).hex()


def is_code(text: str) -> bool:
    """Whether `text` is a well-formed survivor code: 10 digits, and the number leaves 1 when divided by 97.

    97 is prime and larger than 9: every single wrong digit and every swap of neighbours is noticed.
    """
    return _CODE.fullmatch(text) is not None and int(text) % 97 == 1


def new_code(digits: int) -> str:
    """The well-formed code made of a random number: its 8 digits, then two that check (0 ≤ digits < 10⁸)."""
    if not 0 <= digits < 10**8:
        raise ValueError(f"a code is made of a number below 100,000,000, not {digits}")
    return f"{digits:08d}{(1 - digits * 100) % 97:02d}"


def _from_hex(text: str, what: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise GiveUp(
            f"{what[0].upper()}{what[1:]} must be 64 hexadecimal digits; make new keys with `shakti keys new`."
        )
    return key
