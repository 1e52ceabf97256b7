"""What travels between a platform and its client: a request taken apart, an answer ready to send, and the routes between."""

from __future__ import annotations

import email.policy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any
from urllib.parse import unquote

import orjson


@dataclass(frozen=True)
class Part:
    """One part of a multipart body."""

    name: str
    filename: str | None
    content: bytes


@dataclass(frozen=True)
class Request:
    """One request: `path` stays percent-encoded, `query` keeps the order of its pairs, headers are lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes

    @property
    def address(self) -> str:
        """The path and the query, decoded: for finding out what a request is about, not for taking it apart."""
        return unquote(self.path) + "".join(f"&{name}={value}" for name, value in self.query)

    def parameter(self, name: str) -> str | None:
        """The last value given for a query parameter, or None."""
        return dict(self.query).get(name)

    @property
    def segments(self) -> tuple[str, ...]:
        """The decoded parts of the path between its slashes, empty ones left out."""
        return tuple(unquote(part) for part in self.path.split("/") if part)

    def parts(self) -> tuple[Part, ...]:
        """The parts of a multipart body; () for any other body."""
        kind = self.headers.get("content-type", "")
        if not kind.lower().startswith("multipart/"):
            return ()
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        message = BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        return tuple(
            Part(
                name=str(part.get_param("name", "", header="content-disposition")),
                filename=part.get_filename(),
                content=bytes(part.get_payload(decode=True) or b""),
            )
            for part in message.iter_parts()
        )

    def json(self) -> Any:
        """The body as JSON; None when it is empty. Raises ValueError for anything else."""
        return json.loads(self.body) if self.body.strip() else None


@dataclass(frozen=True)
class Response:
    """One answer, ready to send; `cut_at`: how much of the body leaves before the line breaks; `lost`: nothing leaves."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    lost: bool = False


def compact(value: object) -> bytes:
    """JSON as the platforms write it: no spaces, no escapes for letters beyond ASCII."""
    return orjson.dumps(value)


Handler = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """A method and a path such as "/assets/{uid}/data/"; the names in braces become the handler's arguments."""

    method: str
    path: str
    handler: Handler

    def match(self, segments: tuple[str, ...]) -> dict[str, str] | None:
        """The values of the names in braces, or None when the path is another one."""
        wanted = tuple(part for part in self.path.split("/") if part)
        if len(wanted) != len(segments):
            return None
        found: dict[str, str] = {}
        for pattern, value in zip(wanted, segments, strict=True):
            head, brace, rest = pattern.partition("{")
            name, _, tail = rest.partition("}")
            if not brace and pattern != value:
                return None
            if brace:
                if not (
                    value.startswith(head) and value.endswith(tail) and len(value) > len(head) + len(tail)
                ):
                    return None
                found[name] = value[len(head) : len(value) - len(tail)]
        return found
