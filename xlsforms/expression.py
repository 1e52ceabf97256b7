"""An expression ready to be evaluated, and what it may name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from .closures import Runner
from .coercion import to_text, to_truth
from .secondary import Table


class Names(Protocol):
    """What an expression may name: the form as the compiler sees it."""

    @property
    def root(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def tables(self) -> Mapping[str, Table]: ...
    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Group path to the paths of all questions inside."""

    @property
    def repeats(self) -> Mapping[str, int]:
        """Repeat path to the number of its instances."""

    def kind(self, path: str) -> str | None:
        """What a question holds: string, number, date or any; None when there is no such question."""

    def is_part(self, path: str) -> bool:
        """Whether a group or repeat stands at this path, in no matter how many instances."""


class Expression(NamedTuple):
    """An expression ready to be evaluated.

    `reads` are the paths of the questions (and groups) it depends on, `parts` those instances of repeats that
    it only counts, and the repeats whose number of instances it depends on; `named`: questions that stand in it
    and decide nothing, as in `if(1 = 2, ${a}, 'x')`: answering them runs the rule all the same; `volatile`: two
    evaluations on the same answers may differ (today, random, once); `lingual`: it shows a label in the
    interview's language.
    """

    text: str
    run: Runner
    kind: str
    reads: frozenset[str]
    parts: frozenset[str]
    named: frozenset[str]
    volatile: bool
    lingual: bool

    def truth(self, run: Any) -> bool:
        """The value as a truth."""
        value = self.run(run)
        return value if value.__class__ is bool else to_truth(value)

    def text_of(self, run: Any) -> str:
        """The value as text."""
        return to_text(self.run(run))


@dataclass(slots=True)
class Facts:
    """What a compiler learns about an expression besides its code."""

    reads: set[str] = field(default_factory=set)
    parts: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    repeats: set[str] = field(default_factory=set)
    volatile: bool = False
    lingual: bool = False
