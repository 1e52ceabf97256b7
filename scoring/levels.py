"""Who is rated: providers, registry rows for a role in a place, and every role in a block and in a district.

A role in a place is rated from all evaluations of that role there, those about somebody who is not on the list included: it is
what remains sayable where single providers have too few voices. Each level is compared within itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scoring.errors import RegistryError
from scoring.evaluations import NOT_LISTED, Evaluations, Ints
from scoring.records import Unit

__all__ = ["Level", "levels", "place_id"]

LevelName = Literal["provider", "role_place", "block", "district"]


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
    blocks = _places(evaluations, registry, known, block=True)
    districts = _places(evaluations, registry, known, block=False)
    computed = {unit.provider for unit in (*blocks, *districts)}
    people = [unit for unit in known.values() if unit.kind != "role_place"]
    listed = [unit for unit in known.values() if unit.kind == "role_place" and unit.provider not in computed]
    about = evaluations.provider.tolist()
    return (
        _level("provider", people, about),
        _level("role_place", listed, about),
        _level("block", blocks, _place_of(evaluations, evaluations.block.tolist())),
        _level("district", districts, _place_of(evaluations, evaluations.district.tolist())),
    )


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


def _level(name: LevelName, units: Iterable[Unit], about: Sequence[str]) -> Level:
    ordered = tuple(sorted(units, key=lambda unit: unit.provider))
    number = {unit.provider: index for index, unit in enumerate(ordered)}
    return Level(name, ordered, np.array([number.get(label, -1) for label in about], dtype=np.int64))


def _place_of(evaluations: Evaluations, places: Sequence[str]) -> list[str]:
    roles = evaluations.role.tolist()
    return [
        place_id(role, place) if role and place else "" for role, place in zip(roles, places, strict=True)
    ]


def _places(
    evaluations: Evaluations, registry: Sequence[Unit], known: Mapping[str, Unit], *, block: bool
) -> tuple[Unit, ...]:
    """Every role in every block (or district) that the registry or an evaluation names; the registry's word on where it lies counts."""
    rows = zip(
        *(
            column.tolist()
            for column in (evaluations.role, evaluations.block, evaluations.district, evaluations.state)
        ),
        strict=True,
    )
    posted = ((unit.role, unit.block, unit.district, unit.state) for unit in registry)
    label: Callable[[tuple[str, ...]], str] = (lambda row: row[1]) if block else (lambda row: row[2])
    found: dict[str, Unit] = {}
    for row in (*posted, *sorted(set(rows))):
        role, own_block, district, state = row
        if not role or not label(row):
            continue
        name = place_id(role, label(row))
        place = Unit(name, "role_place", role, own_block if block else "", district, state)
        if name in known and known[name].kind == "role_place":
            place = replace(place, name=known[name].name, served=known[name].served)
        found.setdefault(name, place)
    return tuple(found.values())
