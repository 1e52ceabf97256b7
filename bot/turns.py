"""What goes in and out of a conversation, free of any channel: messages, replies, and what must be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Button", "Effect", "Forget", "Message", "Reply", "Save", "Turn", "Withdraw"]


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
    """Something she can press: what it shows, and what comes back. A choice's payload names its question.

    `sign`: of a step of a scale, how many of how many marks are filled and how good that is: "4/5+", "1/5-", "3/5";
    a page draws it, so that the answer is not told by a word or a colour alone.
    """

    title: str
    payload: str
    sign: str | None = None

    def to_json(self) -> dict[str, str]:
        """`{"title", "payload"}`, and `sign` where there is one."""
        plain = {"title": self.title, "payload": self.payload}
        return plain if self.sign is None else {**plain, "sign": self.sign}


@dataclass(frozen=True)
class Reply:
    """One message of the bot.

    `language` is the one it is written in, None where several stand side by side; `question` the line of `text`
    that is the open question; `media` of that question, `audio` or `image` to the name of a file.
    """

    text: str
    buttons: tuple[Button, ...] = ()
    language: str | None = None
    question: str | None = None
    media: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """`{"text": …, "buttons": […]}`, the shape channels carry, and what else is known under `more`."""
        plain = {"text": self.text, "buttons": [button.to_json() for button in self.buttons]}
        more = {"language": self.language, "question": self.question, "media": dict(self.media)}
        known = {name: value for name, value in more.items() if value}
        return {**plain, "more": known} if known else plain

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Reply:
        """The reply a channel carried."""
        buttons = (
            Button(each["title"], each["payload"], each.get("sign")) for each in found.get("buttons") or []
        )
        return cls(found.get("text") or "", tuple(buttons), **(found.get("more") or {}))


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


@dataclass(frozen=True)
class Withdraw:
    """Commit the wish that what was sent with this receipt be deleted; only then may `withdrawn` be spoken."""

    receipt: str
    wish_id: str


Effect = Save | Forget | Withdraw


@dataclass(frozen=True)
class Turn:
    """What follows a message: the new state (None: nothing is left of it), the replies, and what must be done."""

    state: dict[str, Any] | None
    replies: tuple[Reply, ...]
    effect: Effect | None = None
