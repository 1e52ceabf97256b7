"""The bot's own door into Rasa, and its short memory: no slash commands, no shared conversations, nothing on disk.

Runs in Rasa's environment (Python 3.8 to 3.10) and imports nothing of the rest of the project.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.core.trackers import DialogueStateTracker
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

SENDER = re.compile(r"[A-Za-z0-9_-]{32,128}")  # long and random: whoever knows it holds the conversation
MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
LONGEST_TEXT = 1000
LONGEST_PAYLOAD = 300
WORD_JOINER = "\u2060"
PRESSED = "button"  # what the classifier sees of a pressed button; the payload travels apart
IDLE_SECONDS = 15 * 60


class ShaktiInput(InputChannel):
    """POST /webhooks/shakti/webhook with {"sender", "text" or "payload", "id"}; answers a list of replies."""

    @classmethod
    def name(cls) -> str:
        return "shakti"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        webhook = Blueprint("shakti_webhook", "shakti_webhook")

        @webhook.route("/", methods=["GET"])
        async def health(_request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @webhook.route("/webhook", methods=["POST"])
        async def receive(request: Request) -> HTTPResponse:
            if request.headers.get("content-encoding"):
                return response.json({"error": "compressed bodies are not read"}, status=415)
            message = read_message(request)
            if isinstance(message, str):
                return response.json({"error": message}, status=400)
            collector = CollectingOutputChannel()
            message.output_channel = collector
            try:
                await on_new_message(message)
            except Exception:  # Rasa's own error text would carry the message into the log
                return response.json({"error": "the message could not be handled"}, status=500)
            if not collector.messages:  # our action always speaks, so it was not reached: nothing happened
                return response.json({"error": "nobody answered; try again"}, status=503)
            return response.json(replies_of(collector.messages))

        return webhook


def read_message(request: Request) -> UserMessage | str:
    """The message, or in words why it is refused. Whatever else the caller sends is dropped."""
    try:
        body = request.json
    except Exception:
        return "the body is not JSON"
    if not isinstance(body, dict):
        return "the body is not an object"
    sender, text, payload = body.get("sender"), body.get("text"), body.get("payload")
    if not isinstance(sender, str) or not SENDER.fullmatch(sender):
        return "sender must be 32 to 128 letters, digits, - or _"
    if payload is not None and not is_text(payload, LONGEST_PAYLOAD):
        return f"payload must be a text of 1 to {LONGEST_PAYLOAD} characters"
    if payload is None and not is_text(text, LONGEST_TEXT):
        return f"text must be a text of 1 to {LONGEST_TEXT} characters"
    shown = PRESSED if payload is not None else without_commands(text)
    return UserMessage(shown, None, sender, input_channel="shakti", metadata=metadata(body, payload))


def is_text(found: Any, longest: int) -> bool:
    """Whether a field holds some text, and not too much of it."""
    return isinstance(found, str) and bool(found.strip()) and len(found) <= longest


def metadata(body: dict[str, Any], payload: str | None) -> dict[str, Any]:
    """What our action gets to know beside the text."""
    found = body.get("id")
    id_ = found if isinstance(found, str) and MESSAGE_ID.fullmatch(found) else None
    return {"payload": payload, "id": id_}


def without_commands(text: str) -> str:
    """Rasa takes "/intent{...}" as a command that sets slots; an invisible joiner makes it an ordinary text."""
    stripped = text.strip()
    return WORD_JOINER + stripped if stripped.startswith("/") else stripped


def replies_of(messages: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The replies as the client gets them. What a reply carries beside its text comes from Rasa as a message behind it."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if "custom" in message and found:
            found[-1]["more"] = message["custom"]
        else:
            found.append({"text": message.get("text") or "", "buttons": message.get("buttons") or []})
    return found


class ForgetfulTrackerStore(InMemoryTrackerStore):
    """Conversations in memory: gone when they end (the slot is empty again) and after 15 idle minutes."""

    def __init__(self, domain: Any, event_broker: Any = None, **kwargs: Any) -> None:
        self.touched: dict[str, float] = {}
        kwargs.pop("host", None)
        super().__init__(domain, event_broker, **kwargs)

    async def save(self, tracker: DialogueStateTracker) -> None:
        self.forget_idle(time.monotonic())
        if has_ended(tracker):
            self.forget([tracker.sender_id])
            return
        self.touched[tracker.sender_id] = time.monotonic()
        await super().save(tracker)

    def forget_idle(self, now: float) -> None:
        self.forget([sender for sender, when in self.touched.items() if now - when > IDLE_SECONDS])

    def forget(self, senders: Iterable[str]) -> None:
        for sender in list(senders):
            self.touched.pop(sender, None)
            self.store.pop(sender, None)


def has_ended(tracker: DialogueStateTracker) -> bool:
    """Whether our action let go of the interview: it empties the slot it had filled."""
    return tracker.latest_action_name is not None and tracker.get_slot("interview") is None
