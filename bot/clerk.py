"""One message handled for real: the draft is loaded, the conversation asked, what it asks for done, the draft kept.

The order is the promise: commit to the outbox first, say "saved" after it. Whatever fails, she is told so in kind
words, the draft stays as it was, and the log learns the kind of fault and never a word of the text.
"""

from __future__ import annotations

import datetime as dt
import logging
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bot.conversation import Conversation, Forget, Message, Reply, Save, Turn, Withdraw
from bot.drafts import Drafts
from bot.errors import BotError, NotSavedError
from bot.outbox import Outbox
from bot.phrases import load_words
from bot.settings import Settings
from xlsforms import load_form

__all__ = ["Clerk", "Handled", "open_clerk"]

log = logging.getLogger(__name__)

WITHDRAWAL = "withdrawal"  # what stands for a form's name where a receipt is all there is


@dataclass(frozen=True)
class Handled:
    """The replies to one message, and the id of the interview that is open after it."""

    replies: tuple[Reply, ...]
    interview: str | None


@dataclass(frozen=True)
class Clerk:
    """A conversation with its drafts and outbox. `sender` is the channel's long random name for one talk."""

    conversation: Conversation
    drafts: Drafts
    outbox: Outbox
    clock: Callable[[], dt.datetime]
    new_id: Callable[[], str]

    def handle(self, sender: str, message: Message, *, open_interview: str | None = None) -> Handled:
        """Answer one message; never raises. `open_interview`: what the channel believes to be open."""
        state: Mapping[str, Any] | None = None
        try:
            now = self.clock()
            self.drafts.purge(now)
            state = self.drafts.load(sender, now)
            expired = state is None and open_interview is not None
            turn = self.conversation.reply(state, message, now=now, new_id=self.new_id, expired=expired)
            turn = self._carry_out(turn, sender, now)
        except Exception as error:
            log.error("a message was not handled: %s", _kind_and_place(error))
            return Handled(self.conversation.sorry(state), open_interview)
        return Handled(turn.replies, _open_interview(turn))

    def _carry_out(self, turn: Turn, sender: str, now: dt.datetime) -> Turn:
        if isinstance(turn.effect, Save):
            return self._save(turn, turn.effect, sender, now)
        if isinstance(turn.effect, Withdraw):
            return self._withdraw(turn, turn.effect, sender, now)
        if isinstance(turn.effect, Forget) or turn.state is None:
            self.drafts.remove(sender)
        else:
            self.drafts.save(sender, turn.state, now)
        return turn

    def _save(self, turn: Turn, effect: Save, sender: str, now: dt.datetime) -> Turn:
        state = turn.state or {}
        try:
            self.outbox.put(
                "evaluation",
                form_id=effect.form_id,
                form_version=effect.form_version,
                instance_xml=effect.instance_xml,
                receipt=effect.receipt,
                day=now.date(),
                id=effect.interview_id,
            )
        except NotSavedError as error:
            log.error("an interview was not saved: %s", _kind_and_place(error))
            return self.conversation.not_saved(state)
        confirmed = self.conversation.saved(state, effect.receipt)
        # Committed is committed: if the draft cannot be replaced, sending it again changes nothing.
        with suppress(BotError):
            self.drafts.save(sender, confirmed.state or {}, now)
        return confirmed

    def _withdraw(self, turn: Turn, effect: Withdraw, sender: str, now: dt.datetime) -> Turn:
        """The wish goes the way of an interview: sealed, committed, and only then confirmed."""
        state = turn.state or {}
        try:
            self.outbox.put(
                "withdrawal",
                form_id=WITHDRAWAL,
                form_version="",
                instance_xml=f"<data id='{WITHDRAWAL}'><receipt>{effect.receipt}</receipt></data>",
                receipt=effect.receipt,
                day=now.date(),
                id=effect.wish_id,
            )
        except NotSavedError as error:
            log.error("a withdrawal was not noted: %s", _kind_and_place(error))
            return self.conversation.not_withdrawn(state)
        confirmed = self.conversation.withdrawn(state, now=now, new_id=self.new_id)
        # As with an interview: a wish that is delivered again changes nothing.
        with suppress(BotError):
            self.drafts.save(sender, confirmed.state or {}, now)
        return confirmed


@contextmanager
def open_clerk(settings: Settings) -> Iterator[Clerk]:
    """A clerk with everything opened; forms and words are read and checked here. Raises FormError, WordsError."""
    forms = tuple(load_form(path) for path in settings.forms)
    conversation = Conversation(forms, load_words(), settings.region)
    with (
        Drafts(settings.drafts_url, settings.drafts_key) as drafts,
        Outbox(settings.outbox_url, public_key=settings.outbox_public_key) as outbox,
    ):
        yield Clerk(conversation, drafts, outbox, clock=_now, new_id=lambda: str(uuid.uuid4()))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).astimezone()


def _open_interview(turn: Turn) -> str | None:
    if turn.state is None or turn.state["step"] == "done":
        return None
    return str(turn.state["id"])


def _kind_and_place(error: BaseException) -> str:
    """The type and the line of a fault. Its message may quote what was written, so it is not used."""
    places = traceback.extract_tb(error.__traceback__)
    where = f"{places[-1].filename}:{places[-1].lineno}" if places else "nowhere"
    return f"{type(error).__name__} at {where}"
