"""People who talk to the bot in tests: to the conversation itself, or through a running Rasa."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.clerk import Clerk
from bot.conversation import Button, Message, Reply
from bot.runtime import Running, new_sender

NOW = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)

VISIT = """
| survey   |                       |         |                           |                    |                     |          |                  |             |
|          | type                  | name    | label::English (en)       | label::বাংলা (bn)   | label::हिन्दी (hi)    | required | constraint       | constraint_message::English (en) |
|          | note                  | hello   | About a visit.            | একটা দেখা নিয়ে।     | एक मुलाक़ात।         |          |                  |             |
|          | select_one yes_no     | met     | Did you meet?             | দেখা হয়েছে?        | मुलाक़ात हुई?         | yes      |                  |             |
|          | begin_group           | when    | The time                  | সময়                | समय                 |          |                  |             |
|          | integer               | times   | How often?                | কতবার?             | कितनी बार?          |          | . >= 0 and . < 9 | Between 0 and 8, please. |
|          | date                  | last    | When last?                | শেষ কবে?           | आख़िरी बार कब?       |          |                  |             |
|          | end_group             |         |                           |                    |                     |          |                  |             |
|          | select_multiple where | places  | Where?                    | কোথায়?             | कहाँ?                |          |                  |             |
|          | decimal               | hours   | How many hours?           | কত ঘণ্টা?           | कितने घंटे?           |          |                  |             |
|          | text                  | words   | Anything else?            | আর কিছু?           | और कुछ?             |          |                  |             |
|          | note                  | bye     | That was all.             | এই ছিল সব।         | बस इतना ही।         |          |                  |             |
| choices  |                       |         |                           |                    |                     |          |                  |             |
|          | list_name             | name    | label::English (en)       | label::বাংলা (bn)   | label::हिन्दी (hi)    |          |                  |             |
|          | yes_no                | yes     | Yes                       | হ্যাঁ                | हाँ                  |          |                  |             |
|          | yes_no                | no      | No                        | না                 | नहीं                 |          |                  |             |
|          | where                 | home    | At home                   | বাড়িতে             | घर पर               |          |                  |             |
|          | where                 | office  | At the office             | অফিসে              | दफ़्तर में            |          |                  |             |
|          | where                 | school  | At the school             | স্কুলে              | स्कूल में             |          |                  |             |
| settings |                       |         |                           |                    |                     |          |                  |             |
|          | form_id               | version | default_language          |                    |                     |          |                  |             |
|          | visit                 | 1       | English (en)              |                    |                     |          |                  |             |
"""


class Speaker(Protocol):
    """One person with one conversation."""

    def say(self, text: str, *, intent: str | None = None) -> list[Reply]:
        """Type something. `intent` is what a classifier would say; through Rasa the real one says it."""

    def press(self, payload: str) -> list[Reply]:
        """Press a button."""


@dataclass
class AtTheDesk:
    """Talks to the clerk in this process; the clock stands still unless it is moved."""

    clerk: Clerk
    sender: str = field(default_factory=new_sender)
    opened: str | None = None

    def say(self, text: str, *, intent: str | None = None) -> list[Reply]:
        return self.give(Message(text=text, intent=intent))

    def press(self, payload: str) -> list[Reply]:
        return self.give(Message(payload=payload))

    def give(self, message: Message) -> list[Reply]:
        handled = self.clerk.handle(self.sender, message, open_interview=self.opened)
        self.opened = handled.interview
        return list(handled.replies)

    def all(self, *texts: str) -> list[Reply]:
        """Say all of it, one after the other; the replies to the last."""
        replies: list[Reply] = []
        for text in texts:
            replies = self.say(text)
        return replies


@dataclass
class ThroughRasa:
    """Talks to a running Rasa, whose own classifier reads the texts."""

    running: Running
    sender: str = field(default_factory=new_sender)

    def say(self, text: str, *, intent: str | None = None) -> list[Reply]:
        return self.running.send(self.sender, text)

    def press(self, payload: str) -> list[Reply]:
        return self.running.send(self.sender, payload=payload)


@dataclass
class Clock:
    """A clock that a test moves."""

    now: dt.datetime = NOW

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_minutes(self, minutes: float) -> None:
        self.now += dt.timedelta(minutes=minutes)


def counted_ids() -> Callable[[], str]:
    """Ids that are the same in every run."""
    numbers: Iterator[int] = iter(range(1, 10**6))
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012}"


def shown(replies: list[Reply]) -> str:
    """All that a person sees: texts and buttons."""
    return "\n".join(part for reply in replies for part in (reply.text, *(b.title for b in reply.buttons)))


def buttons(replies: list[Reply]) -> dict[str, str]:
    """Payload by title."""
    found: list[Button] = [button for reply in replies for button in reply.buttons]
    return {button.title: button.payload for button in found}


def without_receipts(text: str) -> str:
    """Receipts are random: the same talk twice has different ones."""
    return re.sub(r"\d{10}", "<receipt>", text)


def as_json(replies: list[Reply]) -> list[dict[str, Any]]:
    return [reply.to_json() for reply in replies]
