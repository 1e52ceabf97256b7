"""How the connector speaks HTTP: one fixed host, a secret that never leaves it, patience for what only reads.

A GET is repeated with growing pauses, as long as the server itself asks for, and never longer than `Patience` allows:
what does not come right in that time is left to the next run. What changes something on the server is sent once,
never redirected, and never repeated by itself: whoever sends it looks at the server before trying again.

Every request goes to the base address given at construction. A redirect or a `next` link that points to another
host, scheme or port is refused before anything is sent: the secret would travel with it. The secret is held by the
authentication object alone: never in an address, a log line, a `repr` or an exception.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from itertools import count
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import SplitResult, urljoin, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import MaxRetryError

from connector.errors import ConnectorError, GiveUp, RetryLater

__all__ = [
    "NOTHING",
    "Answer",
    "Body",
    "HttpSession",
    "NotThere",
    "Patience",
    "RefusedWrite",
    "Unauthorized",
    "Upload",
]

CONNECT_SECONDS = 10.0
READ_SECONDS = 150.0  # both platforms cut their own requests at 120 s: wait a little longer than they do
MOST_REDIRECTS = 5
TEMPORARY = frozenset({408, 429, 500, 502, 503, 504})
MOVED = frozenset({301, 302, 303, 307, 308})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Patience:
    """How a GET is repeated: `tries` times more, waiting `factor` · 2ⁿ seconds plus up to `jitter`.

    A server that cannot be reached at all (refused, unknown name) is tried `unreachable_tries` times more: it is down
    for longer than seconds, and the next run is near. `longest` caps every single wait and `total` all waits of one
    request (seconds): a server that asks for more in its Retry-After is left alone until the next run.
    """

    tries: int = 4
    factor: float = 1.0
    jitter: float = 1.0
    longest: float = 60.0
    total: float = 180.0
    unreachable_tries: int = 1
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    draw: Callable[[], float] = field(default=random.random, repr=False)  # from 0 to 1: scatters the jitter

    def pause(self, attempt: int, error: RetryLater, waited: float) -> float | None:
        """Seconds to wait after the attempt-th failure (from 1); None when it is time to give in."""
        if attempt > (self.unreachable_tries if error.unreachable else self.tries):
            return None
        wanted = error.after or 0.0
        own = min(self.longest, self.factor * 2 ** (attempt - 1)) + self.jitter * self.draw()
        wait = max(own, wanted)
        return None if wanted > self.longest or waited + wait > self.total else wait


@dataclass(frozen=True)
class Answer:
    """A successful answer: its status (200 or 304), its ETag, its body as it came and as text, and the server's time."""

    status: int
    etag: str | None
    content: bytes = field(default=b"", repr=False)
    date: datetime | None = None

    @property
    def text(self) -> str:
        """Both platforms speak UTF-8, also where they do not say so (requests would guess Latin-1 for text/*)."""
        return self.content.decode("utf-8", errors="replace")


@dataclass(frozen=True)
class Upload:
    """A file on its way to the server."""

    name: str
    content: bytes = field(repr=False)
    kind: str


@dataclass(frozen=True)
class Body:
    """What a write carries: nothing, JSON, one file as it is (`upload` alone), or a form with `fields` and a file.

    `field` is the name of the file in the form; `headers` are sent beside those of every request.
    """

    json: Mapping[str, Any] | None = None
    fields: Mapping[str, str] | None = None
    upload: Upload | None = None
    field: str = "file"
    headers: Mapping[str, str] | None = None

    def options(self) -> dict[str, Any]:
        """The same as `requests` takes it."""
        found = self._content()
        if self.headers:
            found["headers"] = {**found.get("headers", {}), **self.headers}
        return found

    def _content(self) -> dict[str, Any]:
        if self.json is not None:
            return {"json": dict(self.json)}
        if self.fields is not None:
            file = self.upload
            files = {self.field: (file.name, file.content, file.kind)} if file else None
            return {"data": dict(self.fields), "files": files}
        if self.upload is not None:
            return {"data": self.upload.content, "headers": {"Content-Type": self.upload.kind}}
        return {}


NOTHING = Body()


class Unauthorized(GiveUp):
    """Raised on 401: a caller that can log in again catches it once."""


class NotThere(GiveUp):
    """Raised on 404 and 410. Never "deleted": a wrong id and a missing permission answer the same."""


class RefusedWrite(GiveUp):
    """Raised when the server understood a write and refused it: `status` and the body's text say why."""

    def __init__(self, message: str, *, status: int, text: str) -> None:
        super().__init__(message)
        self.status = status
        self.text = text

    @property
    def body(self) -> dict[str, Any]:
        """The server's JSON; {} when it sent something else."""
        try:
            found = orjson.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class _Credential(AuthBase):
    """Adds the Authorization header. Given as `auth`, so that a ~/.netrc cannot replace it."""

    def __init__(self, secret: Callable[[], str | None]) -> None:
        self._secret = secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        secret = self._secret()
        if secret:
            request.headers["Authorization"] = secret
        return request

    def __repr__(self) -> str:
        return "<credential>"


class HttpSession:
    """One conversation with one server. Use as a context manager or call `close`.

    `service` names the server in messages ("KoboToolbox"); `authorization` yields the header's value or None;
    `unauthorized` says what to do when the server does not accept it, as the rest of the sentence
    "<service> at <address> …". GiveUp when the address is not https (plain http only on this machine).
    """

    def __init__(
        self,
        base: str,
        *,
        service: str,
        authorization: Callable[[], str | None],
        unauthorized: str,
        patience: Patience | None = None,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
    ) -> None:
        self.base = base.rstrip("/")
        self.place = f"{service} at {self.base}"
        self._origin = _checked_origin(self.base, service)
        self._unauthorized = unauthorized
        self._timeout = timeout
        self._auth = _Credential(authorization)
        self._http = requests.Session()
        # No cookies: Central takes one without an Authorization header for a browser, and refuses it.
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._patience = patience or Patience()
        self.time: datetime | None = None  # what the server's clock said last
        adapter = HTTPAdapter(max_retries=0)
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)

    def __repr__(self) -> str:
        return f"<HttpSession {self.place}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get_json(self, path: str, params: Mapping[str, str] | None = None, *, missing: str = "") -> Any:
        """The decoded JSON of a GET. `missing` says in words what a 404 means here."""
        return self.decoded(self.get(path, params, missing=missing))

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        etag: str | None = None,
        missing: str = "",
    ) -> Answer:
        """A GET that is repeated with patience. With `etag` the answer may be 304 with an empty text.

        `path` is a path on the configured server, or an address on it (a `next` link). RetryLater, GiveUp.
        """
        headers = {"If-None-Match": etag} if etag else {}
        return self._patiently(lambda: self._get_once(self.address(path), params, headers, missing))

    def _get_once(
        self, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str], missing: str
    ) -> Answer:
        for _ in range(MOST_REDIRECTS + 1):
            response = self._send("GET", url, params=params, headers=headers)
            if response.status_code not in MOVED:
                self._refuse_bad_status(response, missing)
                date = _date(response.headers.get("Date", ""))
                self.time = date or self.time
                return Answer(response.status_code, response.headers.get("ETag"), response.content, date)
            # The Location holds the whole query already.
            url, params = self.address(urljoin(url, response.headers.get("Location", ""))), None
        raise GiveUp(f"{self.place} redirects in a circle; check the server's address (`url`) in config.yml.")

    def post_json(self, path: str, body: Mapping[str, Any]) -> Any:
        """The decoded JSON of a POST that changes nothing (it opens a session): repeated with patience, never redirected."""
        return self.decoded(self._patiently(lambda: self._post_once(self.address(path), body)))

    def _post_once(self, url: str, body: Mapping[str, Any]) -> Answer:
        response = self._send("POST", url, json=dict(body))
        self._refuse_redirect(response)
        self._refuse_bad_status(response, "")
        return Answer(response.status_code, None, response.content)

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        waited = 0.0
        for attempt in count(1):
            try:
                return ask()
            except RetryLater as error:
                pause = self._patience.pause(attempt, error, waited)
                if pause is None:
                    raise
            self._patience.sleep(pause)
            waited += pause
        raise AssertionError("the loop above ends by itself")

    def write(
        self,
        method: Literal["POST", "PATCH", "PUT", "DELETE"],
        path: str,
        body: Body = NOTHING,
        params: Mapping[str, str] | None = None,
        *,
        missing: str = "",
    ) -> Answer:
        """Change something on the server: sent once, whatever happens.

        RetryLater when the answer is lost or the server is out of order: then nobody knows whether it was done, and
        the caller must look before it goes on. RefusedWrite when the server says why not; else as `get`.
        """
        response = self._send(method, self.address(path), params=params, **body.options())
        self._refuse_redirect(response)
        if 200 <= response.status_code < 300:
            return Answer(response.status_code, response.headers.get("ETag"), response.content)
        raise self._write_error(response, missing)

    def _refuse_redirect(self, response: requests.Response) -> None:
        if response.status_code in MOVED:
            raise GiveUp(
                f"{self.place} wants to be called by another address; correct `url` in config.yml "
                "(the scheme and the host as the browser shows them)."
            )

    def _write_error(self, response: requests.Response, missing: str) -> ConnectorError:
        status = response.status_code
        if status == 403:
            return GiveUp(
                f"{self.place} does not let this account change forms; give it the right to edit and deploy the "
                "forms of this project."
            )
        if status in TEMPORARY or status >= 500 or status in (401, 404, 410):
            return self._error(status, missing)
        text = response.content.decode("utf-8", errors="replace")
        return RefusedWrite(f"{self.place} refused (status {status}).", status=status, text=text)

    def decoded(self, answer: Answer) -> Any:
        """The JSON of an answer; RetryLater when it is something else (a login or maintenance page)."""
        try:
            return orjson.loads(answer.content)
        except ValueError as error:
            raise RetryLater(
                f"{self.place} answered with a page instead of data; it may be under maintenance or behind a "
                "login. The next run tries again; if it stays so, open the address in a browser."
            ) from error

    def address(self, link: str) -> str:
        """The full address of a path or link; GiveUp when it leads to another server."""
        full = link.lower().startswith(("http://", "https://"))
        url = link if full else urljoin(self.base + "/", link.lstrip("/"))
        if _origin(urlsplit(url)) != self._origin:
            raise GiveUp(
                f"{self.place} points to another server ({_host(url)}); it was not followed, because the "
                "credentials would go there. Set `url` in config.yml to the address the server itself uses."
            )
        return url

    def _send(self, method: str, url: str, **options: Any) -> requests.Response:
        try:
            return self._http.request(
                method, url, auth=self._auth, timeout=self._timeout, allow_redirects=False, **options
            )
        except requests.exceptions.SSLError as error:
            raise GiveUp(
                f"{self.place} does not prove who it is (its certificate is not accepted); check the address "
                "and this machine's clock and certificates."
            ) from _without_request(error)
        except requests.exceptions.Timeout as error:
            raise RetryLater(
                f"{self.place} did not answer in time; the next run tries again.",
                unreachable=isinstance(error, requests.exceptions.ConnectTimeout),
            ) from _without_request(error)
        except requests.exceptions.ChunkedEncodingError as error:
            raise RetryLater(
                f"{self.place} broke off in the middle of an answer; nothing of it was taken, the next run "
                "tries again."
            ) from _without_request(error)
        except requests.exceptions.RequestException as error:
            raise RetryLater(
                f"{self.place} could not be reached; check the network and the address. The next run tries again.",
                unreachable=_was_never_there(error),
            ) from _without_request(error)

    def _refuse_bad_status(self, response: requests.Response, missing: str) -> None:
        status = response.status_code
        if status in (200, 201, 304):
            return
        raise self._error(status, missing, response)

    def _error(self, status: int, missing: str, response: requests.Response | None = None) -> ConnectorError:
        if status in TEMPORARY or status > 500:
            after = None if response is None else _retry_after(response)
            asked = f" and asks to be left alone for {after:.0f} seconds" if after else ""
            return RetryLater(
                f"{self.place} is busy or out of order (status {status}){asked}; the next run tries again.",
                after=after,
            )
        if status == 401:
            return Unauthorized(f"{self.place} {self._unauthorized}.")
        if status == 403:
            return GiveUp(
                f"{self.place} does not let this account read here; give the account the right to view "
                "submissions of this project."
            )
        if status in (404, 410):
            return NotThere(f"{self.place} {missing or 'does not know what was asked for; check the ids'}.")
        return GiveUp(
            f"{self.place} refused the question (status {status}); check that the form is deployed there and that "
            "`url` is the server's address."
        )


def _without_request(error: requests.exceptions.RequestException) -> requests.exceptions.RequestException:
    """The same error without the request it carries: its headers hold the secret."""
    error.request = None
    error.response = None
    return error


def _was_never_there(error: requests.exceptions.RequestException) -> bool:
    """Whether no connection came about, as against one that broke."""
    return bool(error.args) and isinstance(error.args[0], MaxRetryError)


def _retry_after(response: requests.Response) -> float | None:
    """The seconds a Retry-After asks for, given as a number or as a date (seen from the server's own clock)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    until, now = _date(text), _date(response.headers.get("Date", ""))
    return None if until is None or now is None else max(0.0, (until - now).total_seconds())


def _date(text: str) -> datetime | None:
    """A date of HTTP; None for anything else."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return parts.scheme, (parts.hostname or "").lower(), port


def _host(url: str) -> str:
    return urlsplit(url).hostname or "no host"


def _checked_origin(base: str, service: str) -> tuple[str, str, int]:
    try:
        origin = _origin(urlsplit(base))
    except ValueError as error:  # a port that is no number
        raise GiveUp(f"The address of {service} in config.yml ({base}) is not an address.") from error
    scheme, host, _ = origin
    if scheme not in ("https", "http") or not host or "@" in base:
        raise GiveUp(
            f"The address of {service} in config.yml must look like https://kf.kobotoolbox.org, without a "
            "user name or password in it."
        )
    if scheme == "http" and host not in LOOPBACK:
        raise GiveUp(
            f"The address of {service} ({base}) is not encrypted; write https:// so that the credentials "
            "cannot be read on the way."
        )
    return origin
