"""Evaluations as columns: the table that scoring reads, made once from rows and trusted afterwards.

An *evaluation* is one survivor's answers about one provider on one occasion. Indicators are brought to 0-100 here, where the
form version is known: linear between the two ends of the scale, 100 at the best end; `dont_know` and `wont_say` never arrive.
"""

from __future__ import annotations

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
        day=_labels(_days(listed)),
        mode=_labels(_one_of(listed, "mode", MODES)),
        verified=np.array(list(map(bool, _column(listed, "verified"))), dtype=bool),
        survivor=_labels([value or None for value in _column(listed, "survivor")]),
        collector=_labels([value or None for value in _column(listed, "collector")]),
        own_office=np.array(list(map(bool, _column(listed, "own_office"))), dtype=bool),
        review=_labels(_one_of(listed, "review", REVIEWS)),
        flags=_labels(_flags(listed)),
        indicators=_indicators(listed, columns["form_version"], scales),
    )


def factor(labels: Labels) -> tuple[tuple[Any, ...], Ints]:
    """The distinct labels in sorted order (None left out), and each row's position among them (-1 for None)."""
    values = labels.tolist()
    distinct = tuple(sorted({value for value in values if value is not None}))
    position: dict[Any, int] = {label: index for index, label in enumerate(distinct)}
    position[None] = -1
    return distinct, np.array([position[value] for value in values], dtype=np.int64)


def _labels(values: Sequence[Any]) -> Labels:
    column: Labels = np.empty(len(values), dtype=object)
    column[:] = list(values)
    return column


def _column(rows: Sequence[Mapping[str, object]], name: str) -> list[Any]:
    try:
        return [row[name] for row in rows]
    except KeyError:
        index = next(index for index, row in enumerate(rows) if name not in row)
        raise TableError(f"row {index + 1} has no column '{name}'; every evaluation needs it") from None


def _texts(rows: Sequence[Mapping[str, object]], name: str) -> list[str]:
    values = ["" if value is None else value for value in _column(rows, name)]
    if set(map(type, values)) - {str}:
        index = next(index for index, value in enumerate(values) if type(value) is not str)
        raise TableError(
            f"row {index + 1}, column '{name}': {values[index]!r} is not text; hand over labels as text"
        )
    return values


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


def _days(rows: Sequence[Mapping[str, object]]) -> list[date | None]:
    values = _column(rows, "day")
    for index, value in enumerate(values):
        if value is not None and not isinstance(value, date):
            raise TableError(f"row {index + 1}, column 'day': {value!r} is neither a date nor None")
    return values


def _flags(rows: Sequence[Mapping[str, object]]) -> list[tuple[str, ...]]:
    flags = []
    for index, value in enumerate(_column(rows, "flags")):
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise TableError(f"row {index + 1}, column 'flags': {value!r} is not a list of names")
        flags.append(tuple(sorted(map(str, value))))
    return flags


def _indicators(
    rows: Sequence[Mapping[str, object]],
    versions: Sequence[str],
    scales: Mapping[str, Mapping[str, Scale]],
) -> dict[str, Floats]:
    values = _column(rows, "values")
    columns: dict[str, Floats] = {}
    for version in sorted(set(versions)):
        of_version = [index for index, label in enumerate(versions) if label == version]
        if version not in scales and any(values[index] for index in of_version):
            raise TableError(
                f"row {of_version[0] + 1}, column 'form_version': there are no scales for form version '{version}'"
            )
        for name, scale in scales.get(version, {}).items():
            raw = _numbers([values[index].get(name) for index in of_version], name, of_version)
            if not np.isnan(raw).all():
                column = columns.setdefault(name, np.full(len(rows), np.nan))
                column[of_version] = _percent(raw, scale, name, of_version)
    return dict(sorted(columns.items()))


def _numbers(values: Sequence[Any], name: str, rows: Sequence[int]) -> Floats:
    """None becomes nan: not answered."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        place = next(place for place, value in enumerate(values) if not isinstance(value, float | int | None))
        raise TableError(
            f"row {rows[place] + 1}, indicator '{name}': {values[place]!r} is not a number"
        ) from None


def _percent(raw: Floats, scale: Scale, name: str, rows: Sequence[int]) -> Floats:
    outside = np.flatnonzero((raw < scale.low) | (raw > scale.high))
    if len(outside):
        raise TableError(
            f"row {rows[outside[0]] + 1}, indicator '{name}': {raw[outside[0]]:g} lies outside its scale "
            f"{scale.low:g} to {scale.high:g}"
        )
    share = (raw - scale.low) / (scale.high - scale.low)
    return 100.0 * (share if scale.best == scale.high else 1.0 - share)
