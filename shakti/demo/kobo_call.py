"""One call of KoboToolbox's API on its way to a handler, and the refusals every handler may raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from shakti.demo.kobo_assets import Asset, Links
from shakti.demo.kobo_platform import RefusedError
from shakti.demo.loopback import Request, Response, compact


class BadRequestError(Exception):
    """Something the platform refuses with 400 and this JSON."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(str(body))
        self.body = body


class ServerError(Exception):
    """What the real platform answers with 500 and a web page."""


@dataclass(frozen=True)
class Call:
    """A request, the maker of addresses, the asset it is about, and the other names in its path."""

    request: Request
    link: Links
    project: Asset | None
    names: Mapping[str, str]

    @property
    def asset(self) -> Asset:
        """The asset of the path. Raises RefusedError (404) when there is none of that uid."""
        if self.project is None:
            raise RefusedError(404, "Not found.")
        return self.project

    def fields(self) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
        """The values and the files of the body, whether multipart, form or JSON."""
        kind = self.request.headers.get("content-type", "").lower()
        if kind.startswith("multipart/"):
            parts = self.request.parts()
            files = {part.name: (part.filename, part.content) for part in parts if part.filename is not None}
            return {part.name: part.content.decode() for part in parts if part.filename is None}, files
        if kind.startswith("application/x-www-form-urlencoded"):
            return dict(parse_qsl(self.request.body.decode(), keep_blank_values=True)), {}
        return dict(self.request.json() or {}), {}


def answer_json(status: int, body: object) -> Response:
    """A JSON answer."""
    return Response(status, compact(body), {"Content-Type": "application/json"})
