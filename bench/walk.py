"""One filling of a form by our engine, always with the same answers; `python -c "from bench.walk import cold; …"`.

Imports nothing but the engine: a cold process and a load are timed with it.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from xlsforms import Form, Prompt, State, answer, begin, current, load_form

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Walk:
    """One filling of a form: microseconds a turn, every answer by path, the state at the end."""

    turn: float
    given: dict[str, str]
    state: State


def cold(file: str) -> None:
    """All that a fresh process does: loads the form and fills it once."""
    walk(load_form(Path(file)))


def loads(file: str, times: int) -> None:
    """Prints the milliseconds of each load of the form, one line a load."""
    for _ in range(times):
        start = time.perf_counter_ns()
        load_form(Path(file))
        sys.stdout.write(f"{(time.perf_counter_ns() - start) / 1e6}\n")


def walk(form: Form) -> Walk:
    """Answers everything; the time to make up an answer does not count."""
    state, given, spent = begin(form, now=NOW, instance_id="uuid:bench"), {}, 0
    while True:
        start = time.perf_counter_ns()
        shown = current(form, state)
        spent += time.perf_counter_ns() - start
        if shown is None:
            return Walk(spent / max(1, len(given)) / 1000, given, state)
        text = _reply(shown, len(given))
        start = time.perf_counter_ns()
        state = answer(form, state, text, now=NOW)
        spent += time.perf_counter_ns() - start
        given[shown.path] = text


def _reply(shown: Prompt, number: int) -> str:
    if shown.path == "members":
        return "20"
    names = [choice.name for choice in shown.choices]
    if shown.kind == "select_one":
        return names[number * 5 % len(names)] if names else ""
    if shown.kind == "select_multiple":
        return " ".join(names[: 1 + number % len(names)])
    return _typed(shown.kind, number)


def _typed(kind: str, number: int) -> str:
    """The answer to the question asked as the `number`th, the same in every engine."""
    return {
        "integer": str(number * 7 % 40),
        "decimal": f"{number * 13 % 500}.5",
        "text": f"words {number}",
        "date": f"2026-0{number % 9 + 1}-1{number % 9}",
    }[kind]
