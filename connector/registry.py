"""Who can be evaluated and who collects: providers.csv and collectors.csv, read once and checked row by row.

A provider (person, office, or role in a place) may hold several postings one after another: one row each, with the
same name and dates that do not overlap. The row valid on the day of an evaluation says role, office and place.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from connector.errors import RegistryError

__all__ = ["NOT_LISTED", "Collector", "Provider", "Registry", "read_collectors", "read_providers"]

NOT_LISTED = "not_listed"  # the row "not on this list" that ends every list
KINDS = ("person", "office", "role_place")
PROVIDER_COLUMNS = (
    *("name", "label", "label_bn", "label_hi", "label_en", "kind", "office"),
    *("role", "block", "district", "state", "from", "to", "served"),
)
COLLECTOR_COLUMNS = ("name", "office")


@dataclass(frozen=True)
class Provider:
    """One posting of a provider. `since` and `until` are included days, None is open; `served` None is unknown."""

    name: str
    label: str
    label_bn: str
    label_hi: str
    label_en: str
    kind: str
    office: str
    role: str
    block: str
    district: str
    state: str
    since: dt.date | None
    until: dt.date | None
    served: int | None

    @property
    def posting(self) -> str:
        """The posting's own name: the provider's, and the first day when there is one."""
        return f"{self.name}@{self.since.isoformat()}" if self.since else self.name

    def holds(self, day: dt.date) -> bool:
        """Whether the posting covers this day."""
        return (self.since is None or self.since <= day) and (self.until is None or day <= self.until)


@dataclass(frozen=True)
class Collector:
    """An enumerator's code and the office she belongs to."""

    code: str
    office: str


@dataclass(frozen=True)
class Registry:
    """Providers' postings and collectors, as the store keeps them."""

    providers: tuple[Provider, ...] = ()
    collectors: tuple[Collector, ...] = ()

    def provider_at(self, name: str, day: dt.date) -> Provider | None:
        """The posting a provider held on that day, or None."""
        return next((one for one in self.providers if one.name == name and one.holds(day)), None)


def read_providers(path: Path) -> tuple[Provider, ...]:
    """The postings of a providers.csv, without the "not on this list" rows.

    Raises RegistryError with file, row and column.
    """
    rows = _rows(path, PROVIDER_COLUMNS)
    providers = tuple(_provider(path, line, row) for line, row in rows if row["name"] != NOT_LISTED)
    _refuse_overlaps(path, providers)
    return providers


def read_collectors(path: Path) -> tuple[Collector, ...]:
    """The collectors of a collectors.csv (`name` is the code). Raises RegistryError."""
    collectors: dict[str, Collector] = {}
    for line, row in _rows(path, COLLECTOR_COLUMNS):
        code = _required(path, line, row, "name")
        if code in collectors:
            raise _wrong(
                path, line, "name", f"the code {code!r} stands here twice; give each collector her own"
            )
        collectors[code] = Collector(code=code, office=row["office"])
    return tuple(collectors.values())


def _provider(path: Path, line: int, row: Mapping[str, str]) -> Provider:
    kind = _required(path, line, row, "kind")
    if kind not in KINDS:
        raise _wrong(path, line, "kind", f"{kind!r} is not one of {', '.join(KINDS)}")
    since, until = _day(path, line, row, "from"), _day(path, line, row, "to")
    if since and until and until < since:
        raise _wrong(path, line, "to", f"the posting ends ({until}) before it begins ({since})")
    return Provider(
        name=_required(path, line, row, "name"),
        label=_required(path, line, row, "label"),
        label_bn=row["label_bn"],
        label_hi=row["label_hi"],
        label_en=row["label_en"],
        kind=kind,
        office=row["office"],
        role=_required(path, line, row, "role"),
        block=row["block"],
        district=_required(path, line, row, "district"),
        state=_required(path, line, row, "state"),
        since=since,
        until=until,
        served=_count(path, line, row, "served"),
    )


def _rows(path: Path, columns: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """(line in the file, stripped row) for each row that is not blank."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise RegistryError(
                    f"{path}, row 1: the column {missing[0]!r} is missing; the first row must name "
                    f"{', '.join(columns)}."
                )
            rows = [(reader.line_num, _stripped(path, reader.line_num, row)) for row in reader]
    except FileNotFoundError as error:
        raise RegistryError(f"{path} is not there; correct `registry` in config.yml.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RegistryError(f"{path} is not a CSV file in UTF-8 ({error}); save it again as one.") from error
    return [(line, row) for line, row in rows if any(row.values())]


def _stripped(path: Path, line: int, row: Mapping[str | None, str | list[str] | None]) -> dict[str, str]:
    if None in row:
        raise RegistryError(
            f"{path}, row {line}: there are more cells than columns; put quotes around cells with a comma."
        )
    return {str(name): str(value or "").strip() for name, value in row.items()}


def _required(path: Path, line: int, row: Mapping[str, str], column: str) -> str:
    if not row[column]:
        raise _wrong(path, line, column, "the cell is empty; fill it in")
    return row[column]


def _day(path: Path, line: int, row: Mapping[str, str], column: str) -> dt.date | None:
    if not row[column]:
        return None
    try:
        return dt.date.fromisoformat(row[column])
    except ValueError as error:
        raise _wrong(
            path, line, column, f"{row[column]!r} is not a date such as 2026-11-23; correct it"
        ) from error


def _count(path: Path, line: int, row: Mapping[str, str], column: str) -> int | None:
    if not row[column]:
        return None
    if not (row[column].isascii() and row[column].isdigit()):
        raise _wrong(
            path, line, column, f"{row[column]!r} is not a whole number; correct it or leave it empty"
        )
    return int(row[column])


def _refuse_overlaps(path: Path, providers: Iterable[Provider]) -> None:
    ordered = sorted(providers, key=lambda one: (one.name, one.since or dt.date.min))
    for one, next_one in pairwise(ordered):
        begins = next_one.since or dt.date.min
        if one.name == next_one.name and (one.until is None or begins <= one.until):
            raise RegistryError(
                f"{path}, column 'from': {one.name!r} has two postings on the same day; end the first one "
                "before the second begins, or give the other person a name of her own."
            )


def _wrong(path: Path, line: int, column: str, what: str) -> RegistryError:
    return RegistryError(f"{path}, row {line}, column {column!r}: {what}.")
