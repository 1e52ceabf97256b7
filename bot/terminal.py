"""Two ways to talk without any channel: a plain interview, question by question, and the conversation itself.

Both read replies from an iterator and speak through a function, so a person, a file and a test can sit there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.clerk import Clerk
from bot.errors import BotError
from bot.phrases import LANGUAGES, Words, load_words
from bot.turns import Button, Message, Reply
from bot.understand import Reading, control, fold, number_typed, read_answer
from bot.wording import Wording, plain
from xlsforms import (
    Form,
    Prompt,
    Refused,
    State,
    answer,
    begin,
    current,
    finish,
    go_to,
)

__all__ = ["EndOfReplies", "converse", "interview"]

SENDER = "terminal-" + "0" * 32  # one person sits at a terminal


class EndOfReplies(BotError):  # noqa: N818  what happened, not a fault
    """Raised when an interview is not over and nobody answers any more. `path` and `asked`: the open question."""

    def __init__(self, path: str, asked: str) -> None:
        super().__init__(f"the replies ended before the interview did; still open: {path} ({asked})")
        self.path = path
        self.asked = asked


def interview(
    form: Form,
    replies: Iterator[str],
    say: Callable[[str], None],
    *,
    language: str | None,
    now: Callable[[], dt.datetime],
    instance_id: str,
    words: Words | None = None,
    state: State | None = None,
) -> str:
    """Ask every question of `form` in order and return the finished instance as XML.

    An empty reply, or the word for it, skips; a reply that is not understood or not accepted is answered with the reason, and the next
    one answers the same question. Notes take no reply. `state` goes on with an interview that was begun. Raises
    EndOfReplies.
    """
    words = words or load_words()
    state = state or begin(form, now=now(), language=language, instance_id=instance_id)
    seat = _Seat(form, Wording(words, _nearest(language)), replies, say, now)
    while True:
        while (asked := current(form, state)) is not None:
            state = seat.ask(state, asked)
        try:
            return finish(form, state, now=now())
        except Refused as refused:
            say(refused.message or str(refused))
            state = go_to(form, state, refused.path)


def converse(
    clerk: Clerk, replies: Iterable[str], say: Callable[[str], None], *, sender: str = SENDER
) -> list[Reply]:
    """Talk with the conversation itself, drafts and outbox included; returns all that the bot said.

    A typed line is a message; a line that repeats a button of the last replies, or its number, presses it.
    """
    spoken: list[Reply] = []
    offered: Sequence[Button] = ()
    opened: str | None = None
    for line in replies:
        handled = clerk.handle(sender, _pressed_or_typed(line, offered), open_interview=opened)
        opened = handled.interview
        offered = [button for reply in handled.replies for button in reply.buttons]
        spoken.extend(handled.replies)
        for reply in handled.replies:
            say(plain(reply))
    return spoken


@dataclass
class _Seat:
    """Who sits there, and how to talk to them."""

    form: Form
    wording: Wording
    replies: Iterator[str]
    say: Callable[[str], None]
    now: Callable[[], dt.datetime]
    section: str | None = field(default=None)

    def ask(self, state: State, asked: Prompt) -> State:
        """One question until it is answered, skipped, or nobody answers."""
        if asked.kind == "note":
            self.say(asked.label)
            return answer(self.form, state, "", now=self.now())
        self.say(self._shown(asked))
        while True:
            reply = next(self.replies, None)
            if reply is None:
                raise EndOfReplies(asked.path, asked.label)
            answered = self._answered(state, asked, reply)
            if answered is not None:
                return answered

    def _shown(self, asked: Prompt) -> str:
        section = self.wording.section(asked)
        reply = self.wording.question(asked, new_section=section != self.section)
        self.section = section
        answers = tuple(button for button in reply.buttons if button.payload.startswith("answer:"))
        hint = f"\n({asked.hint})" if asked.hint else ""
        return plain(Reply(reply.text + hint, answers))

    def _answered(self, state: State, asked: Prompt, reply: str) -> State | None:
        """The state after this reply; None when it was refused, with the reason said."""
        reading = Reading("") if self._skips(asked, reply) else self._read(state, asked, reply)
        if reading.value is None:
            self._say_unclear(asked, reading)
            return None
        try:
            return self._accepted(state, asked, reading.value)
        except Refused as refused:
            reasons = {"required": "must_answer", "choice": "not_a_choice"}
            said = self.wording.unclear(asked, reasons.get(refused.kind, "not_possible"))
            self.say(refused.message or said)
            return None

    def _skips(self, asked: Prompt, reply: str) -> bool:
        """An empty reply, or the word for it where the question may be skipped."""
        word = control(reply, self.wording.words.lexicon)
        return not reply.strip() or (word == "skip" and not asked.required)

    def _accepted(self, state: State, asked: Prompt, value: str) -> State:
        try:
            return answer(self.form, state, value, now=self.now())
        except Refused:
            number = number_typed(value)
            if asked.kind != "text" or number is None:
                raise
            return answer(self.form, state, number, now=self.now())

    def _read(self, state: State, asked: Prompt, reply: str) -> Reading:
        lexicon = self.wording.words.lexicon
        return read_answer(self.form, state, asked, reply, lexicon, today=self.now().date())

    def _say_unclear(self, asked: Prompt, reading: Reading) -> None:
        self.say(self.wording.unclear(asked, reading.reason or "not_possible"))
        if reading.suggestions:
            self.say(plain(self.wording.did_you_mean(asked, reading.suggestions)))


def _pressed_or_typed(line: str, offered: Sequence[Button]) -> Message:
    pressed = next((button for button in offered if fold(button.title) == fold(line)), None)
    return Message(text=line) if pressed is None else Message(payload=pressed.payload)


def _nearest(language: str | None) -> str:
    """The bot's own language for a form's ("bn", "বাংলা (bn)"); English where it has none."""
    named = language or ""
    return next((each for each in LANGUAGES if named == each or named.endswith(f"({each})")), LANGUAGES[0])
