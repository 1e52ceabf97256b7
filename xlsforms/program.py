"""A form compiled: its questions as they are asked, and its rules in the order they must run.

A rule computes a value (`calculate`) or whether a part of the form applies (`relevant`). Rules are sorted
so that each comes after all it depends on; a circle is refused. Immutable and shared by all interviews.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from .choices import Choices
from .expression import Expression
from .model import Bind, Model
from .secondary import Table
from .texts import Text


class Rule(NamedTuple):
    """One calculation or relevance.

    `governed`: what a relevance decides about, as far as no rule further inside does (questions and
    groups); `parent`: the path whose relevance stands above it; `inner`: numbers of the rules below it;
    `awakens`: the rules to run when the verdict changes; `weight`: the work of running it once.
    """

    path: str
    expression: Expression
    relevance: bool
    governed: tuple[str, ...] = ()
    parent: str | None = None
    inner: tuple[int, ...] = ()
    awakens: tuple[int, ...] = ()
    weight: int = 1


class Asked(NamedTuple):
    """A question as it is asked: everything of it that needs the interview's answers, compiled.

    `over`: the path whose relevance decides about it, None when it always applies. `counted`: whether it is
    one of the questions a person is told the number of (no note, no "another one?"). `number`: of the instance
    of the repeat it stands in.
    """

    path: str
    over: str | None
    kind: str
    counted: bool
    type: str
    note: bool
    appearance: str | None
    eval: Mapping[str, str]
    parameters: Mapping[str, str]
    label: Text
    hint: Text
    section: Text
    choices: Choices | None
    required: Expression | None
    required_message: Text
    constraint: Expression | None
    constraint_message: Text
    readonly: Expression | None
    guidance: Text
    media: Mapping[str, Text]
    number: int | None


@dataclass(frozen=True)
class Program:
    """A form ready to be interviewed.

    `governor`: question or group to the nearest path with a relevance, at or above it; `fires`: path to
    the numbers of the rules that read it; `names`: path to those that name it without reading it; `watchers`: path to the questions whose choices depend on it;
    `filtered`: the questions with such choices; `order`: path to its place in `asked`; `repeats`: how many
    instances of each repeat this program is for; `counts`: repeat to the expression that says how many it
    should have; `new_values`: what a new instance begins with besides its defaults.
    """

    where: str
    model: Model
    tables: Mapping[str, Table]
    types: Mapping[str, str]
    asked: tuple[Asked, ...]
    by_path: Mapping[str, Asked]
    rules: tuple[Rule, ...]
    governor: Mapping[str, str]
    fires: Mapping[str, tuple[int, ...]]
    names: Mapping[str, tuple[int, ...]]
    watchers: Mapping[str, tuple[str, ...]]
    filtered: frozenset[str]
    order: Mapping[str, int]
    defaults: Mapping[str, str]
    preloads: tuple[Bind, ...]
    first_values: tuple[tuple[str, Expression], ...]
    changes: Mapping[str, tuple[tuple[str, Expression], ...]]
    new_values: tuple[tuple[str, Expression], ...]
    lingual: tuple[int, ...]
    repeats: Mapping[str, int]
    counts: Mapping[str, Expression]
    texts: Mapping[str, Text]
    _again: dict[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def after(self, path: str) -> tuple[int, ...]:
        """The rules to run when this question is answered, though perhaps with the same answer, or when this
        repeat gains or loses an instance.

        Those that read it, and further down those that may come out otherwise on the same answers
        (chance, the clock, a calculation the user typed over).
        """
        found = self._again.get(path)
        if found is None:
            found = self._again[path] = tuple(sorted(self._direct_and_restless(path)))
        return found

    def progress(self, place: int, off: Iterable[str]) -> tuple[int, int]:
        """How many of the questions that are told the number of apply up to this one, and how many in all."""
        told, told_under = self._told
        position, total = told[place], told[-1]
        for over in off:
            found = told_under.get(over)
            if found is not None:
                places, first, last = found
                total -= len(places)
                if place >= first:
                    position -= len(places) if place >= last else bisect_right(places, place)
        return position, total

    @cached_property
    def _told(self) -> tuple[tuple[int, ...], dict[str, tuple[list[int], int, int]]]:
        """How many questions are counted up to each; and the places of those that a relevance decides about.

        With the first and the last of these places.
        """
        under: dict[str, list[int]] = {}
        for place, asked in enumerate(self.asked):
            if asked.counted and asked.over is not None:
                under.setdefault(asked.over, []).append(place)
        counted = tuple(accumulate(asked.counted for asked in self.asked))
        return counted, {over: (places, places[0], places[-1]) for over, places in under.items()}

    def _direct_and_restless(self, path: str) -> set[int]:
        direct = {*self.fires.get(path, ()), *self.names.get(path, ())}
        seen, waiting = set(direct), list(direct)
        while waiting:
            for number in self._readers(self.rules[waiting.pop()]):
                if number not in seen:
                    seen.add(number)
                    waiting.append(number)
        return direct | {number for number in seen if self._restless(self.rules[number])}

    def _readers(self, rule: Rule) -> Iterable[int]:
        yield from rule.inner
        for path in rule.governed if rule.relevance else (rule.path,):
            yield from self.fires.get(path, ())
            yield from self.names.get(path, ())

    def _restless(self, rule: Rule) -> bool:
        return rule.expression.volatile or (not rule.relevance and rule.path in self.by_path)
