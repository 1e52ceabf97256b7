"""One answer's way through the rules of a form: what it changes, and what that changes in turn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, time, tzinfo
from heapq import heapify, heappop, heappush
from typing import Any

from .coercion import Value, moment_text, parse_moment, stored_number, to_text
from .errors import FormError
from .program import Asked, Program, Rule

State = dict[str, Any]
"""An open interview as plain JSON; see `xlsforms.interview` for its keys."""

NO_REPEATS: dict[str, int] = {}  # never written to: a run that writes has a copy

MAX_CHAIN = 50
"""How many answers may set one another in turn. More is a circle of triggers."""


MAX_STEPS = 1_000_000
"""What rules read, and rows of lists, in one turn. An answer in a form of 350 questions takes some hundreds, a list of
10,000 rows searched once 10,000; this many take about a second."""


ANSWER_WEIGHS = 10
"""Steps that an answer costs by itself, whatever hangs on it."""


class Run:
    """The answers of an interview while expressions read them, or while an answer changes them.

    A run that only reads shares the state's dictionaries; `Run.writing` works on copies.
    """

    __slots__ = (
        "_depth", "_dirty", "_heap", "_now", "changed", "draws", "kept", "language", "off", "place", "program",
        "repeats", "row", "seed", "seen", "stamp", "steps", "values",
    )  # fmt: skip

    def __init__(self, program: Program, state: State) -> None:
        self.program = program
        self.values: dict[str, str] = state["values"]
        self.kept: dict[str, str] = state["kept"]
        self.off: dict[str, bool] = state["off"]
        self.seen: dict[str, bool] = state["seen"]
        self.repeats: dict[str, int] = state.get("repeats", NO_REPEATS)
        self.language: str | None = state["language"]
        self.seed: str = state["id"]
        self.draws: int = state["draws"]
        self.stamp: str = state["now"]
        self._now: datetime | None = None
        self.row: tuple[str, ...] = ()
        self.place = 0
        self.steps = 0
        self.changed: set[str] = set()
        self._depth = 0
        self._heap: list[int] = []
        self._dirty: set[int] = set()

    @classmethod
    def writing(cls, program: Program, state: State, now: datetime) -> Run:
        """A run that changes answers: the state passed in stays as it is."""
        run = cls(program, state)
        run.values, run.kept = run.values.copy(), run.kept.copy()
        run.off, run.seen = run.off.copy(), run.seen.copy()
        run.repeats = dict(run.repeats)
        run._now, run.stamp = now, moment_text(now)
        return run

    def state(self, before: State, at: str | None) -> State:
        """The interview after this run, with the cursor at a question."""
        after = before.copy()
        after.update(
            values=self.values,
            kept=self.kept,
            off=self.off,
            seen=self.seen,
            repeats=self.repeats,
            draws=self.draws,
            now=self.stamp,
            at=at,
        )
        return after

    # --- what expressions read ---------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        if self._now is None:
            self._now = parse_moment(self.stamp)
        assert self._now is not None
        return self._now

    def draw(self) -> bytes:
        """32 bytes of chance. Their source is the interview's id, which is random, and a counter: the same
        interview with the same answers is the same again, and no other interview is like it."""
        from hashlib import blake2b  # noqa: PLC0415  brings OpenSSL, which hardly a form needs

        self.draws += 1
        return blake2b(f"{self.seed} {self.draws}".encode(), digest_size=32).digest()

    def relevant(self, path: str) -> bool:
        over = self.program.governor.get(path)
        return over is None or over not in self.off

    def applies(self, asked: Asked) -> bool:
        """Whether a question is relevant."""
        return asked.over is None or asked.over not in self.off

    def own(self, path: str) -> str:
        return self.values.get(path) or self.kept.get(path, "")

    def choice_label(self, path: str, name: str) -> str:
        asked = self.program.by_path.get(path)
        return asked.choices.label_of(self, self.language, name) if asked and asked.choices else ""

    def itext(self, name: str) -> str:
        text = self.program.texts.get(name)
        return text.show(self, self.language) if text else ""

    # --- what an answer changes --------------------------------------------------------------------

    def answer(self, path: str, value: str) -> None:
        """Stores an answer and settles everything that follows from it, the same answer again too."""
        self.take(path, value)
        self.clear_stale_choices()

    def take(self, path: str, value: str) -> None:
        """An answer with its rules and triggers; choices that are no longer offered are left for later."""
        before = self.own(path)
        self.store(path, value)
        self.changed.add(path)
        self.wake(self.program.after(path))
        self.settle()
        if value != before:
            self._trigger(path)

    def store(self, path: str, value: str) -> None:
        """Keeps a value: with the answers when the question applies, aside when it does not."""
        kept = self.values if self.relevant(path) else self.kept
        if value:
            kept[path] = value
        else:
            kept.pop(path, None)

    def fitted(self, value: Value, path: str) -> str:
        """A computed value as the question at `path` keeps it."""
        if value.__class__ is str:
            return value
        return fitting(value, self.program.types[path], self.now.tzinfo)

    def wake(self, numbers: tuple[int, ...] | range) -> None:
        """Marks rules to be run."""
        for number in numbers:
            if number not in self._dirty:
                self._dirty.add(number)
                heappush(self._heap, number)

    def settle(self) -> None:
        """Runs the marked rules in order, each of them once, and those their changes mark."""
        rules, heap, steps = self.program.rules, self._heap, ANSWER_WEIGHS
        heapify(heap)
        while heap:
            number = heappop(heap)
            self._dirty.discard(number)
            rule = rules[number]
            steps += rule.weight
            if rule.relevance:
                self._apply_relevance(rule)
            else:
                self._apply_calculation(rule)
        self.spend(steps)

    def spend(self, steps: int) -> None:
        """Counts work: rules that ran, by what they read, and rows of lists that were tried.

        FormError when it gets out of hand.
        """
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise FormError(
                f"{self.program.where}: one answer sets off more than {MAX_STEPS:,} steps of work, which a"
                " conversation cannot wait for; shorten its lists, or let fewer questions hang on one another."
            )

    def _apply_calculation(self, rule: Rule) -> None:
        path = rule.path
        value = self.fitted(rule.expression.run(self), path)
        applies = self.relevant(path)
        if value == (self.values if applies else self.kept).get(path, ""):
            return
        self.store(path, value)
        if applies:
            self.changed.add(path)
            self.wake(self.program.fires.get(path, ()))

    def _apply_relevance(self, rule: Rule) -> None:
        """Answers of a part that no longer applies are put aside; they come back with it."""
        path, parent = rule.path, rule.parent
        applies = (parent is None or parent not in self.off) and rule.expression.truth(self)
        if applies is (path not in self.off):
            return
        if applies:
            del self.off[path]
            source, target = self.kept, self.values
        else:
            self.off[path] = True
            source, target = self.values, self.kept
        for member in rule.governed:
            if member in source:
                target[member] = source.pop(member)
        self.changed.update(rule.governed)
        self.wake(rule.awakens)

    def _trigger(self, path: str) -> None:
        """Values the form gives to others when this answer changes."""
        self._depth += 1
        if self._depth > MAX_CHAIN:
            raise FormError(
                f"{self.program.where}: the answers to {path} and others set each other without end."
            )
        for target, expression in self.program.changes.get(path, ()):
            self.take(target, self.fitted(expression.run(self), target))
        self._depth -= 1

    def clear_stale_choices(self, also: Iterable[str] = ()) -> None:
        """A choice that is no longer offered is cleared at once: always the first one in the order of the form.

        `also`: questions to look at besides those that the last changes concern.

        JavaRosa clears it when the list is next read, and leaves what was computed from it as it was.
        """
        order = self.program.order
        waiting = [*{order[path] for path in also}, *self._concerned()]
        heapify(waiting)
        while waiting:
            place = heappop(waiting)
            path = self.program.asked[place].path
            if self._is_stale(path):
                self.seen.pop(path, None)
                self.take(path, self._still_offered(path))
                for concerned in self._concerned():
                    heappush(waiting, concerned)

    def _concerned(self) -> set[int]:
        """The places of the questions whose choices hang on what has changed since this was last asked."""
        program, changed, self.changed = self.program, self.changed, set()
        concerned = {program.order[watcher] for path in changed for watcher in program.watchers.get(path, ())}
        return concerned | {program.order[path] for path in changed if path in program.filtered}

    def _is_stale(self, path: str) -> bool:
        value = self.values.get(path, "")
        return bool(value) and self._still_offered(path) != value

    def _still_offered(self, path: str) -> str:
        choices = self.program.by_path[path].choices
        assert choices is not None
        return " ".join(name for name in self.values.get(path, "").split() if choices.offers(self, name))


def fitting(value: Value, type_: str, zone: tzinfo | None) -> str:
    """A computed value as a question of this type keeps it: truths as 1 and 0, NaN as nothing.

    As JavaRosa does, a day in a question without a type becomes a moment, its first.
    """
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, date):
        return _fitting_date(value, type_, zone)
    if isinstance(value, float):
        whole = type_ in ("int", "integer") and math.isfinite(value)
        return stored_number(float(math.trunc(value)) if whole else value)
    return value


def _fitting_date(value: date, type_: str, zone: tzinfo | None) -> str:
    if type_ == "date":
        return to_text(value)
    moment = value if isinstance(value, datetime) else datetime.combine(value, time(), zone)
    if type_ == "time":
        return moment_text(moment).partition("T")[2]
    return moment_text(moment)
