"""What was done at every place, in plain dictionaries: from it follows what the store must hold after a complete run.

This is the other side of the comparison and shares no code with the connector. A *place* is one of the four sources, a
*face* is how one place shows one instance. A run that read a place to its end has *noticed* its faces. An interrupted
run may have noticed any of them: what goes from its place before a complete run was noticed or was not, and both are
right; so for every place and instance a set of possibilities is kept.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

__all__ = ["PLACES", "PLATFORMS", "Expected", "Face", "History"]

RANKS = {"kobo": 3, "central": 3, "collect": 2, "chat": 1}
PLACES = tuple(RANKS)
PLATFORMS = ("kobo", "central")
BEFORE_ALL = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Face:
    """One place's version of an instance. `time` orders faces of one rank (None: before all)."""

    version: int
    consent: bool
    review: str = "none"
    time: dt.datetime | None = None
    deleted: bool = False

    @property
    def counts(self) -> bool:
        """Whether this face, were it the only one, would be an evaluation."""
        return self.consent and not self.deleted


@dataclass(frozen=True)
class Expected:
    """One evaluation as the store must show it; `kinds` are the sources that still show it."""

    version: int
    review: str
    mode: str
    kinds: tuple[str, ...]


Faces = dict[int, Face]
Possible = dict[int, frozenset[Face | None]]
UNNOTICED: frozenset[Face | None] = frozenset({None})


@dataclass
class History:
    """Everything that happened. Instances are numbers."""

    shown: dict[str, Faces] = field(default_factory=lambda: {place: {} for place in PLACES})
    noticed: dict[str, Possible] = field(default_factory=lambda: {place: {} for place in PLACES})
    delivered: set[int] = field(default_factory=set)
    withdrawn: set[int] = field(default_factory=set)  # the withdrawal waits in the outbox
    erased: set[int] = field(default_factory=set)
    unsettled: set[int] = field(
        default_factory=set
    )  # since the last complete run something of it was taken away

    def show(self, place: str, number: int, face: Face) -> None:
        """The place shows this face of the instance from now on."""
        self.shown[place][number] = face
        self.delivered.add(number)
        if not face.counts:
            self.unsettled.add(number)

    def hide(self, place: str, number: int) -> Face:
        """The place shows it no longer: deleted without a trace, purged, or out of the account's sight."""
        self.unsettled.add(number)
        return self.shown[place].pop(number)

    def withdraw(self, number: int) -> None:
        """A withdrawal by the instance's receipt waits in the outbox."""
        self.unsettled.add(number)
        self.withdrawn.add(number)

    def half_read(self, place: str, at_first: Faces) -> None:
        """A run that began when the place showed `at_first` ended somewhere within it, or things changed under it."""
        noticed = self.noticed[place]
        for faces in (at_first, self.shown[place]):
            for number, face in faces.items():
                noticed[number] = noticed.get(number, UNNOTICED) | {face}

    def wholly_read(self, place: str) -> None:
        """A run read this place to its end."""
        shown, noticed = self.shown[place], self.noticed[place]
        if place in PLATFORMS:
            for number in noticed.keys() - shown.keys():
                noticed[number] = frozenset(face and replace(face, deleted=True) for face in noticed[number])
        noticed.update({number: frozenset({face}) for number, face in shown.items()})
        if place == "chat":
            shown.clear()  # what was delivered is no longer in the outbox
            self.erased |= self.withdrawn
            self.withdrawn.clear()

    def all_read(self) -> None:
        """Every place was read to its end in one run."""
        self.unsettled.clear()

    def outcomes(self, number: int) -> set[Expected | None]:
        """What the store may show of an instance after a complete run: nearly always exactly one thing."""
        return {self._outcome(number, faces) for faces in self._readings(number)}

    def _readings(self, number: int) -> Iterator[dict[str, Face]]:
        """Every way in which the places may have been noticed."""
        choices = [[(place, face) for face in self.noticed[place].get(number, UNNOTICED)] for place in PLACES]
        for combination in itertools.product(*choices):
            yield {place: face for place, face in combination if face is not None}

    def _outcome(self, number: int, faces: dict[str, Face]) -> Expected | None:
        if not faces or number in self.erased:
            return None
        owner = max(faces, key=lambda place: (RANKS[place], faces[place].time or BEFORE_ALL, place))
        face = faces[owner]
        if not face.counts:
            return None
        return Expected(
            version=face.version,
            review=face.review,
            mode="chat" if "chat" in faces else "enumerator",
            kinds=tuple(sorted(place for place in faces if faces[place].counts)),
        )
