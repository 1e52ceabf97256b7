"""The erasure list: keyed hashes of what was erased, in a file beside the database that outlives its backups.

A restored backup knows nothing of what was erased since. So every opening of the store brings list and store together,
in both directions, before anything is read. A line is written to the disk before the store is changed: after a crash
in between the next opening finishes the erasure. The file says nothing without the pseudonym key.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from connector.errors import GiveUp
from connector.store import Erasures, Store

__all__ = ["ErasureList"]

MADE_WITH = "made-with"  # followed by the fingerprint of the pseudonym key
HASH_DIGITS = 32


class ErasureList:
    """The file at `path`, made on the first erasure; readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, store: Store) -> Erasures:
        """What the list holds. GiveUp when it was made with another key or is damaged."""
        lines = self._text().splitlines()
        if not lines:
            return Erasures()
        self._check(lines[0], store.fingerprint())
        keys: set[str] = set()
        survivors: dict[str, dt.date] = {}
        for number, line in enumerate(lines[1:], start=2):
            key, _, until = line.partition(" ")
            try:
                if len(bytes.fromhex(key)) * 2 != HASH_DIGITS:
                    raise ValueError(key)
                if until:
                    day = dt.date.fromisoformat(until)
                    survivors[key] = max(day, survivors.get(key, day))
                else:
                    keys.add(key)
            except ValueError as error:
                raise GiveUp(
                    f"{self.path}, line {number} is none of ours: the file is damaged. Put back its latest copy: without "
                    "it erased evaluations could come back."
                ) from error
        return Erasures(frozenset(keys), survivors)

    def add(self, store: Store, wanted: Erasures) -> None:
        """Write what is not on the list yet, and wait until the disk has it."""
        fresh = wanted.without(self.read(store))
        if not fresh:
            return
        lines = [*sorted(fresh.keys), *(f"{key} {until}" for key, until in sorted(fresh.survivors.items()))]
        if not self._text():
            lines.insert(0, f"{MADE_WITH} {store.fingerprint()}")
        self._append("".join(f"{line}\n" for line in lines))

    def settle(self, store: Store, *, today: dt.date) -> int:
        """Bring list and store together; how many instances had to be taken out of the store."""
        listed, known = self.read(store), store.erasures()
        missing = listed.without(known)
        count = store.erase(missing, today=today) if missing else 0
        self.add(store, store.erasures() if count else known)
        return count

    def _text(self) -> str:
        try:
            text = self.path.read_text(encoding="ascii")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise GiveUp(
                f"The erasure list {self.path} cannot be read ({error}); nothing is stored without it."
            ) from error
        # What a crash cut off in the middle of a line was never answered for: it is written again.
        return text[: text.rfind("\n") + 1]

    def _append(self, text: str) -> None:
        whole = len(self._text())
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                file.truncate(whole)
                file.seek(whole)
                file.write(text.encode("ascii"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise GiveUp(
                f"The erasure list {self.path} cannot be written ({error.strerror}); nothing was erased. Mend that and "
                "run it again."
            ) from error

    def _check(self, first: str, fingerprint: str) -> None:
        if first != f"{MADE_WITH} {fingerprint}":
            raise GiveUp(
                f"The erasure list {self.path} was made with another pseudonym key than the present one, so erased "
                "evaluations could not be recognised. Set the key it was made with."
            )
