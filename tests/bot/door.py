"""The public door as tests open it: served over HTTP, with a stand-in for Rasa that hands each message to the clerk."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from lxml import html

from bot.clerk import Clerk
from bot.conversation import Message
from bot.drafts import Drafts
from bot.gateway import Door, Limits, server
from bot.phrases import Words
from bot.standby import Standby
from bot.web.pages import Pages
from bot.web.sessions import Sessions

KEY = bytes(range(32))


class RasaStandIn(ThreadingHTTPServer):
    """Speaks as bot/rasa/channel.py does. `down` answers 503; `hold` keeps every message until it is set."""

    daemon_threads = True

    def __init__(self, clerk: Clerk) -> None:
        self.clerk = clerk
        self.down = False
        self.hold = threading.Event()
        self.hold.set()
        self.arrived = threading.Semaphore(0)
        self.received: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: RasaStandIn
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.received.append(body)
        self.server.arrived.release()
        self.server.hold.wait(20)
        if self.server.down:
            self._send(503, {"error": "nobody answered; try again"})
            return
        message = Message(body.get("text"), body.get("payload"), id=body["id"])
        replies = self.server.clerk.handle(body["sender"], message).replies
        self._send(200, [reply.to_json() for reply in replies])

    def _send(self, status: int, found: Any) -> None:
        data = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def rasa_stand_in(clerk: Clerk) -> Iterator[RasaStandIn]:
    with RasaStandIn(clerk) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.hold.set()
        server.shutdown()
        thread.join()


@contextmanager
def open_door(
    clerk: Clerk, drafts: Drafts, words: Words, rasa_url: str, limits: Limits, *, clock: Any = None
) -> Iterator[str]:
    """The door's address while the block runs."""
    standby = Standby(clerk.conversation, drafts, clerk.clock, clerk.new_id)
    client = httpx.AsyncClient(base_url=rasa_url, timeout=10, trust_env=False)
    more = {} if clock is None else {"clock": clock}
    door = Door(client, standby, Sessions(KEY), Pages(words, secure=False), limits, "/weather", **more)
    serving = server(door, 0)
    thread = threading.Thread(target=serving.run)
    thread.start()
    while not serving.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{serving.servers[0].sockets[0].getsockname()[1]}"
    serving.should_exit = True
    thread.join()


@dataclass
class Browser:
    """A browser without JavaScript: it presses buttons and submits the one form of the page it shows."""

    url: str
    client: httpx.Client = field(init=False)
    response: httpx.Response = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=20)

    def close(self) -> None:
        self.client.close()

    @property
    def page(self) -> Any:
        return html.fromstring(self.response.text)

    @property
    def text(self) -> str:
        return " ".join(self.page.text_content().split())

    @property
    def heading(self) -> str:
        return " | ".join(" ".join(each.text_content().split()) for each in self.page.iter("h1"))

    def buttons(self) -> dict[str, tuple[str, str]]:
        """What each button shows, and the name and value it would send."""
        found = (each for each in self.page.iter("button") if each.get("name"))
        return {
            " ".join(each.text_content().split()): (each.get("name"), each.get("value")) for each in found
        }

    def open(self, path: str = "/") -> Browser:
        self.response = self.client.get(path)
        return self

    def follow(self, title: str) -> Browser:
        """Follow a link."""
        (target,) = (each.get("href") for each in self.page.iter("a") if each.text_content() == title)
        return self.open(target)

    def enter(self, language: str) -> Browser:
        """Through the door of a language and past the page about leaving."""
        self.follow(language)
        (on,) = self.buttons()
        return self.press(on)

    def press(self, title: str) -> Browser:
        name, value = self.buttons()[title]
        return self.post({**self._hidden(), name: value})

    def write(self, text: str) -> Browser:
        return self.post({**self._hidden(), "text": text})

    def post(self, data: dict[str, str], **more: Any) -> Browser:
        self.response = self.client.post("/say", data=data, **more)
        return self

    def _hidden(self) -> dict[str, str]:
        return {each.get("name"): each.get("value") for each in self.page.xpath("//input[@type='hidden']")}
