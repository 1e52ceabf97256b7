"""Evaluations for scoring, column by column: a million of them in seconds and without an object for each.

The database itself strings a column's values together, some ten thousand rows at a time, and numpy takes such texts apart.
Fetched row by row the same takes three times as long, and texts of fixed width never become Python objects.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, String, and_, cast, func, select

from connector.ratings import Layout
from connector.registry import NOT_LISTED, Provider
from connector.store import tables
from connector.store.parts import chunks, last_day

__all__ = ["Columns", "Labels", "columns"]

ROWS = 50_000  # strung together at a time: some megabytes
APART = "\x1f"  # between names; no name holds it (`connector.evaluation.require_name`)
PSEUDONYM = 32
NOBODY = "0" * PSEUDONYM
NO_DAY = "0000-00-00"
MODES = ("chat", "enumerator")
REVIEWS = ("approved", "none", "on_hold", "rejected")
PLACES = ("role", "office", "block", "district", "state")
FIRST, LAST = dt.date.min.toordinal(), dt.date.max.toordinal()
SEPARATORS = {
    **{"id": ",", "form": ",", "provider": APART, "seconds": ","},
    **dict.fromkeys(("day", "quarter", "mode", "review", "survivor", "collector", "ratings"), ""),
}

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Labels:
    """A label for each row: its position in `labels` (distinct and sorted), -1 where there is none."""

    labels: tuple[Any, ...]
    code: Ints

    def tolist(self) -> list[Any]:
        """The labels row by row, None where there is none."""
        labels = (*self.labels, None)
        return [labels[code] for code in self.code.tolist()]


@dataclass(frozen=True)
class Columns:
    """N evaluations as columns of length N, in the order of their numbers; names and meaning as in `Store.evaluations`.

    `evaluation` are whole numbers, `day` has dates as labels, `flags` tuples of names (-1: none was raised); `seconds` is nan
    where it is not known. `values` maps each indicator to its raw coded values, nan where it was not answered.
    """

    evaluation: Ints
    form_version: Labels
    provider: Labels
    posting: Labels
    role: Labels
    office: Labels
    block: Labels
    district: Labels
    state: Labels
    quarter: Labels
    day: Labels
    seconds: Floats
    mode: Labels
    verified: Bools
    survivor: Labels
    collector: Labels
    own_office: Bools
    review: Labels
    flags: Labels
    values: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.evaluation)


def columns(
    connection: Connection,
    versions: Mapping[int, str],
    layouts: Mapping[str, Layout],
    postings: Sequence[Provider],
    since_quarter: str | None,
) -> Columns:
    """See `Store.columns`. `versions` names each form version by its number, `layouts` goes by that name."""
    table = tables.submission
    wanted = and_(table.c.deleted.is_(False), table.c.provider.is_not(None))
    if since_quarter:
        wanted = and_(wanted, table.c.quarter >= since_quarter)
    texts = _texts(connection, wanted)
    evaluation = _numbers(texts["id"])
    form_version = _relabelled(_split(texts["form"], ","), lambda number: versions[int(number)])
    provider, day, quarter = (
        _split(texts["provider"], APART),
        _days(texts["day"]),
        _quarters(texts["quarter"]),
    )
    survivor, collector = _pseudonyms(texts["survivor"]), _pseudonyms(texts["collector"])
    roll = set(connection.execute(select(tables.issued_code.c.survivor)).scalars())
    posting = _postings(postings, provider, _ordinals(day, quarter))
    where = _where(postings, posting) | {"posting": _labels_of([one.posting for one in postings], posting)}
    lost = np.flatnonzero(posting < 0)
    if len(lost):
        where = _told(
            connection, wanted, postings, where, evaluation=evaluation, provider=provider, lost=lost
        )
    seconds = _numbers(texts["seconds"])
    return Columns(
        evaluation=evaluation,
        form_version=form_version,
        provider=provider,
        **where,
        quarter=quarter,
        day=day,
        seconds=np.where(seconds < 0, np.nan, seconds),
        mode=_by_letter(texts["mode"], MODES),
        verified=_is_in(survivor, roll),
        survivor=survivor,
        collector=collector,
        own_office=_own_office(connection, where["office"], collector),
        review=_by_letter(texts["review"], REVIEWS),
        flags=_flags(connection, wanted, evaluation),
        values=_values(texts["ratings"], form_version, layouts),
    )


# out of the database


def _texts(connection: Connection, wanted: ColumnElement[bool]) -> dict[str, str]:
    """The columns, each strung together in the order of the rows."""
    found: dict[str, list[str]] = {name: [] for name in SEPARATORS}
    for start, end in _stretches(connection):
        row = connection.execute(_strung(wanted, start, end)).one()
        if row.id is not None:
            for name, text in row._mapping.items():
                found[name].append(text)
    return {name: separator.join(found[name]) for name, separator in SEPARATORS.items()}


def _stretches(connection: Connection) -> Iterator[tuple[int, int]]:
    """The first and the last number of some ten thousand rows at a time."""
    number = tables.submission.c.id
    lowest, highest = connection.execute(select(func.min(number), func.max(number))).one()
    for start in range(lowest or 0, (highest or -1) + 1, ROWS):
        yield start, start + ROWS - 1


def _strung(wanted: ColumnElement[bool], start: int, end: int) -> Any:
    table = tables.submission
    rows = select(table).where(wanted, table.c.id.between(start, end)).order_by(table.c.id).subquery().c
    values = {
        "id": cast(rows.id, String),
        "form": cast(rows.form_version_id, String),
        "provider": rows.provider,
        "seconds": func.coalesce(cast(rows.seconds, String), "-1"),
        "day": func.coalesce(cast(rows.day, String), NO_DAY),
        "quarter": rows.quarter,
        "mode": func.substr(rows.mode, 1, 1),
        "review": func.substr(rows.review, 1, 1),
        "survivor": func.coalesce(rows.survivor, NOBODY),
        "collector": func.coalesce(rows.collector, NOBODY),
        "ratings": rows.ratings,
    }
    return select(
        *(
            func.aggregate_strings(cast(value, String), SEPARATORS[name]).label(name)
            for name, value in values.items()
        )
    )


def _flags(connection: Connection, wanted: ColumnElement[bool], evaluation: Ints) -> Labels:
    """The few rows with a red flag are asked for by themselves."""
    table = tables.submission
    rows = connection.execute(select(table.c.id, table.c.flags).where(wanted, table.c.flags != "[]")).all()
    labels = sorted({tuple(json.loads(row.flags)) for row in rows})
    position = {label: index for index, label in enumerate(labels)}
    code = np.full(len(evaluation), -1, dtype=np.int64)
    code[_rows_of(evaluation, [row.id for row in rows])] = [
        position[tuple(json.loads(row.flags))] for row in rows
    ]
    return Labels(tuple(labels), code)


def _own_office(connection: Connection, office: Labels, collector: Labels) -> Bools:
    """Whether the collector belongs to the provider's office."""
    of_collector = {row.pseudonym: row.office for row in connection.execute(select(tables.collector))}
    position = {label: index for index, label in enumerate(office.labels) if label}
    codes = [position.get(of_collector.get(label, ""), -2) for label in collector.labels]
    return np.equal(np.array([*codes, -2], dtype=np.int64)[collector.code], office.code)


# where somebody worked on that day


def _postings(postings: Sequence[Provider], provider: Labels, day: Ints) -> Ints:
    """The position of each row's posting, -1 where the registry has none for that day."""
    of_name: dict[str, list[int]] = {}
    for index, one in enumerate(postings):
        of_name.setdefault(one.name, []).append(index)
    since = np.array([one.since.toordinal() if one.since else FIRST for one in postings], dtype=np.int64)
    until = np.array([one.until.toordinal() if one.until else LAST for one in postings], dtype=np.int64)
    found = np.full(len(day), -1, dtype=np.int64)
    for turn in range(max(map(len, of_name.values()), default=0)):
        candidates = [(of_name.get(name, [])[turn : turn + 1] or [-1])[0] for name in provider.labels]
        candidate = np.array([*candidates, -1], dtype=np.int64)[provider.code]
        holds = (found < 0) & (candidate >= 0) & (since[candidate] <= day) & (day <= until[candidate])
        found[holds] = candidate[holds]
    return found


def _where(postings: Sequence[Provider], posting: Ints) -> dict[str, Labels]:
    return {name: _labels_of([getattr(one, name) for one in postings], posting) for name in PLACES}


def _told(
    connection: Connection,
    wanted: ColumnElement[bool],
    postings: Sequence[Provider],
    where: Mapping[str, Labels],
    *,
    evaluation: Ints,
    provider: Labels,
    lost: Ints,
) -> dict[str, Labels]:
    """`where` with what the form itself says of role and block, for the rows without a posting."""
    table = tables.submission
    area: dict[str, tuple[str, str]] = {}
    for one in postings:
        if one.block:
            area.setdefault(one.block, (one.district, one.state))
    values = {name: np.array(labels.tolist(), dtype=object) for name, labels in where.items()}
    for labels in values.values():
        labels[lost] = ""
    is_lost = np.zeros(len(evaluation), dtype=bool)
    is_lost[lost] = True
    names = {provider.labels[code] for code in np.unique(provider.code[lost]).tolist()}
    for some in chunks(sorted(names)):
        statement = select(table.c.id, table.c.provider, table.c.role, table.c.place)
        for row in connection.execute(statement.where(wanted, table.c.provider.in_(some))):
            index = int(np.searchsorted(evaluation, row.id))
            if not is_lost[index]:
                continue
            block = row.place or ""
            values["role"][index], values["block"][index] = row.role or "", block
            values["district"][index], values["state"][index] = area.get(block, ("", ""))
            values["posting"][index] = NOT_LISTED if row.provider == NOT_LISTED else ""
    return {name: _coded(column.tolist()) for name, column in values.items()}


# texts taken apart


def _numbers(text: str) -> Ints:
    return np.fromstring(text, dtype=np.int64, sep=",") if text else np.zeros(0, dtype=np.int64)


def _split(text: str, separator: str) -> Labels:
    return _coded(text.split(separator) if text else [])


def _by_letter(text: str, labels: tuple[str, ...]) -> Labels:
    code = np.full(256, -1, dtype=np.int64)
    for index, label in enumerate(labels):
        code[ord(label[0])] = index
    return Labels(labels, code[np.frombuffer(text.encode(), dtype=np.uint8)])


def _days(text: str) -> Labels:
    digits = _characters(text, 10) - ord("0")
    key = digits @ np.array([1000, 100, 10, 1, 0, 0, 0, 0, 0, 0])
    key = (key * 13 + digits[:, 5] * 10 + digits[:, 6]) * 32 + digits[:, 8] * 10 + digits[:, 9]
    return _numbered(key, lambda of: dt.date(of // (13 * 32), of // 32 % 13, of % 32))


def _quarters(text: str) -> Labels:
    digits = _characters(text, 6) - ord("0")
    key = digits @ np.array([10000, 1000, 100, 10, 0, 1])
    return _numbered(key, lambda of: f"{of // 10:04d}Q{of % 10}")


def _characters(text: str, width: int) -> Ints:
    return np.frombuffer(text.encode(), dtype=np.uint8).reshape(-1, width).astype(np.int64)


def _numbered(key: Ints, label: Callable[[int], Any]) -> Labels:
    """Rows with the same key have the same label; key 0 is none. The keys lie close together."""
    if not len(key):
        return Labels((), key)
    real = key > 0
    first = int(np.min(key, where=real, initial=np.iinfo(np.int64).max)) if real.any() else 0
    there = np.bincount(key[real] - first) > 0
    number = np.cumsum(there) - 1
    code = np.full(len(key), -1, dtype=np.int64)
    code[real] = number[key[real] - first]
    return Labels(tuple(label(first + int(place)) for place in np.flatnonzero(there)), code)


def _pseudonyms(text: str) -> Labels:
    """Two are taken for one when their first 64 bits agree: among a million that happens once in forty million stores."""
    keys = np.frombuffer(bytes.fromhex(text), dtype=">u8")[::2].astype(np.uint64)
    distinct, first, code = np.unique(keys, return_index=True, return_inverse=True)
    labels = [text[row * PSEUDONYM : (row + 1) * PSEUDONYM] for row in first.tolist()]
    if len(distinct) and distinct[0] == 0:
        return Labels(tuple(labels[1:]), code.astype(np.int64) - 1)
    return Labels(tuple(labels), code.astype(np.int64))


def _values(text: str, form_version: Labels, layouts: Mapping[str, Layout]) -> dict[str, Floats]:
    characters = np.frombuffer(text.encode(), dtype=np.uint8)
    of_version = [layouts[name] for name in form_version.labels]
    width = np.array([layout.width for layout in of_version], dtype=np.int64)[form_version.code]
    end = np.cumsum(width)
    found: dict[str, Floats] = {}
    for number, layout in enumerate(of_version):
        rows = np.flatnonzero(form_version.code == number)
        whole = len(of_version) == 1
        places = slice(None) if whole else (end[rows] - layout.width)[:, None] + np.arange(layout.width)
        for name, values in layout.columns(characters[places].tobytes()).items():
            found.setdefault(name, np.full(len(width), np.nan))[rows] = values
    return found


# labels


def _coded(values: Sequence[Any]) -> Labels:
    labels = sorted(set(values))
    position = {label: index for index, label in enumerate(labels)}
    return Labels(
        tuple(labels), np.fromiter(map(position.__getitem__, values), dtype=np.int64, count=len(values))
    )


def _labels_of(of_each: Sequence[str], which: Ints) -> Labels:
    """The label that belongs to the thing each row names by its position."""
    coded = _coded(list(of_each))
    return Labels(coded.labels, np.append(coded.code, -1)[which])


def _relabelled(old: Labels, label: Callable[[Any], str]) -> Labels:
    return _labels_of([label(one) for one in old.labels], old.code)


def _is_in(column: Labels, wanted: Collection[str]) -> Bools:
    return np.array([*(label in wanted for label in column.labels), False], dtype=bool)[column.code]


def _ordinals(day: Labels, quarter: Labels) -> Ints:
    """The day of each row as a number; the last of its quarter where the day was dropped."""
    last = np.array([last_day(label).toordinal() for label in quarter.labels], dtype=np.int64)
    exact = np.array([*(label.toordinal() for label in day.labels), 0], dtype=np.int64)[day.code]
    return np.where(day.code < 0, last[quarter.code], exact) if len(exact) else exact


def _rows_of(evaluation: Ints, numbers: Sequence[int]) -> Ints:
    return np.searchsorted(evaluation, np.array(numbers, dtype=np.int64))
