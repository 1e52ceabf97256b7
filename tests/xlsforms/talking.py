"""The steps of an interview that most tests of this room take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from xlsforms import Form, Prompt, State, answer, current, finish, read_instance, set_answer, value

INDIA = timezone(timedelta(hours=5, minutes=30))
NOW = datetime(2026, 11, 23, 10, 15, 30, tzinfo=INDIA)

WriteForm = Callable[..., Form]


@dataclass
class Talk:
    """An interview under way: the form, and the state after the last step."""

    form: Form
    state: State

    @property
    def asks(self) -> str | None:
        """The path of the current question."""
        shown = current(self.form, self.state)
        return shown.path if shown else None

    @property
    def prompt(self) -> Prompt:
        shown = current(self.form, self.state)
        assert shown is not None
        return shown

    def say(self, *answers: str) -> Talk:
        for text in answers:
            self.state = answer(self.form, self.state, text, now=NOW)
        return self

    def set(self, path: str, text: str) -> Talk:
        self.state = set_answer(self.form, self.state, path, text, now=NOW)
        return self

    def value(self, path: str) -> str:
        return value(self.form, self.state, path)

    def names(self, path: str | None = None) -> list[str]:
        """The names of the choices of the current question."""
        return [choice.name for choice in self.prompt.choices]

    def finished(self) -> dict[str, str]:
        return read_instance(finish(self.form, self.state, now=NOW)).answers
