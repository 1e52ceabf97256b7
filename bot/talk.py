"""Where a conversation stands, as a frozen record and as the JSON that drafts keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.phrases import LANGUAGES
from bot.turns import Message, Reply, Turn
from bot.understand import script_language
from xlsforms import State

__all__ = ["Talk", "in_language", "remembering", "spoken_languages"]


@dataclass(frozen=True)
class Talk:
    """Where a conversation stands. `step`: language, intro, form, question, review or done."""

    id: str
    step: str = "language"
    language: str | None = None
    form: str | None = None
    interview: State | None = None
    pause: str | None = None  # open over the step: care, stop, language, change, remove or withdraw
    misread: int = 0
    suggested: str | None = None  # the answer of an open "did you mean"
    section: str | None = None  # of the question shown last
    closing: tuple[str, ...] = ()  # paths of the form's last notes, spoken after the commit
    last: Mapping[str, Any] | None = None  # the last message's id and the replies it got

    def to_json(self) -> dict[str, Any]:
        """The state a caller keeps."""
        return {**vars(self), "closing": list(self.closing)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Talk:
        """The talk of a kept state."""
        return cls(**{**state, "closing": tuple(state["closing"])})

    def replies_given(self, message: Message) -> tuple[Reply, ...] | None:
        """What this very message was answered when it was delivered before; None if it is new."""
        if message.id is None or self.last is None or self.last["id"] != message.id:
            return None
        given = self.last["replies"]
        return None if given is None else tuple(map(Reply.from_json, given))


def in_language(turn: Turn, before: str | None) -> Turn:
    """The turn with the language named on replies that do not name theirs; `before`: the one until this turn."""
    language = before if turn.state is None else turn.state["language"]
    if language is None:
        return turn
    replies = tuple(replace(reply, language=reply.language or language) for reply in turn.replies)
    return replace(turn, replies=replies)


def remembering(turn: Turn, message_id: str | None) -> Turn:
    """The turn with its replies kept under the message's id; while a Save is open there is no reply yet."""
    if turn.state is None:
        return turn
    replies = None if turn.effect else [reply.to_json() for reply in turn.replies]
    last = None if message_id is None else {"id": message_id, "replies": replies}
    return replace(turn, state={**turn.state, "last": last})


def spoken_languages(language: str | None, text: str | None) -> Sequence[str]:
    """The one language of a talk; before it is chosen, the one its script gives away, or else all of them."""
    known = language or script_language(text)
    return LANGUAGES if known is None else (known,)
