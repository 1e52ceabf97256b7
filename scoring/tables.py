"""Ratings as anybody's table: one line for each evaluation, read from CSV text so that other programmes can use the method alone.

Columns: `provider`; where known `evaluator`, `mode`, `collector`, `period`, `role`, `area`; every other column is an indicator. Rows are
counted as a spreadsheet shows them: the header is row 1.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from math import isfinite, nan
from typing import Any

import numpy as np

from scoring import explain
from scoring.columns import coded
from scoring.errors import TableError
from scoring.evaluations import CHAT, ENUMERATOR, Evaluations, from_columns
from scoring.records import Ratings, Unit
from scoring.settings import Scale, Settings

__all__ = ["RESULT_COLUMNS", "RatingsTable", "read_ratings", "read_scales", "result_rows"]

KNOWN = ("provider", "evaluator", "mode", "collector", "period", "role", "area")
MODES = {"": CHAT, "chat": CHAT, "self": CHAT, "enumerator": ENUMERATOR, "interviewer": ENUMERATOR}
MISSING = ("", "NA", "dont_know", "wont_say")
EVERYWHERE = "all"
"""The role, area or state of a table that does not name any."""

RESULT_COLUMNS = (
    "provider",
    "unit",
    "role",
    "area",
    "peers",
    "n",
    "group",
    "score",
    "score_low",
    "score_high",
    "reliability",
    "place",
    "place_low",
    "place_high",
    "p_top",
    "p_above",
    "grade",
    "trend",
    "highlights",
    "recommendation",
    "reasons",
)

_SCALE = re.compile(r"(?:(?P<name>[^=]+)=\s*)?(?P<worst>-?\d+(?:\.\d+)?)\.\.(?P<best>-?\d+(?:\.\d+)?)")
_PERIOD = re.compile(r"(?P<year>\d{4})-?(?:Q(?P<quarter>[1-4])|(?P<month>0[1-9]|1[0-2])(?:-\d{2})?)")


@dataclass(frozen=True)
class RatingsTable:
    """What `scoring.rate` takes, and how many rows count for nobody because their evaluator is blank."""

    evaluations: Evaluations
    registry: tuple[Unit, ...]
    without_evaluator: int


@dataclass(frozen=True)
class _Rows:
    """The table as it was written: the columns of the header, and each row with its number."""

    header: tuple[str, ...]
    numbers: tuple[int, ...]
    cells: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        if name not in self.header:
            return [""] * len(self.cells)
        at = self.header.index(name)
        return [row[at] for row in self.cells]


def read_scales(texts: Iterable[str]) -> dict[str, Scale]:
    """Scales from texts such as "1..5" (all indicators), "waiting=5..1" (this one), written from the worst value to the best.

    The scale of all indicators has the key "". TableError if a text is no scale.
    """
    found: dict[str, Scale] = {}
    for text in texts:
        match = _SCALE.fullmatch(text.strip())
        if match is None or float(match["worst"]) == float(match["best"]):
            raise TableError(
                f"'{text}' is no scale; write the worst and the best value, as in 1..5, or waiting=5..1 for one column"
            )
        worst, best = float(match["worst"]), float(match["best"])
        found[(match["name"] or "").strip()] = Scale(min(worst, best), max(worst, best), best)
    return found


def read_ratings(text: str, scales: Mapping[str, Scale]) -> RatingsTable:
    """The evaluations of a CSV text, and who is rated in it.

    `scales` as `read_scales` gives them. TableError names the row, the column and the reason.
    """
    rows = _rows(text)
    indicators = [name for name in rows.header if name not in KNOWN]
    if not indicators:
        raise TableError("row 1 names no indicator; add a column for each question that was rated")
    own = {name: _scale_of(name, scales) for name in indicators}
    unknown = sorted(set(scales) - set(indicators) - {""})
    if unknown:
        raise TableError(
            f"there is a scale for '{unknown[0]}', but no such column; the table has {', '.join(indicators)}"
        )
    registry = _registry(rows)
    postings = {unit.provider: unit for unit in registry}
    about = [postings[name] for name in rows.column("provider")]
    evaluator = rows.column("evaluator") if "evaluator" in rows.header else [f"row {n}" for n in rows.numbers]
    every = np.arange(len(rows.cells))
    blank = coded([""] * len(every))
    evaluations = from_columns(
        {
            "evaluation": every,
            "form_version": ["table"] * len(every),
            "provider": [unit.provider for unit in about],
            "role": [unit.role for unit in about],
            "office": blank,
            "block": blank,
            "district": [unit.district for unit in about],
            "state": [unit.state for unit in about],
            "quarter": _quarters(rows),
            "day": [None] * len(every),
            "mode": _modes(rows),
            "verified": [bool(name) for name in evaluator],
            "survivor": evaluator,
            "collector": rows.column("collector"),
            "own_office": np.zeros(len(every), dtype=bool),
            "review": ["none"] * len(every),
            "flags": coded([None] * len(every)),
            "values": {name: _values(rows, name, own[name]) for name in indicators},
        },
        {"table": own},
    )
    return RatingsTable(evaluations, registry, sum(not name for name in evaluator))


def _rows(text: str) -> _Rows:
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    if not first.strip():
        raise TableError("row 1 is empty; it must name the columns, one of them 'provider'")
    delimiter = max(",;\t", key=first.count)
    header: tuple[str, ...] = ()
    numbers: list[int] = []
    cells: list[tuple[str, ...]] = []
    try:
        reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for number, row in enumerate(reader, start=1):
            stripped = tuple(cell.strip() for cell in row)
            if number == 1:
                header = _header(stripped)
            elif any(stripped):
                numbers.append(number)
                cells.append(_cells(stripped, header, number))
    except csv.Error as error:
        raise TableError(f"row {len(cells) + 2} is not CSV ({error}); save the table as CSV again") from error
    if not cells:
        raise TableError("row 2 is missing: the table has a header and no evaluation")
    return _Rows(header, tuple(numbers), tuple(cells))


def _header(names: tuple[str, ...]) -> tuple[str, ...]:
    for index, name in enumerate(names):
        if not name:
            raise TableError(f"row 1, column {index + 1} has no name; name it or remove the column")
        if name in names[:index]:
            raise TableError(f"row 1 names column '{name}' twice; each column needs a name of its own")
    if "provider" not in names:
        raise TableError(f"row 1 names no column 'provider'; it has {', '.join(names)}")
    return names


def _cells(row: tuple[str, ...], header: Sequence[str], number: int) -> tuple[str, ...]:
    if len(row) != len(header):
        raise TableError(
            f"row {number} has {len(row)} cells where the header has {len(header)}; mend the row"
        )
    if not row[header.index("provider")]:
        raise TableError(f"row {number}, column 'provider' is empty; every evaluation is about somebody")
    return row


def _scale_of(name: str, scales: Mapping[str, Scale]) -> Scale:
    scale = scales.get(name) or scales.get("")
    if scale is None:
        raise TableError(
            f"column '{name}' has no scale; give one for all columns (1..5) or for it ({name}=1..5)"
        )
    return scale


def _registry(rows: _Rows) -> tuple[Unit, ...]:
    """Everybody who is rated, once; who has two roles or two areas is refused."""
    columns = zip(rows.numbers, *(rows.column(name) for name in ("provider", "role", "area")), strict=True)
    found: dict[str, tuple[int, str, str]] = {}
    for number, provider, role, area in columns:
        first, *before = found.setdefault(provider, (number, role, area))
        for name, old, new in zip(("role", "area"), before, (role, area), strict=True):
            if old != new:
                raise TableError(
                    f"row {number}, column '{name}': '{new}', but row {first} says '{old}' of '{provider}'; "
                    "give each posting a name of its own"
                )
    return tuple(
        Unit(provider, "person", role or EVERYWHERE, "", area, EVERYWHERE, name=provider)
        for provider, (_, role, area) in sorted(found.items())
    )


def _quarters(rows: _Rows) -> list[str]:
    """Quarters as "2026Q4"; a month or a day is brought to its quarter. Without periods all is one quarter."""
    if "period" not in rows.header:
        return ["2000Q1"] * len(rows.cells)
    found = []
    for number, text in zip(rows.numbers, rows.column("period"), strict=True):
        match = _PERIOD.fullmatch(text)
        if match is None:
            raise TableError(
                f"row {number}, column 'period': '{text}' is no period; write 2026-Q4, 2026-11 or 2026-11-20"
            )
        quarter = match["quarter"] or (int(match["month"]) + 2) // 3
        found.append(f"{match['year']}Q{quarter}")
    return found


def _modes(rows: _Rows) -> list[str]:
    found = []
    for number, text in zip(rows.numbers, rows.column("mode"), strict=True):
        if text not in MODES:
            known = ", ".join(name for name in MODES if name)
            raise TableError(f"row {number}, column 'mode': '{text}' is not one of {known}")
        found.append(MODES[text])
    return found


def _values(rows: _Rows, name: str, scale: Scale) -> list[float]:
    return [
        nan if text in MISSING else _value(text, scale, number, name)
        for number, text in zip(rows.numbers, rows.column(name), strict=True)
    ]


def _value(text: str, scale: Scale, number: int, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not isfinite(value):
        raise TableError(
            f"row {number}, column '{name}': '{text}' is not a number; leave the cell empty where nothing was answered"
        )
    if not scale.low <= value <= scale.high:
        raise TableError(
            f"row {number}, column '{name}': {text} lies outside its scale {scale.low:g} to {scale.high:g}"
        )
    return value


def result_rows(
    ratings: Ratings, settings: Settings, language: explain.Language = "en"
) -> list[dict[str, Any]]:
    """One dict for each unit in the columns of RESULT_COLUMNS: exact figures, for those who run the programme.

    `reasons` are said in `language`, by the `settings` the ratings were made with.
    """
    return [
        {
            **{name: getattr(row, name) for name in RESULT_COLUMNS},
            "highlights": list(row.highlights),
            "reasons": list(explain.reasons(row, settings, language)),
        }
        for row in ratings.rows
    ]
