"""A small web server on the loopback address, on which the demonstration's platforms are mounted."""

from __future__ import annotations

import email.policy
import json
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

HOST = "127.0.0.1"


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
    """One answer, ready to send."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def compact(value: object) -> bytes:
    """JSON as the platforms write it: no spaces, no escapes for letters beyond ASCII."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


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


class LoopbackServer:
    """Listens on a free port of the loopback address while the `with` block lasts; subclasses say `answer`.

    One lock surrounds every answer, so a subclass may keep its data in plain dictionaries. `clock` is aware time.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self._interruptions: deque[Response] = deque()
        self._listener = _Listener(self)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    @property
    def url(self) -> str:
        """Where the server listens, without a slash at the end."""
        return f"http://{HOST}:{self._listener.server_address[1]}"

    def answer(self, request: Request) -> Response:
        """The platform's answer to one request."""
        raise NotImplementedError

    def interrupt(self, *responses: Response) -> None:
        """Give these answers first, one for each of the next requests, whatever they ask (an outage)."""
        self._interruptions.extend(responses)

    def handle(self, request: Request) -> Response:
        """Note the request and answer it, one at a time."""
        with self.lock:
            self.requests.append(request)
            return self._interruptions.popleft() if self._interruptions else self.answer(request)

    def close(self) -> None:
        """Stop listening and let every open connection go."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.hang_up()
        self._listener.server_close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Listener(ThreadingHTTPServer):
    """One thread for each connection; remembers the connections so that closing does not wait for clients."""

    daemon_threads = True

    def __init__(self, owner: LoopbackServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__((HOST, 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            self.shutdown_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is no news; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """Turns a request on the wire into a `Request` and a `Response` back into bytes."""

    protocol_version = "HTTP/1.1"
    server_version = "Shakti-demo"
    sys_version = ""
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True
    server: _Listener

    def _serve(self) -> None:
        address = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            path=address.path,
            query=tuple(parse_qsl(address.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        response = self.server.owner.handle(request)
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_GET = _serve  # noqa: N815 - these six names are the library's
    do_HEAD = _serve  # noqa: N815
    do_POST = _serve  # noqa: N815
    do_PUT = _serve  # noqa: N815
    do_PATCH = _serve  # noqa: N815
    do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a query may hold what must not be logged."""
