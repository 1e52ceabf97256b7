"""Evaluations as columns: the table that scoring reads, made once from rows and trusted afterwards.

An *evaluation* is one survivor's answers about one provider on one occasion. Indicators are brought to 0-100 here, where the
form version is known: linear between the two ends of the scale, 100 at the best end; `dont_know` and `wont_say` never arrive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring import quarters
from scoring.errors import TableError
from scoring.settings import Scale

__all__ = ["CHAT", "ENUMERATOR", "NOT_LISTED", "Evaluations", "factor", "table"]

ENUMERATOR = "enumerator"
CHAT = "chat"
NOT_LISTED = "not_listed"
"""The provider of an evaluation about somebody who is not in the registry: it counts for the role in the place."""

MODES = (CHAT, ENUMERATOR)
REVIEWS = ("none", "approved", "on_hold", "rejected")

Labels = NDArray[np.object_]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

TEXTS = ("evaluation", "form_version", "provider", "role", "office", "block", "district", "state", "quarter")


@dataclass(frozen=True)
class Evaluations:
    """N evaluations as columns of length N; `indicators` holds 0-100 values with nan where nothing was answered."""

    evaluation: Labels
    form_version: Labels
    provider: Labels
    role: Labels
    office: Labels
    block: Labels
    district: Labels
    state: Labels
    quarter: Labels
    day: Labels  # datetime.date or None
    mode: Labels
    verified: Bools
    survivor: Labels  # str or None
    collector: Labels  # str or None
    own_office: Bools
    review: Labels
    flags: Labels  # tuple of names
    indicators: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.evaluation)

    def take(self, rows: Bools | Ints) -> Evaluations:
        """The evaluations of these rows, in this order."""
        columns = {name: column[rows] for name, column in vars(self).items() if name != "indicators"}
        indicators = {name: values[rows] for name, values in self.indicators.items()}
        return Evaluations(**columns, indicators=indicators)


def table(rows: Iterable[Mapping[str, object]], scales: Mapping[str, Mapping[str, Scale]]) -> Evaluations:
    """Columns from rows as the store gives them.

    Each row has the keys `evaluation, form_version, provider, role, office, block, district, state, quarter, day, mode, verified,
    survivor, collector, own_office, review, flags, values`; other keys are not read. `values` maps indicator to raw coded value
    (None or nan: not answered), `scales` maps form version to indicator to Scale. A value whose indicator has no scale there
    is not a rating and is left out. TableError names the row, the column and the reason.
    """
    listed = list(rows)
    columns = {name: _texts(listed, name) for name in TEXTS}
    _refuse_repeats(columns["evaluation"])
    _check_quarters(columns["quarter"])
    return Evaluations(
        **{name: _labels(values) for name, values in columns.items()},
        day=_labels([_day(row, index) for index, row in enumerate(listed)]),
        mode=_labels(_one_of(listed, "mode", MODES)),
        verified=np.array(
            [bool(_get(row, "verified", index)) for index, row in enumerate(listed)], dtype=bool
        ),
        survivor=_labels([_get(row, "survivor", index) or None for index, row in enumerate(listed)]),
        collector=_labels([_get(row, "collector", index) or None for index, row in enumerate(listed)]),
        own_office=np.array(
            [bool(_get(row, "own_office", index)) for index, row in enumerate(listed)], dtype=bool
        ),
        review=_labels(_one_of(listed, "review", REVIEWS)),
        flags=_labels([_flags(row, index) for index, row in enumerate(listed)]),
        indicators=_indicators(listed, columns["form_version"], scales),
    )


def factor(labels: Labels) -> tuple[tuple[Any, ...], Ints]:
    """The distinct labels in sorted order (None left out), and each row's position among them (-1 for None)."""
    values = labels.tolist()
    distinct = tuple(sorted({value for value in values if value is not None}))
    position: dict[Any, int] = {label: index for index, label in enumerate(distinct)}
    position[None] = -1
    return distinct, np.fromiter((position[value] for value in values), dtype=np.int64, count=len(values))


def _labels(values: Sequence[Any]) -> Labels:
    column: Labels = np.empty(len(values), dtype=object)
    column[:] = list(values)
    return column


def _get(row: Mapping[str, object], column: str, index: int) -> Any:
    try:
        return row[column]
    except KeyError:
        raise TableError(f"row {index + 1} has no column '{column}'; every evaluation needs it") from None


def _texts(rows: Sequence[Mapping[str, object]], column: str) -> list[str]:
    return [_text(_get(row, column, index), column, index) for index, row in enumerate(rows)]


def _text(value: object, column: str, index: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TableError(
            f"row {index + 1}, column '{column}': {value!r} is not text; hand over labels as text"
        )
    return value


def _refuse_repeats(evaluations: Sequence[str]) -> None:
    seen: dict[str, int] = {}
    for index, evaluation in enumerate(evaluations):
        first = seen.setdefault(evaluation, index)
        if first != index:
            raise TableError(
                f"row {index + 1}, column 'evaluation': '{evaluation}' was already in row {first + 1}; an evaluation counts once"
            )


def _check_quarters(column: Sequence[str]) -> None:
    first = ""
    for label in dict.fromkeys(column):
        row = column.index(label) + 1
        try:
            quarters.number(label)
        except TableError as error:
            raise TableError(f"row {row}, column 'quarter': {error}") from error
        first = first or label
        if len(label) != len(first):
            raise TableError(f"row {row}, column 'quarter': '{label}' and '{first}' are written differently")


def _one_of(rows: Sequence[Mapping[str, object]], column: str, known: Sequence[str]) -> list[str]:
    values = _texts(rows, column)
    for index, value in enumerate(values):
        if value not in known:
            raise TableError(
                f"row {index + 1}, column '{column}': '{value}' is not one of {', '.join(known)}"
            )
    return values


def _day(row: Mapping[str, object], index: int) -> date | None:
    value = _get(row, "day", index)
    if value is None or isinstance(value, date):
        return value
    raise TableError(f"row {index + 1}, column 'day': {value!r} is neither a date nor None")


def _flags(row: Mapping[str, object], index: int) -> tuple[str, ...]:
    value = _get(row, "flags", index)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TableError(f"row {index + 1}, column 'flags': {value!r} is not a list of names")
    return tuple(sorted(str(name) for name in value))


def _indicators(
    rows: Sequence[Mapping[str, object]],
    versions: Sequence[str],
    scales: Mapping[str, Mapping[str, Scale]],
) -> dict[str, Floats]:
    columns: dict[str, Floats] = {}
    for index, (row, version) in enumerate(zip(rows, versions, strict=True)):
        values = _get(row, "values", index)
        known = scales.get(version)
        if known is None and values:
            raise TableError(
                f"row {index + 1}, column 'form_version': there are no scales for form version '{version}'"
            )
        for name, raw in values.items():
            scale = (known or {}).get(name)
            if scale is None or raw is None or math.isnan(raw):
                continue
            if not scale.low <= raw <= scale.high:
                raise TableError(
                    f"row {index + 1}, indicator '{name}': {raw:g} lies outside its scale {scale.low:g} to {scale.high:g}"
                )
            if name not in columns:
                columns[name] = np.full(len(rows), np.nan)
            columns[name][index] = _percent(raw, scale)
    return dict(sorted(columns.items()))


def _percent(raw: float, scale: Scale) -> float:
    share = (raw - scale.low) / (scale.high - scale.low)
    return 100.0 * (share if scale.best == scale.high else 1.0 - share)
