"""What a release is made of: the thresholds it kept, its lines, the figures of a line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

from reports.bands import Band
from reports.errors import GateError
from reports.names import Label

__all__ = ["GROUPS", "NO_RESULT", "Audience", "Figures", "GateSettings", "Line", "Release"]

Audience = Literal["outward", "programme"]
Unit = Literal["person", "office", "role_place"]
GROUPS = ("clearly above", "not clearly different", "clearly below", "no result yet")
NO_RESULT = GROUPS[-1]

FLOORS = {"k_outward": 10, "k_programme": 5, "peers": 8, "served_factor": 2}


@dataclass(frozen=True)
class GateSettings:
    """How many distinct verified survivors stand behind a figure, by audience. Stricter is allowed, laxer is refused.

    `peers`: how many have a result before anybody is placed; `served_factor`: a result of one's own needs this many times k survivors
    served, because with fewer the mere fact of having answered is disclosed. GateError below the floor.
    """

    k_outward: int = FLOORS["k_outward"]
    k_programme: int = FLOORS["k_programme"]
    peers: int = FLOORS["peers"]
    served_factor: int = FLOORS["served_factor"]

    def __post_init__(self) -> None:
        for name, floor in FLOORS.items():
            value = getattr(self, name)
            if value < floor:
                raise GateError(
                    f"{name} is {value}, but the gate never goes below {floor}: survivors could be found again; set {floor} or more"
                )
        if self.k_programme > self.k_outward:
            raise GateError(
                f"k_programme ({self.k_programme}) is above k_outward ({self.k_outward}); raise k_outward to at least the same"
            )

    def k(self, audience: Audience) -> int:
        """The threshold of an audience. GateError if there is no such audience."""
        known = {"outward": self.k_outward, "programme": self.k_programme}
        if audience not in known:
            raise GateError(f"'{audience}' is no audience; choose outward or programme")
        return known[audience]


@dataclass(frozen=True)
class Figures:
    """What may be said about one result. Scores are 0-100 in bands, `n_band` is a band of distinct survivors.

    `p_top` is in whole percent, `p_above` in steps of 5 percent: both exactly would be two equations for score and count.
    """

    place_low: int | None
    place_high: int | None
    peers: int
    score: Band
    low: int
    high: int
    n_band: str
    reliability: str
    p_top: float | None
    p_above: float | None


@dataclass(frozen=True)
class Line:
    """One row of a list. `area` is where places are counted (the peer group's), `where` the provider works: the block, with its
    district where the area is wider.

    `everyone`: the line stands for all in a role in a place. `average`: of the role in the area, a multiple of 5, None if it may
    not be shown. `figures` is None where there is no result.
    """

    provider: str
    name: Label
    unit: Unit
    everyone: bool
    role: str
    area: str
    area_name: Label
    where: Label
    group: str
    figures: Figures | None
    average: int | None
    grade: str
    trend: str
    hold: str
    recommendation: str
    reasons: tuple[Label, ...]


@dataclass(frozen=True)
class Release:
    """A published set of figures: what it holds never changes, and `sha256` says that it did not."""

    release: str
    audience: Audience
    window: tuple[str, ...]
    cutoff: date | None
    sample: bool
    settings: GateSettings
    lines: tuple[Line, ...]

    @property
    def k(self) -> int:
        return self.settings.k(self.audience)

    @property
    def mark(self) -> str:
        """The label as it is printed: sample data carry their nature in it."""
        return f"{self.release}-sample" if self.sample else self.release

    @property
    def sha256(self) -> str:
        content = {**vars(self), "settings": asdict(self.settings), "lines": self.to_rows()}
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_rows(self) -> list[dict[str, Any]]:
        """The lines as plain dictionaries, in the order of the list; texts in all three languages."""
        return [asdict(line) for line in self.lines]
