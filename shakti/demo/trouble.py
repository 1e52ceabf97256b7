"""What can go wrong between a platform and its client: switched on for the next request, or until all is calm again.

    server.trouble.next(busy(retry_after=2))                 the next request is answered with 429
    server.trouble.next(Cut(100), on="/data/")               of the next answer to such an address, 100 bytes leave
    server.trouble.every(broken(503)); server.trouble.calm() an outage, and its end
    server.trouble.next(Lost(done=True), on="/submission")   it is done there, and nobody hears of it

What goes wrong *inside* a platform (rows that appear late, ghosts, lost permissions) is the platforms' own:
`KoboServer` and `CentralServer` say which of these they know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Protocol

from shakti.demo.wire import Request, Response

HTML = {"Content-Type": "text/html; charset=utf-8"}
Pick = Callable[[Request], bool]


class Kind(Protocol):
    """One kind of trouble: makes the answer, of the platform's own one if it asks for it."""

    def meet(self, answer: Callable[[], Response]) -> Response:
        """What leaves the server."""
        ...


@dataclass(frozen=True)
class Instead:
    """Another answer; the platform never sees the request (a proxy in front of it speaks)."""

    response: Response

    def meet(self, answer: Callable[[], Response]) -> Response:  # noqa: ARG002 - the protocol's
        """The other answer."""
        return self.response


@dataclass(frozen=True)
class Cut:
    """The platform's answer, whose connection ends after `at` bytes of the body; the head promised all of it."""

    at: int

    def meet(self, answer: Callable[[], Response]) -> Response:
        """The answer, to be cut on the wire."""
        return replace(answer(), cut_at=self.at)


@dataclass(frozen=True)
class Lost:
    """No answer at all, the connection ends; with `done` the platform has done what was asked all the same."""

    done: bool = False

    def meet(self, answer: Callable[[], Response]) -> Response:
        """Nothing."""
        if self.done:
            answer()
        return Response(0, lost=True)


def busy(retry_after: int | datetime | None = None) -> Instead:
    """429, with Retry-After in seconds or as a date (by the server's clock), or without."""
    headers = dict(HTML)
    if isinstance(retry_after, datetime):
        headers["Retry-After"] = format_datetime(retry_after.astimezone(UTC), usegmt=True)
    elif retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Instead(Response(429, b"<h1>429 Too Many Requests</h1>", headers))


def broken(status: int = 500) -> Instead:
    """A page of a proxy: 500, 502, 503, 504, or 413, 431 …"""
    return Instead(Response(status, f"<h1>{status}</h1>".encode(), HTML))


def login_page() -> Instead:
    """200 with a page where JSON was asked for: a maintenance or a captive portal."""
    return Instead(Response(200, b"<!doctype html><title>Please log in</title>", HTML))


@dataclass
class Trouble:
    """What will go wrong. `on` is a part of the address (path and query, decoded), or a function of the request."""

    _next: deque[tuple[Pick, Kind]] = field(default_factory=deque)
    _every: list[tuple[Pick, Kind]] = field(default_factory=list)

    def next(self, *kinds: Kind, on: str | Pick = "") -> None:
        """Each of these once, for the next requests that `on` picks."""
        self._next.extend((_pick(on), kind) for kind in kinds)

    def every(self, kind: Kind, on: str | Pick = "") -> None:
        """This for every request that `on` picks, until `calm`."""
        self._every.append((_pick(on), kind))

    def calm(self) -> None:
        """All is well again."""
        self._next.clear()
        self._every.clear()

    @property
    def pending(self) -> int:
        """How many of the `next` ones have not been met yet."""
        return len(self._next)

    def meet(self, request: Request, answer: Callable[[], Response]) -> Response:
        """The platform's answer, or what trouble makes of it."""
        kind = self._taken(request) or _first(self._every, request)
        return answer() if kind is None else kind.meet(answer)

    def _taken(self, request: Request) -> Kind | None:
        for one in self._next:
            if one[0](request):
                self._next.remove(one)
                return one[1]
        return None


@dataclass
class SetClock:
    """A clock that stands where it is put: aware time for a server, a source and a store alike."""

    now: datetime = datetime(2026, 11, 23, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def later(self, **time: float) -> datetime:
        """Move it, also backwards (`seconds=-5`); the arguments are those of a timedelta."""
        self.now += timedelta(**time)
        return self.now


def _first(pairs: Iterable[tuple[Pick, Kind]], request: Request) -> Kind | None:
    return next((kind for pick, kind in pairs if pick(request)), None)


def _pick(on: str | Pick) -> Pick:
    return on if callable(on) else lambda request: on in request.address
