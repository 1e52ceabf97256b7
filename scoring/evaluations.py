"""Evaluations as columns: the table that scoring reads, made once from rows or columns and trusted afterwards.

An *evaluation* is one survivor's answers about one provider on one occasion. Indicators are brought to 0-100 here, where the
form version is known: linear between the two ends of the scale, 100 at the best end; `dont_know` and `wont_say` never arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring import quarters
from scoring.columns import Bools, Column, Floats, Ints, coded
from scoring.errors import TableError
from scoring.settings import Scale

__all__ = [
    "CHAT",
    "ENUMERATOR",
    "NOT_LISTED",
    "Bools",
    "Evaluations",
    "Floats",
    "Ints",
    "from_columns",
    "table",
]

ENUMERATOR = "enumerator"
CHAT = "chat"
NOT_LISTED = "not_listed"
"""The provider of an evaluation about somebody who is not in the registry: it counts for the role in the place."""

MODES = (CHAT, ENUMERATOR)
REVIEWS = ("none", "approved", "on_hold", "rejected")

TEXTS = ("form_version", "provider", "role", "office", "block", "district", "state", "quarter")
OTHERS = ("evaluation", "day", "mode", "verified", "survivor", "collector", "own_office", "review", "flags")


@dataclass(frozen=True)
class Evaluations:
    """N evaluations as columns of length N; `indicators` holds 0-100 values with nan where nothing was answered."""

    evaluation: NDArray[Any]  # their ids: whole numbers or texts
    form_version: Column
    provider: Column
    role: Column
    office: Column
    block: Column
    district: Column
    state: Column
    quarter: Column
    day: Column  # dates; none where it is no longer known
    seconds: Floats  # how long it took; nan where that is not known
    mode: Column
    verified: Bools
    survivor: Column
    collector: Column
    own_office: Bools
    review: Column
    flags: Column  # tuples of names; none where no flag was raised
    indicators: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.evaluation)

    def take(self, rows: Bools | Ints) -> Evaluations:
        """The evaluations of these rows, in this order."""
        indicators = {name: values[rows] for name, values in self.indicators.items()}
        return Evaluations(
            **{name: _rows_of(getattr(self, name), rows) for name in COLUMNS}, indicators=indicators
        )

    def compact(self) -> Evaluations:
        """The same, with no label and no indicator that only left-out rows had."""
        columns: dict[str, Any] = {name: getattr(self, name) for name in COLUMNS}
        compacted: dict[str, Any] = {
            name: one.compact() if isinstance(one, Column) else one for name, one in columns.items()
        }
        return Evaluations(
            **compacted,
            indicators={name: one for name, one in self.indicators.items() if not np.isnan(one).all()},
        )


COLUMNS = tuple(field.name for field in fields(Evaluations) if field.name != "indicators")


def _rows_of(column: Any, rows: Bools | Ints) -> Any:
    return column.take(rows) if isinstance(column, Column) else column[rows]


def table(rows: Iterable[Mapping[str, object]], scales: Mapping[str, Mapping[str, Scale]]) -> Evaluations:
    """Columns from rows as the store gives them.

    Each row has the keys `evaluation, form_version, provider, role, office, block, district, state, quarter, day, mode, verified,
    survivor, collector, own_office, review, flags, values`, and `seconds` where that is known; other keys are not read. `values`
    maps indicator to raw coded value (None or nan: not answered), `scales` maps form version to indicator to Scale. A value whose
    indicator has no scale there is not a rating and is left out. TableError names the row, the column and the reason.
    """
    listed = list(rows)
    columns: dict[str, Any] = {name: _listed(listed, name) for name in (*TEXTS, *OTHERS)}
    columns["seconds"] = [row.get("seconds") for row in listed]
    columns["flags"] = _flags(columns["flags"])
    answers = _listed(listed, "values")
    asked = {name for version in set(columns["form_version"]) for name in scales.get(version, {})}
    values = {name: [one.get(name) for one in answers] for name in sorted(asked)}
    _refuse_unknown_versions(columns["form_version"], answers, scales)
    return from_columns({**columns, "values": values}, scales)


def from_columns(columns: Mapping[str, Any], scales: Mapping[str, Mapping[str, Scale]]) -> Evaluations:
    """Evaluations from columns of equal length, named as the keys of `table`: the fast way in.

    A column is a list, an array, or a `Column` whose labels are numbered already. `evaluation` are whole numbers or texts, `flags`
    tuples of names (or None), `values` maps indicator to its raw coded values (None or nan: not answered). TableError as `table`.
    """
    given = {name: _coded(columns[name], name) for name in TEXTS}
    _check_quarters(given["quarter"])
    indicators = _indicators(columns["values"], given["form_version"], scales)
    return Evaluations(
        **given,
        evaluation=_ids(columns["evaluation"]),
        day=_days(columns["day"]),
        seconds=_numbers(columns.get("seconds", [None] * len(columns["evaluation"])), "column 'seconds'"),
        mode=_one_of(columns["mode"], "mode", MODES),
        verified=np.asarray(columns["verified"]).astype(bool),
        survivor=_without_blanks(columns["survivor"]),
        collector=_without_blanks(columns["collector"]),
        own_office=np.asarray(columns["own_office"]).astype(bool),
        review=_one_of(columns["review"], "review", REVIEWS),
        flags=columns["flags"] if isinstance(columns["flags"], Column) else coded(columns["flags"]),
        indicators=indicators,
    )


def _listed(rows: Sequence[Mapping[str, object]], name: str) -> list[Any]:
    try:
        return [row[name] for row in rows]
    except KeyError:
        index = next(index for index, row in enumerate(rows) if name not in row)
        raise TableError(f"row {index + 1} has no column '{name}'; every evaluation needs it") from None


def _coded(values: Any, name: str) -> Column:
    """A column of texts; none is the empty text."""
    if isinstance(values, Column):
        return values if not len(values) or int(np.min(values.code)) >= 0 else values.filled("")
    listed = values if isinstance(values, list) else list(values)
    if set(map(type, listed)) - {str}:
        listed = ["" if value is None else value for value in listed]
        wrong = next((index for index, value in enumerate(listed) if type(value) is not str), None)
        if wrong is not None:
            raise TableError(
                f"row {wrong + 1}, column '{name}': {listed[wrong]!r} is not text; hand over labels as text"
            )
    return coded(listed)


def _without_blanks(values: Any) -> Column:
    return values if isinstance(values, Column) else coded([value or None for value in values])


def _ids(values: Any) -> NDArray[Any]:
    """The evaluations' ids, each once."""
    ids = np.asarray(values)
    if len(ids) and ids.dtype.kind not in "iu":
        wrong = next((index for index, value in enumerate(values) if not isinstance(value, str)), None)
        if wrong is not None:
            raise TableError(
                f"row {wrong + 1}, column 'evaluation': {values[wrong]!r} is not text; hand over labels as text"
            )
    order = np.argsort(ids, kind="stable")
    repeats = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if len(repeats):
        first, again = order[repeats[0]], order[repeats[0] + 1]
        raise TableError(
            f"row {again + 1}, column 'evaluation': '{ids[again]}' was already in row {first + 1}; an evaluation counts once"
        )
    return ids


def _row_of(column: Column, label: object) -> int:
    """The first row with this label, counted from one."""
    return int(np.argmax(column.equals(label))) + 1


def _check_quarters(column: Column) -> None:
    used = column.compact()
    for label in used.labels:
        try:
            quarters.number(label)
        except TableError as error:
            raise TableError(f"row {_row_of(used, label)}, column 'quarter': {error}") from error
    widths = {len(label): label for label in used.labels}
    if len(widths) > 1:
        rows = sorted((_row_of(used, label), label) for label in used.labels)
        row, label = next(one for one in rows if len(one[1]) != len(rows[0][1]))
        raise TableError(f"row {row}, column 'quarter': '{label}' and '{rows[0][1]}' are written differently")


def _one_of(values: Any, name: str, known: Sequence[str]) -> Column:
    column = _coded(values, name).compact()
    wrong = [label for label in column.labels if label not in known]
    if wrong:
        row, label = min((_row_of(column, label), label) for label in wrong)
        raise TableError(f"row {row}, column '{name}': '{label}' is not one of {', '.join(known)}")
    return column


def _days(values: Any) -> Column:
    if isinstance(values, Column):
        return values
    for index, value in enumerate(values):
        if value is not None and not isinstance(value, date):
            raise TableError(f"row {index + 1}, column 'day': {value!r} is neither a date nor None")
    return coded(values)


def _flags(values: Sequence[Any]) -> list[tuple[str, ...] | None]:
    flags: list[tuple[str, ...] | None] = []
    for index, value in enumerate(values):
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise TableError(f"row {index + 1}, column 'flags': {value!r} is not a list of names")
        flags.append(tuple(sorted(map(str, value))) or None)
    return flags


def _refuse_unknown_versions(
    versions: Sequence[Any], answers: Sequence[Any], scales: Mapping[str, Mapping[str, Scale]]
) -> None:
    for index, (version, values) in enumerate(zip(versions, answers, strict=True)):
        if values and version not in scales:
            raise TableError(
                f"row {index + 1}, column 'form_version': there are no scales for form version '{version}'"
            )


def _indicators(
    values: Mapping[str, Any], version: Column, scales: Mapping[str, Mapping[str, Scale]]
) -> dict[str, Floats]:
    """Each indicator on 0-100, where the form version says what its values mean."""
    raw = {name: _numbers(column, f"indicator '{name}'") for name, column in values.items()}
    found = {name: np.full(len(version), np.nan) for name in raw}
    for label in version.compact().labels:
        of_version = np.flatnonzero(version.equals(label))
        for name, scale in scales.get(label, {}).items():
            if name in raw:
                found[name][of_version] = _percent(raw[name][of_version], scale, name, of_version)
    return {name: column for name, column in sorted(found.items()) if not np.isnan(column).all()}


def _numbers(values: Any, what: str) -> Floats:
    """None becomes nan: not answered, not known."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        wrong = next(row for row, value in enumerate(values) if not isinstance(value, float | int | None))
        raise TableError(f"row {wrong + 1}, {what}: {values[wrong]!r} is not a number") from None


def _percent(raw: Floats, scale: Scale, name: str, rows: Ints) -> Floats:
    outside = np.flatnonzero((raw < scale.low) | (raw > scale.high))
    if len(outside):
        raise TableError(
            f"row {rows[outside[0]] + 1}, indicator '{name}': {raw[outside[0]]:g} lies outside its scale "
            f"{scale.low:g} to {scale.high:g}"
        )
    share = (raw - scale.low) / (scale.high - scale.low)
    return 100.0 * (share if scale.best == scale.high else 1.0 - share)
