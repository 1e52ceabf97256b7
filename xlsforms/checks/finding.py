"""What the doctor says: one thing to mend, where it is, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]

LEVELS: tuple[Level, ...] = ("error", "warning", "note")
"""From "do not use the form" over "mend it before phones get it" to "good to know"."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend: where it is (`row` counts as the spreadsheet does), what it is, and how to mend it."""

    level: Level
    sheet: str
    row: int | None
    message: str
    fix: str

    def __str__(self) -> str:
        place = self.sheet if self.row is None else f"{self.sheet} row {self.row}"
        return f"{self.level}: {place}: {self.message} {self.fix}"
