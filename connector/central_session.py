"""How one is signed in to ODK Central: with the web user's e-mail and password, again whenever the session has ended.

A session lasts a day, and an ended one cannot be told from a wrong password: both answer 401. So a 401 opens a new
session, once; if that is refused too, the password is wrong.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

from connector.errors import RetryLater
from connector.session import NOTHING, Answer, Body, HttpSession, Patience, Unauthorized

__all__ = ["CentralSession"]


class CentralSession:
    """Signed-in requests to one server. Use as a context manager or call `close`.

    `password_name` is the variable that holds the password, for messages. The methods raise as `HttpSession` does.
    """

    def __init__(
        self, url: str, *, email: str, password: str, password_name: str, patience: Patience | None = None
    ) -> None:
        self._token: str | None = None
        # A closure, not attributes: nothing that prints this object can print the password.
        self._login: Callable[[], dict[str, str]] = lambda: {"email": email, "password": password}
        self._http = HttpSession(
            url,
            service="ODK Central",
            authorization=lambda: f"Bearer {self._token}" if self._token else None,
            unauthorized=(
                f"does not accept the account or the password in {password_name}; check that a web user can log "
                "in with them in the browser and correct the variables"
            ),
            patience=patience,
        )
        self.base, self.place = self._http.base, self._http.place

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def time(self) -> dt.datetime | None:
        """What the server's clock said last; None before the first answer."""
        return self._http.time

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        etag: str | None = None,
        missing: str = "",
    ) -> Answer:
        """A GET; with `etag` the answer may be 304 with an empty body."""
        return self._in_session(lambda: self._http.get(path, params, etag=etag, missing=missing))

    def write(
        self,
        method: Literal["POST", "PATCH", "PUT", "DELETE"],
        path: str,
        body: Body = NOTHING,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Change something, sent once; what was refused with 401 was not done and is sent in the new session."""
        return self._in_session(lambda: self._http.write(method, path, body, params))

    def decoded(self, answer: Answer) -> Any:
        """The JSON of an answer; RetryLater for a web page."""
        return self._http.decoded(answer)

    def _in_session(self, ask: Callable[[], Answer]) -> Answer:
        if self._token is not None:
            try:
                return ask()
            except Unauthorized:
                self._token = None
        found = self._http.post_json("v1/sessions", self._login())
        if not isinstance(found, dict) or "token" not in found:
            raise RetryLater(f"{self.place} opened no session; the next run tries again.")
        self._token = str(found["token"])
        return ask()
