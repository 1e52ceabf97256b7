"""How much one session, and all of them together, may ask for at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["InFlight", "Rate"]


@dataclass
class Rate:
    """A bucket of tokens per name: `burst` at once, refilled by `per_second`. Names forgotten when the bucket is full.

    At most `most` names are remembered; the one that was silent longest goes first. Nothing is written anywhere.
    """

    per_second: float
    burst: float
    most: int = 20_000
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict, repr=False)

    def allows(self, name: str, now: float) -> bool:
        """Whether `name` may ask once more at `now` (seconds of a clock that never goes back)."""
        left, then = self._left.pop(name, (self.burst, now))
        left = min(self.burst, left + (now - then) * self.per_second)
        allowed = left >= 1
        self._left[name] = (left - 1 if allowed else left, now)
        if len(self._left) > self.most:
            self._left.popitem(last=False)
        return allowed


@dataclass
class InFlight:
    """How many messages are being answered; above `most` the next one is told to come back."""

    most: int
    now: int = 0

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Whether there was room; holds the place for as long as the block runs."""
        room = self.now < self.most
        self.now += room
        try:
            yield room
        finally:
            self.now -= room
