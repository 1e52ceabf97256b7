"""Who evaluates whom, and when: uneven numbers, as in life, spread over four quarters."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone

from shakti.demo.survivors import Meeting, Survivor
from shakti.demo.truth import LARGE_GROUP, Row, Truth, peer_groups

INDIA = timezone(timedelta(hours=5, minutes=30))
REFUSALS = {"practice": 0.02, "adult": 0.01, "consent": 0.03}  # shares of all evaluations
NOT_LISTED = 0.015
WITHOUT_CODE, UNKNOWN_CODE = 0.10, 0.05
CHAT, REPEATED = 0.38, 0.03
BUSY, MIDDLING, FEW = (48, 80), (11, 25), (1, 9)  # evaluations of one provider
REACHED = 0.7  # at most this share of the people a provider served is asked


@dataclass(frozen=True)
class People:
    """The simulated survivors: those on the roll, those without a code, those with a code of nobody's."""

    on_roll: tuple[Survivor, ...]
    without_code: tuple[Survivor, ...]
    unknown_code: tuple[Survivor, ...]


@dataclass(frozen=True)
class Window:
    """The days of the sample, first and last included."""

    first: date
    last: date

    def of(self, provider: Row) -> Window | None:
        """The part of the window in which a provider was in the post; None when there is none."""
        first = max(self.first, date.fromisoformat(provider["from"])) if provider["from"] else self.first
        last = min(self.last, date.fromisoformat(provider["to"])) if provider["to"] else self.last
        return Window(first, last) if first <= last else None

    def draw(self, rng: random.Random) -> date:
        """A day of it."""
        return self.first + timedelta(days=rng.randint(0, (self.last - self.first).days))


def last_quarters(today: date, count: int = 4) -> Window:
    """The `count` quarters that end with yesterday's, up to yesterday."""
    last = today - timedelta(days=1)
    quarters = last.year * 4 + (last.month - 1) // 3 - (count - 1)
    return Window(date(quarters // 4, quarters % 4 * 3 + 1, 1), last)


def quarter(day: date) -> tuple[int, int]:
    """The quarter of a day."""
    return day.year, (day.month - 1) // 3


@dataclass(frozen=True)
class World:
    """Everything the interviews happen in. `providers` and `collectors` are rows of the registry."""

    providers: tuple[Row, ...]
    collectors: tuple[Row, ...]
    truth: Truth
    people: People
    window: Window


def plan_evaluations(world: World, rng: random.Random, *, total: int, form_id: str) -> list[Meeting]:
    """`total` interviews about providers, refused ones included, in no particular order."""
    planner = _Planner(world, rng, form_id)
    refusals = {kind: max(1, round(share * total)) for kind, share in REFUSALS.items()}
    missing = max(1, round(NOT_LISTED * total))
    counts = provider_counts(world, total - sum(refusals.values()) - missing - 1, rng)
    meetings = [
        meeting
        for row, count in zip(world.providers, counts, strict=True)
        for meeting in planner.about(row, count)
    ]
    meetings.append(_once_more(meetings, world.window))
    meetings += [replace(planner.one(), listed=False) for _ in range(missing)]
    for kind, count in refusals.items():
        # Whoever says no to a machine leaves nothing behind; only practice is sent from there.
        meetings += [replace(planner.one(face=kind != "practice"), refusal=kind) for _ in range(count)]
    return meetings


def plan_checkins(world: World, rng: random.Random, *, total: int, form_id: str) -> list[Meeting]:
    """`total` interviews about services, mostly with people on the roll."""
    planner = _Planner(world, rng, form_id)
    return [planner.without_provider() for _ in range(total)]


def provider_counts(world: World, total: int, rng: random.Random) -> list[int]:
    """How many evaluations each row of the registry gets, `total` in all: many for some, a few for most, none for a few.

    A person with two postings has two rows under one name.
    """
    places = {id(row): place for place, row in enumerate(world.providers)}
    weights = [0.0] * len(world.providers)
    for group in peer_groups(world.providers).values():
        members = rng.sample(group, len(group))
        # The excellent come first: what is never evaluated cannot be found.
        members.sort(key=lambda row: not world.truth.providers[row["name"]].excellent)
        for row, size in zip(members, _sizes(len(members), rng), strict=True):
            served = int(row["served"]) if row["served"] else BUSY[1] / REACHED
            weights[places[id(row)]] = min(size, served * REACHED) if world.window.of(row) else 0
    return _shared(weights, total)


def _sizes(members: int, rng: random.Random) -> list[int]:
    busy = round(0.36 * members) if members >= LARGE_GROUP else round(0.22 * members)
    middling, none = round(0.2 * members), int(members >= LARGE_GROUP)
    few = members - busy - middling - none
    kinds = [BUSY] * busy + [MIDDLING] * middling + [FEW] * few + [(0, 0)] * none
    return [rng.randint(*kind) for kind in kinds]


def _shared(weights: Sequence[float], total: int) -> list[int]:
    """`total` divided in proportion to the weights, by largest remainders."""
    exact = [weight * total / sum(weights) for weight in weights]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda place: counts[place] - exact[place])
    for place in by_remainder[: total - sum(counts)]:
        counts[place] += 1
    return counts


class _Planner:
    def __init__(self, world: World, rng: random.Random, form_id: str) -> None:
        self._world, self._people, self._rng, self._form_id = world, world.people, rng, form_id

    def about(self, provider: Row, count: int) -> list[Meeting]:
        """`count` interviews about one provider by different people, a few of whom come back in another quarter."""
        repeats = sum(self._rng.random() < REPEATED for _ in range(count))
        people = self._different(provider, max(1, count - repeats)) if count else []
        meetings = [self._meet(survivor, provider) for survivor in people]
        for first in meetings[: count - len(meetings)]:
            again = self._meet(first.survivor, provider)
            if quarter(again.start.date()) != quarter(first.start.date()):
                meetings.append(again)
        return meetings + [self._meet(self._stranger(), provider) for _ in range(count - len(meetings))]

    def one(self, *, face: bool = False) -> Meeting:
        """One interview about any provider by anybody of the district; `face` wants an enumerator."""
        provider = self._rng.choice(self._world.providers)
        near = [one for one in self._people.on_roll if one.district == provider["district"]]
        return self._meet(self._rng.choice(near), provider, face=face)

    def without_provider(self) -> Meeting:
        """One interview of the check-in."""
        known = self._rng.random() > WITHOUT_CODE
        return self._meet(
            self._rng.choice(self._people.on_roll if known else self._people.without_code), None
        )

    def _different(self, provider: Row, count: int) -> list[Survivor]:
        """Different people: mostly on the roll, half of those from the provider's own block."""
        unverified = sum(self._rng.random() < WITHOUT_CODE + UNKNOWN_CODE for _ in range(count))
        here = [one for one in self._people.on_roll if one.block == provider["block"]]
        district = [one for one in self._people.on_roll if one.district == provider["district"]]
        known = count - unverified
        chosen = self._rng.sample(here, min(known // 2, len(here)))
        taken = {one.code for one in chosen}
        others = [one for one in district if one.code not in taken]
        chosen += self._rng.sample(others, min(known - len(chosen), len(others)))
        return chosen + [self._stranger() for _ in range(count - len(chosen))]

    def _stranger(self) -> Survivor:
        share = WITHOUT_CODE / (WITHOUT_CODE + UNKNOWN_CODE)
        people = self._people
        return self._rng.choice(people.without_code if self._rng.random() < share else people.unknown_code)

    def _meet(self, survivor: Survivor, provider: Row | None, *, face: bool = False) -> Meeting:
        chat = self._rng.random() < CHAT and not face
        # The form refuses an interview about the collector's own office.
        office = provider["office"] if provider else ""
        collector = self._rng.choice(
            [row["name"] for row in self._world.collectors if row["office"] != office]
        )
        window = (self._world.window.of(provider) if provider else None) or self._world.window
        hours = (7, 22) if chat else (9, 18)
        minutes = self._rng.randint(hours[0] * 60, hours[1] * 60 - 1)
        start = datetime.combine(window.draw(self._rng), time(minutes // 60, minutes % 60), INDIA)
        return Meeting(
            form_id=self._form_id,
            survivor=survivor,
            start=start + timedelta(seconds=self._rng.randint(0, 59)),
            seconds=self._rng.randint(180, 900),
            collector=None if chat else collector,
            provider=provider,
        )


def _once_more(meetings: Iterable[Meeting], window: Window) -> Meeting:
    """A second interview of one survivor about the same provider in the same quarter: they have one vote together."""
    for meeting in meetings:
        later = meeting.start + timedelta(days=3)
        same = quarter(later.date()) == quarter(meeting.start.date()) and later.date() <= window.last
        if same and meeting.survivor.on_roll:
            return replace(meeting, start=later)
    raise ValueError("the sample is too small: no interview leaves room for another in its quarter")
