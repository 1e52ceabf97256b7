"""Recorded exchanges with the real platforms, sent again to our servers and compared."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

RECORDINGS = Path(__file__).resolve().parent.parent / "recordings"
FORM = RECORDINGS / "sample_form.xlsx"
PROVIDERS = RECORDINGS / "providers.csv"


@dataclass(frozen=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Clock:
    """A clock that stands where the test puts it."""

    now: datetime = datetime(2026, 11, 23, 4, 33, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def set(self, text: str) -> None:
        """Put the clock to a time as the platforms write it."""
        self.now = datetime.fromisoformat(text).astimezone(UTC)


def recorded(name: str) -> list[dict[str, Any]]:
    """The recorded exchanges of one platform, in order."""
    return list(json.loads((RECORDINGS / name).read_text(encoding="utf-8")))


def by_note(exchanges: list[dict[str, Any]], note: str) -> dict[str, Any]:
    """The exchange whose note begins with these words."""
    return next(exchange for exchange in exchanges if exchange["note"].startswith(note))


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    json_body: object = None,
    fields: Mapping[str, str] | None = None,
    files: Mapping[str, tuple[str, bytes]] | None = None,
) -> Answer:
    """One request on a connection of its own; no redirect is followed."""
    sent = dict(headers or {})
    if json_body is not None:
        body, sent["Content-Type"] = json.dumps(json_body).encode(), "application/json"
    if files is not None:
        boundary = uuid.uuid4().hex
        body = _multipart(boundary, fields or {}, files)
        sent["Content-Type"] = f"multipart/form-data; boundary={boundary}"
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=10)
    try:
        path = address.path + (f"?{address.query}" if address.query else "")
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value with every recorded name replaced by ours, wherever it stands in a text."""
    text = json.dumps(value, ensure_ascii=False)
    for theirs, ours in names.items():
        text = text.replace(theirs, ours)
    return json.loads(text)


def without(value: Any, *keys: str) -> Any:
    """A JSON value without these keys, at any depth."""
    if isinstance(value, dict):
        return {name: without(inner, *keys) for name, inner in value.items() if name not in keys}
    return [without(inner, *keys) for inner in value] if isinstance(value, list) else value


def _multipart(boundary: str, fields: Mapping[str, str], files: Mapping[str, tuple[str, bytes]]) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, (filename, content) in files.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
        parts.append(head.encode() + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode()
