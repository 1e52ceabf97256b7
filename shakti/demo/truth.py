"""The invented truth behind the sample: how well each provider really serves, and what tilts the answers about it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# Points on a scale from 0 (worst) to 100 (best).
ROLE_MEAN, ROLE_SPREAD = 60.0, 3.0
PROVIDER_SPREAD = 14.0
EXCELLENT = (88.0, 94.0)
ORDINARY_BEST = 80.0  # nobody else comes near: what is found to be excellent can be checked
INDICATOR_SPREAD = 5.0
COLLECTOR_SPREAD = 1.5
KINDER_TO_A_FACE = 4.0  # people answer an enumerator more kindly than a screen
LARGE_GROUP, PEERS = 20, 8

Row = Mapping[str, str]


@dataclass(frozen=True)
class ProviderTruth:
    """A provider's true quality, and by how much each indicator lies above or below it."""

    quality: float
    deviations: Mapping[str, float]
    excellent: bool

    def on(self, indicator: str) -> float:
        """The true value of one indicator."""
        return self.quality + self.deviations.get(indicator, 0.0)


@dataclass(frozen=True)
class Truth:
    """Everything the simulated answers are drawn from. Points; by provider's and collector's name."""

    providers: Mapping[str, ProviderTruth]
    collectors: Mapping[str, float]

    def tilt(self, collector: str | None) -> float:
        """What the way of asking adds: a face, and the manner of this collector; nothing in a chat."""
        return 0.0 if collector is None else KINDER_TO_A_FACE + self.collectors.get(collector, 0.0)


def draw_truth(
    providers: Sequence[Row], collectors: Iterable[Row], indicators: Iterable[str], rng: random.Random
) -> Truth:
    """Draw a truth: providers vary around their role's mean, a few of every larger peer group are excellent."""
    means: dict[str, float] = {}
    names = tuple(indicators)
    excellent = _excellent(providers, rng)
    drawn: dict[str, ProviderTruth] = {}
    for row in providers:
        if row["name"] in drawn:
            continue  # another posting of the same person
        mean = means.setdefault(row["role"], rng.gauss(ROLE_MEAN, ROLE_SPREAD))
        quality = min(max(rng.gauss(mean, PROVIDER_SPREAD), 8.0), ORDINARY_BEST)
        if row["name"] in excellent:
            quality = rng.uniform(*EXCELLENT)
        deviations = {name: rng.gauss(0, INDICATOR_SPREAD) for name in names}
        drawn[row["name"]] = ProviderTruth(quality, deviations, row["name"] in excellent)
    manners = {row["name"]: rng.gauss(0, COLLECTOR_SPREAD) for row in collectors}
    return Truth(drawn, manners)


def peer_groups(providers: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """The providers of each role in each district."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in providers:
        groups[row["role"], row["district"]].append(row)
    return groups


def _excellent(providers: Sequence[Row], rng: random.Random) -> set[str]:
    chosen: set[str] = set()
    for group in peer_groups(providers).values():
        count = 2 if len(group) >= LARGE_GROUP else 1 if len(group) >= PEERS else 0
        chosen |= {row["name"] for row in rng.sample(group, count)}
    return chosen
