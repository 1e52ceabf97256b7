"""Which exit code an error ends with: the one table over the rooms' error trees."""

from __future__ import annotations

from bot.errors import BotError, NotRunningError, RasaMissingError
from connector import ConnectorError, RetryLater
from reports import ReportError
from scoring import ScoringError
from shakti.commands.data import SourcesFailed
from shakti.commands.options import InputError
from shakti.config import ConfigError
from xlsforms import FormError, Refused

DONE, WRONG_INPUT, USAGE, UNREACHABLE = 0, 1, 2, 3

_UNREACHABLE = (RetryLater, NotRunningError, RasaMissingError)
_WRONG_INPUT = (
    ConfigError,
    InputError,
    FormError,
    Refused,
    ConnectorError,
    ScoringError,
    ReportError,
    BotError,
)


def exit_code(error: Exception) -> int | None:
    """1 when the input is wrong, 3 when a service could not be reached; None for a fault of ours."""
    if isinstance(error, SourcesFailed):
        return UNREACHABLE if error.later else WRONG_INPUT
    if isinstance(error, _UNREACHABLE):
        return UNREACHABLE
    return WRONG_INPUT if isinstance(error, (*_WRONG_INPUT, OSError)) else None


def sentence(error: Exception) -> str:
    """The error in one sentence."""
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return f"{error.filename or 'The disk'}: {what}; check the path, its permissions and the space left."
    return str(error)
