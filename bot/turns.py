"""What goes in and out of a conversation, free of any channel: messages, replies, and what must be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Button", "Effect", "Forget", "Message", "Reply", "Save", "Turn"]


@dataclass(frozen=True)
class Message:
    """One message of hers: typed `text`, or the `payload` of a button.

    `intent` is a classifier's guess about the text and only asked when exact words say nothing. `id` is the
    channel's name for this message: the same id delivered twice gets the same reply and changes nothing.
    """

    text: str | None = None
    payload: str | None = None
    intent: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class Button:
    """Something she can press: what it shows, and what comes back. A choice's payload names its question."""

    title: str
    payload: str


@dataclass(frozen=True)
class Reply:
    """One message of the bot."""

    text: str
    buttons: tuple[Button, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """`{"text": …, "buttons": [{"title": …, "payload": …}]}`, the shape channels carry."""
        buttons = [{"title": button.title, "payload": button.payload} for button in self.buttons]
        return {"text": self.text, "buttons": buttons}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Reply:
        """The reply a channel carried."""
        buttons = found.get("buttons") or []
        return cls(found.get("text") or "", tuple(Button(each["title"], each["payload"]) for each in buttons))


@dataclass(frozen=True)
class Save:
    """Commit this interview; only then may `saved` be spoken. `interview_id` makes a second commit harmless."""

    form_id: str
    form_version: str
    instance_xml: str
    receipt: str
    interview_id: str


@dataclass(frozen=True)
class Forget:
    """Delete what is held of this conversation."""


Effect = Save | Forget


@dataclass(frozen=True)
class Turn:
    """What follows a message: the new state (None: nothing is left of it), the replies, and what must be done."""

    state: dict[str, Any] | None
    replies: tuple[Reply, ...]
    effect: Effect | None = None
