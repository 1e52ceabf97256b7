"""What the connector must never hold in clear: pseudonyms of codes, sealed texts, hashes that survive an erasure.

A pseudonym is HMAC-SHA256 under a key that lives outside the database and its backups: a code has few enough digits
to be guessed one by one, so without the key the pseudonym must say nothing. Texts are sealed to a public key
(libsodium sealed box): the connector writes them and cannot read them; the private half stays with the key holders.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import Box, PrivateKey, PublicKey, SealedBox

from connector.errors import GiveUp, SkipRecord

__all__ = ["Keys", "Sealer", "is_code", "new_code", "new_key", "new_pair", "open_text"]

_CODE = re.compile(r"[0-9]{10}", re.ASCII)
_KEY_BYTES = 32
_BLOCK_BYTES = 64  # of SHA-256


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

    def sealer(self) -> Sealer:
        """Seals many texts at little cost; throw it away with the page they came on."""
        return Sealer(self.text_public)

    def seal(self, text: str) -> bytes:
        """The text sealed to the key holders."""
        return bytes(SealedBox(PublicKey(self.text_public)).encrypt(text.encode()))

    def _pseudonym(self, what: str, value: str) -> str:
        # The kind stands in front: one key, and still no survivor can be mistaken for a collector.
        inner, outer = self._begun
        within, around = inner.copy(), outer.copy()
        within.update(f"{what}\0{value}".encode())
        around.update(within.digest())
        return str(around.hexdigest())[:32]

    @cached_property
    def _begun(self) -> tuple[Any, Any]:
        """HMAC-SHA256 (RFC 2104) as far as the key alone goes: `hmac.digest` begins anew for each of a million values."""
        key = (
            self.pseudonym if len(self.pseudonym) <= _BLOCK_BYTES else hashlib.sha256(self.pseudonym).digest()
        )
        padded = key.ljust(_BLOCK_BYTES, b"\0")
        return (
            hashlib.sha256(bytes(byte ^ 0x36 for byte in padded)),
            hashlib.sha256(bytes(byte ^ 0x5C for byte in padded)),
        )


class Sealer:
    """Seals the texts of one page to the key holders, as a sealed box does, with one throw-away key for all of them.

    A sealed box draws a new key for each text, which is a fifth of the time of storing a submission. Here each text has
    a random nonce instead. While this object lives its owner could open what it sealed, afterwards only the key holders.
    """

    def __init__(self, public: bytes) -> None:
        own = PrivateKey.generate()
        self._name = bytes(own.public_key)
        self._box = Box(own, PublicKey(public))

    def seal(self, text: str) -> bytes:
        """The throw-away public key, the nonce, the sealed text."""
        return self._name + bytes(self._box.encrypt(text.encode()))


def open_text(sealed: bytes, private_key: str) -> str:
    """A sealed text in clear, for a key holder (64 hexadecimal digits). SkipRecord when the key is another one."""
    private = PrivateKey(_from_hex(private_key, "the text's private key"))
    try:
        return _opened(sealed, private).decode()
    except CryptoError as error:
        raise SkipRecord(
            "The text was sealed to another key; use the private key that belongs to the public one."
        ) from error


def _opened(sealed: bytes, private: PrivateKey) -> bytes:
    """What `Keys.seal` or a `Sealer` has sealed: each is authenticated, so one is never taken for the other."""
    try:
        return bytes(SealedBox(private).decrypt(sealed))
    except CryptoError:
        if len(sealed) < _KEY_BYTES + Box.NONCE_SIZE:
            raise
        return bytes(Box(private, PublicKey(sealed[:_KEY_BYTES])).decrypt(sealed[_KEY_BYTES:]))


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
