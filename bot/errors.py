"""Everything that can go wrong in the bot, in one small tree; every message is ready to print.

BotError
├── NotSavedError      the row is not on disk: say so, keep the draft, let her try again
├── UnreadableError    the outbox or the drafts cannot be read just now: try again later
├── WordsError         a table of words or a key is wrong: a person must correct it
├── NotRunningError    Rasa or the action server could not be started or reached
└── RasaMissingError   there is no environment for Rasa on this machine
"""

from __future__ import annotations

__all__ = [
    "BotError",
    "NotRunningError",
    "NotSavedError",
    "RasaMissingError",
    "UnreadableError",
    "WordsError",
]


class BotError(Exception):
    """Root of the bot's errors."""


class NotSavedError(BotError):
    """Raised when a row could not be committed: nothing may be called saved."""


class UnreadableError(BotError):
    """Raised when one of the bot's databases cannot be read."""


class WordsError(BotError):
    """Raised when one of the bot's own tables, or a key, is incomplete or malformed."""


class NotRunningError(BotError):
    """Raised when Rasa or the action server does not start or does not answer."""


class RasaMissingError(BotError):
    """Raised when no Python with Rasa was found."""
