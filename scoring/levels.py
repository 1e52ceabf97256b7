"""Who is rated: providers, registry rows for a role in a place, and every role in a block and in a district.

A role in a place is rated from all evaluations of that role there, those about somebody who is not on the list included: it is
what remains sayable where single providers have too few voices. Each level is compared within itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scoring.columns import Column, Ints, distinct
from scoring.errors import RegistryError
from scoring.evaluations import NOT_LISTED, Evaluations
from scoring.records import Unit

__all__ = ["Level", "about", "levels", "place_id"]

PlaceName = Literal["block", "district"]
LevelName = Literal["provider", "role_place"] | PlaceName
PLACES: tuple[PlaceName, ...] = ("block", "district")


@dataclass(frozen=True)
class Level:
    """Units sorted by id, and for each evaluation the number of the unit it is about (-1: none of these)."""

    name: LevelName
    units: tuple[Unit, ...]
    unit: Ints


def place_id(role: str, place: str) -> str:
    """The id of a role in a place: 'social_worker@303_b01' (block) or 'social_worker@303' (district)."""
    return f"{role}@{place}"


def levels(evaluations: Evaluations, registry: Sequence[Unit]) -> tuple[Level, ...]:
    """All levels. RegistryError if the registry names a provider twice."""
    known = _by_id(registry)
    places = {name: _places(evaluations, registry, known, name) for name in PLACES}
    computed = {unit.provider for units in places.values() for unit in units}
    people = [unit for unit in known.values() if unit.kind != "role_place"]
    listed = [unit for unit in known.values() if unit.kind == "role_place" and unit.provider not in computed]
    return (
        _level("provider", people, evaluations),
        _level("role_place", listed, evaluations),
        *(_level(name, units, evaluations) for name, units in places.items()),
    )


def about(level: Level, evaluations: Evaluations) -> Ints:
    """For each of these evaluations (of another window, say) the number of the level's unit it is about, -1: of none."""
    number = {unit.provider: index for index, unit in enumerate(level.units)}
    if level.name in PLACES:
        role: Column = evaluations.role
        place: Column = getattr(evaluations, level.name)
        wide = len(place.labels)
        named = [
            number.get(place_id(role.labels[pair // wide], place.labels[pair % wide]), -1)
            for pair in range(len(role.labels) * wide)
        ]
        # A place without a name is none, and neither is a role.
        number_of_pair: Ints = np.array([*named, -1], dtype=np.int64)
        pair_of_row: Ints = role.code * wide + place.code
        return np.take(number_of_pair, pair_of_row)
    labels = [number.get(label, -1) for label in evaluations.provider.labels]
    return evaluations.provider.recoded(np.array(labels, dtype=np.int64))


def _by_id(registry: Sequence[Unit]) -> dict[str, Unit]:
    known: dict[str, Unit] = {}
    for unit in registry:
        if unit.provider in known:
            raise RegistryError(
                f"the registry names provider '{unit.provider}' twice; give each posting an id of its own or hand over one of them"
            )
        known[unit.provider] = unit
    known.pop(NOT_LISTED, None)
    return known


def _level(name: LevelName, units: Iterable[Unit], evaluations: Evaluations) -> Level:
    ordered = tuple(sorted(units, key=lambda unit: unit.provider))
    level = Level(name, ordered, np.full(len(evaluations), -1, dtype=np.int64))
    return replace(level, unit=about(level, evaluations)) if ordered else level


def _places(
    evaluations: Evaluations, registry: Sequence[Unit], known: Mapping[str, Unit], name: PlaceName
) -> tuple[Unit, ...]:
    """Every role in every block (or district) that the registry or an evaluation names; the registry's word on where it lies counts."""
    posted = ((unit.role, unit.block, unit.district, unit.state) for unit in registry)
    found: dict[str, Unit] = {}
    for role, block, district, state in (*posted, *_seen(evaluations)):
        own = block if name == "block" else district
        if not role or not own:
            continue
        provider = place_id(role, own)
        place = Unit(provider, "role_place", role, block if name == "block" else "", district, state)
        if provider in known and known[provider].kind == "role_place":
            place = replace(place, name=known[provider].name, served=known[provider].served)
        found.setdefault(provider, place)
    return tuple(found.values())


def _seen(evaluations: Evaluations) -> list[tuple[str, str, str, str]]:
    """The distinct role, block, district and state of the evaluations, sorted."""
    columns = (evaluations.role, evaluations.block, evaluations.district, evaluations.state)
    key = np.zeros(len(evaluations), dtype=np.int64)
    for column in columns:
        key = key * len(column.labels) + column.code
    found = []
    for combined in distinct(key).tolist():
        codes, rest = [], combined
        for column in reversed(columns):
            rest, code = divmod(rest, max(1, len(column.labels)))
            codes.append(column.labels[code])
        role, block, district, state = reversed(codes)
        found.append((role, block, district, state))
    return found
