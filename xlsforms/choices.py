"""The choices of a question: which are offered, and what each is called in a language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .secondary import Query, Table
from .texts import Text, code_of


class Choice(NamedTuple):
    """One choice: the name that is stored and the label that is shown."""

    name: str
    label: str


Shown = dict[str | None, tuple[Choice, ...]]
"""All rows of a list as choices, by language."""


@dataclass(frozen=True)
class Choices:
    """The choices of one question.

    `texts` are the labels by the value of the label column (translated lists); without them the column
    itself holds the label, or `<column>_<code>` in the interview's language where the list has that.
    `shown`: what was made of all rows before, shared by the questions that show the list alike.
    """

    query: Query
    value: str
    label: str
    texts: dict[str, Text] | None = None
    shown: Shown = field(default_factory=dict, compare=False, repr=False)

    @property
    def table(self) -> Table:
        return self.query.table

    @property
    def filtered(self) -> bool:
        return bool(self.query.filters)

    def offered(self, run: Any, language: str | None) -> tuple[Choice, ...]:
        """The choices that pass the filter, in the list's order."""
        everything = self.everything(run, language)
        if not self.filtered:
            return everything
        return tuple([everything[number] for number in self.query.numbers(run)])

    def offers(self, run: Any, name: str) -> bool:
        """Whether this name may be chosen now."""
        return self.query.offers(run, self.value, name)

    def label_of(self, run: Any, language: str | None, name: str) -> str:
        """The label of a name, offered or not; '' when the list does not have it."""
        numbers = self.table.index((self.value,)).get((name,), ())
        return self.everything(run, language)[numbers[0]].label if numbers else ""

    def everything(self, run: Any, language: str | None) -> tuple[Choice, ...]:
        """All rows as choices. Made once a language, unless labels hold values of the interview."""
        found = self.shown.get(language)
        if found is None:
            found = self._make(run, language)
            if not self._changing():
                self.shown[language] = found
        return found

    def _changing(self) -> bool:
        return any(text.expressions() for text in (self.texts or {}).values())

    def _make(self, run: Any, language: str | None) -> tuple[Choice, ...]:
        table = self.table
        name, label = table.place(self.value), table.place(self.label)
        spoken = table.place(f"{self.label}_{code_of(language)}") if language else None
        made = []
        for row in table.rows:
            text = row[label] if label is not None else ""
            if self.texts is not None:
                text = self.texts[text].show(run, language) if text in self.texts else text
            elif spoken is not None and row[spoken]:
                text = row[spoken]
            made.append(Choice(row[name] if name is not None else "", text.strip()))
        return tuple(made)
