"""How the coded values of one evaluation are written as one short text, and how such texts become columns.

An evaluation answers a dozen indicators. As rows of their own they would be most of the database, of the time to fill it and
of the time to score from it; as one text of fixed width they are one value of their row, and SQL still reads each with
`substr` (docs/decisions/0009). Every indicator of a form version has its place: a digit where all its values are whole numbers
from 0 to 9, sixteen characters where they are not, and `-` where nothing was answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from xlsforms import Mark, Scale, scale

__all__ = ["Encoder", "Layout", "Slot", "layout_of"]

MISSING = "-"
DIGIT = 1
NUMBER = 16  # "-1.234567891e-05" is the longest number of ten digits
RESERVED = ("dont_know", "wont_say", "other")
DIGITS = {float(digit): str(digit) for digit in range(10)}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Slot:
    """Where an indicator stands: `width` characters from `start` (counted from 0)."""

    name: str
    start: int
    width: int

    def write(self, value: float | None) -> str:
        """The value as it stands there."""
        if value is None:
            return MISSING.ljust(self.width)
        return DIGITS[value] if self.width == DIGIT else f"{value:.10g}".ljust(NUMBER)


@dataclass(frozen=True)
class Layout:
    """The places of a form version's indicators, in the order of the form."""

    slots: tuple[Slot, ...]

    @cached_property
    def width(self) -> int:
        """The length of every text of this layout."""
        return sum(slot.width for slot in self.slots)

    @cached_property
    def blank(self) -> tuple[str, ...]:
        """What stands where nothing was answered."""
        return tuple(slot.write(None) for slot in self.slots)

    def pack(self, values: Mapping[str, float]) -> str:
        """The values as one text; an indicator this layout does not have is left out."""
        return "".join(slot.write(values.get(slot.name)) for slot in self.slots)

    def unpack(self, text: str) -> dict[str, float]:
        """The values of one text, without those that were not answered."""
        found = {slot.name: text[slot.start : slot.start + slot.width].strip() for slot in self.slots}
        return {name: float(value) for name, value in found.items() if value not in ("", MISSING)}

    def columns(self, texts: bytes) -> dict[str, Floats]:
        """A column for each indicator from any number of texts, one after the other; nan is not answered."""
        if not self.slots:
            return {}
        table = np.frombuffer(texts, dtype=np.uint8).reshape(-1, self.width)
        return {slot.name: _column(table[:, slot.start : slot.start + slot.width]) for slot in self.slots}


def layout_of(marks: Iterable[Mark]) -> Layout:
    """The layout of a form version. It never changes: what is stored relies on it."""
    narrow: dict[str, bool] = {}
    for mark in marks:
        of = scale(mark) if mark.measures else None
        if mark.measures and of is not None:
            narrow[mark.measures] = narrow.get(mark.measures, True) and _has_digits(of)
    slots: list[Slot] = []
    start = 0
    for name, digits in narrow.items():
        slots.append(Slot(name, start, DIGIT if digits else NUMBER))
        start += slots[-1].width
    return Layout(tuple(slots))


class Encoder:
    """Turns the answers to one question into what stands in its indicator's slot; `known` does so for its choices."""

    def __init__(self, slot: Slot, of: Scale) -> None:
        self._slot, self._of = slot, of
        missing = slot.write(None)
        self.known: dict[str | None, str] = {name: slot.write(value) for name, value in of.values.items()}
        self.known |= dict.fromkeys((*RESERVED, "", None), missing)
        self._missing = missing

    def code(self, answer: str) -> str:
        """What stands for an answer; "" when it is no value."""
        code = self.known.get(answer)
        if code is None:
            return self._odd(answer)
        return "" if code == self._missing else code

    def _odd(self, answer: str) -> str:
        """A number of a range, or a choice written otherwise."""
        try:
            number = float(answer)
        except ValueError:
            return ""
        of = self._of
        fits = number in of.values.values() if of.values else of.low <= number <= of.high
        return self._slot.write(number) if fits else ""


def _has_digits(of: Scale) -> bool:
    return bool(of.values) and all(value in DIGITS for value in of.values.values())


def _column(characters: NDArray[np.uint8]) -> Floats:
    if characters.shape[1] == DIGIT:
        return _VALUES[characters[:, 0]]
    words = np.ascontiguousarray(characters).view(f"S{NUMBER}")[:, 0]
    words = np.char.strip(words)
    return np.where(words == MISSING.encode(), b"nan", words).astype(np.float64)


def _values_of_characters() -> Floats:
    values = np.full(256, np.nan)
    for value, digit in DIGITS.items():
        values[ord(digit)] = value
    return values


_VALUES = _values_of_characters()
