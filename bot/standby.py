"""The words that must work at once and always: stop, help and danger, answered without Rasa and before anything else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from bot.conversation import Conversation, Message, Reply
from bot.drafts import Drafts
from bot.understand import control

__all__ = ["Standby"]

URGENT = ("stop", "danger", "need_help", "help")


@dataclass(frozen=True)
class Standby:
    """The conversation and its drafts, for the messages that may not wait. It never saves an evaluation."""

    conversation: Conversation
    drafts: Drafts
    clock: Callable[[], dt.datetime]
    new_id: Callable[[], str]

    def urgent(self, message: Message) -> str | None:
        """Which of the urgent words a message is, by exact rules; None for every other message."""
        if message.payload is not None:
            word = message.payload.partition(":")[0]
        else:
            word = control(message.text or "", self.conversation.words.lexicon) or ""
        return word if word in URGENT else None

    def answer(self, sender: str, word: str) -> tuple[Reply, ...]:
        """What is said to an urgent word; a stop deletes the draft first. Raises UnreadableError, NotSavedError."""
        now = self.clock()
        if word == "stop":
            # Her language is known only from the draft, and the draft must be gone whatever happens next.
            state = self.drafts.load(sender, now)
            self.drafts.remove(sender)
            return self.conversation.reply(
                state, Message(payload="stop:"), now=now, new_id=self.new_id
            ).replies
        state = self.drafts.load(sender, now)
        turn = self.conversation.reply(state, Message(payload=f"{word}:"), now=now, new_id=self.new_id)
        if turn.state is not None:
            self.drafts.save(sender, turn.state, now)
        return turn.replies

    def forget(self, sender: str) -> None:
        """Delete what is held of this conversation. Raises UnreadableError."""
        self.drafts.remove(sender)

    def purge(self) -> None:
        """Forget every conversation that idled too long. Raises UnreadableError."""
        self.drafts.purge(self.clock())
