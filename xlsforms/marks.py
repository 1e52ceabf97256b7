"""What a form marks for evaluation: which question is the provider, what an indicator measures, on what scale."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .coercion import to_number
from .form import Form, Question

RESERVED = frozenset(("dont_know", "wont_say", "other"))
"""Choice names that are answers but no values."""


@dataclass(frozen=True)
class Mark:
    """What one question means: `is_` a part of the record, or `measures` an indicator.

    `best` is the choice (or end of the range) that is best, `flag` the choice that raises a red flag.
    `low` and `high` are the ends of a range question, else None.
    """

    path: str
    kind: str
    is_: str | None
    service: str | None
    measures: str | None
    best: str | None
    flag: str | None
    choices: tuple[str, ...]
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Scale:
    """The raw coded values of an indicator: from low to high, which end is best, the value of each choice.

    A range or a number has no `values`: its answers are the values.
    """

    low: float
    high: float
    best: float
    values: dict[str, float]


def marks(form: Form) -> tuple[Mark, ...]:
    """The marks of a form, in its order; only questions with an `eval:` attribute have one."""
    return tuple(_mark(question) for question in form.questions if question.eval)


def _mark(question: Question) -> Mark:
    told = question.eval
    low, high = _ends(question)
    return Mark(
        path=question.path,
        kind=question.kind,
        is_=told.get("is"),
        service=told.get("service"),
        measures=told.get("measures"),
        best=told.get("best"),
        flag=told.get("flag"),
        choices=question.choice_names,
        low=low,
        high=high,
    )


def _ends(question: Question) -> tuple[float | None, float | None]:
    ends = [to_number(question.parameters.get(name, "")) for name in ("start", "end")]
    if any(math.isnan(end) for end in ends):
        return None, None
    return min(ends), max(ends)


def marks_to_json(marks: Iterable[Mark]) -> list[dict[str, Any]]:
    """Marks as plain JSON, to be stored with a form's version."""
    return [
        {
            "path": mark.path,
            "kind": mark.kind,
            "is": mark.is_,
            "service": mark.service,
            "measures": mark.measures,
            "best": mark.best,
            "flag": mark.flag,
            "choices": list(mark.choices),
            "low": mark.low,
            "high": mark.high,
        }
        for mark in marks
    ]


def marks_from_json(stored: Iterable[dict[str, Any]]) -> tuple[Mark, ...]:
    """Marks as `marks_to_json` wrote them."""
    return tuple(
        Mark(
            path=item["path"],
            kind=item["kind"],
            is_=item["is"],
            service=item["service"],
            measures=item["measures"],
            best=item["best"],
            flag=item["flag"],
            choices=tuple(item["choices"]),
            low=item.get("low"),
            high=item.get("high"),
        )
        for item in stored
    )


def scale(mark: Mark) -> Scale | None:
    """The scale of an indicator; None when its choices are neither numbers nor yes and no.

    Numbers are their own values and the highest is best unless `best` says otherwise. Of yes and no, no is
    0 and yes is 1, and yes is best unless `best` is "no".
    """
    values = _values(mark)
    if values:
        low, high = min(values.values()), max(values.values())
        best = values.get(mark.best, None) if mark.best else high
    elif mark.low is not None and mark.high is not None:
        low, high = mark.low, mark.high
        best = to_number(mark.best) if mark.best else high
    else:
        return None
    if best not in (low, high) or low == high:
        return None
    return Scale(low, high, best, values)


def _values(mark: Mark) -> dict[str, float]:
    names = [name for name in mark.choices if name not in RESERVED]
    if set(names) == {"yes", "no"}:
        return {name: float(name == "yes") for name in names}
    numbers = {name: to_number(name) for name in names}
    return {} if any(math.isnan(number) for number in numbers.values()) else numbers
