"""What scoring is given about those who are rated, and what it says about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from scoring.columns import Ints

__all__ = [
    "Change",
    "DomainResult",
    "Finding",
    "Group",
    "IndicatorMean",
    "ModeEffect",
    "PeerGroup",
    "Rating",
    "Ratings",
    "Recommendation",
    "Rule",
    "Sensitivity",
    "Survivors",
    "Unit",
]

Kind = Literal["person", "office", "role_place"]
Group = Literal["clearly above", "not clearly different", "clearly below", "no result yet"]
Recommendation = Literal["recognise", "encourage", "support", "review", ""]
Hold = Literal["none", "review"]
Trend = Literal["improved", "no clear change", "declined", ""]
CheckName = Literal[
    "collector mean",
    "collector spread",
    "collector missing",
    "straight lines",
    "too fast",
    "copies",
    "burst",
    "collusion",
]
Rule = Literal[
    "comparison",
    "hold",
    "too_few",
    "not_sure_enough",
    "leans_on_one",
    "unreliable",
    "one_collector",
    "mistakes",
]


@dataclass(frozen=True)
class Unit:
    """One row of the registry: somebody who can be rated. `served`: survivors served in the window, None where unknown."""

    provider: str
    kind: Kind
    role: str
    block: str
    district: str
    state: str
    name: str = ""
    office: str = ""
    served: int | None = None


class Survivors(Set[str]):
    """Pseudonyms as positions in the list of all, distinct: a set that costs nothing until somebody looks into it."""

    __slots__ = ("_everyone", "_position")

    def __init__(self, everyone: tuple[str, ...], position: Ints) -> None:
        self._everyone = everyone
        self._position = position

    def __len__(self) -> int:
        return len(self._position)

    def __iter__(self) -> Iterator[str]:
        return (self._everyone[position] for position in self._position.tolist())

    def __contains__(self, survivor: object) -> bool:
        return any(one == survivor for one in self)


@dataclass(frozen=True)
class Change:
    """How a unit changed from the first to the second half of the window, in points, and how sure it is.

    "Clearly" is by more than `Settings.trend_clear` points. The last is the least `p_clearly_better` without any one survivor,
    collector or day of the second half; None where the rest does not suffice already.
    """

    mean: float
    p_better: float
    p_clearly_better: float
    p_clearly_worse: float
    p_clearly_better_without_one: float | None = None


@dataclass(frozen=True)
class Finding:
    """Evaluations that one check of `scoring.integrity` finds odd. It accuses nobody: a person has to look.

    `subject` is a collector's pseudonym, a provider, or two evaluators' pseudonyms, as the check goes; `p` how likely it is by chance.
    """

    check: CheckName
    subject: str = field(repr=False)
    p: float
    evaluations: tuple[Any, ...] = field(repr=False)  # their ids


@dataclass(frozen=True)
class Sensitivity:
    """What a unit's result would be without the evaluations that findings name; None below the thresholds of a result."""

    checks: tuple[CheckName, ...]
    score: float | None
    score_low: float | None
    score_high: float | None
    p_top: float | None
    recommendation: Recommendation


@dataclass(frozen=True)
class DomainResult:
    """What is known about one unit in one domain of indicators; as `score`, `p_top` and so on of a Rating."""

    score: float
    score_low: float
    score_high: float
    p_top: float | None
    p_top_without_one: float | None


@dataclass(frozen=True)
class IndicatorMean:
    """The plain mean of one indicator (0-100, without model or mode effect) and the distinct survivors who answered it."""

    mean: float
    n: int


@dataclass(frozen=True)
class Rating:
    """What is known about one unit in the window. Nothing here has passed the gate: it is for `reports.release` to decide what is shown.

    Below `k_programme` survivors there is no score; below `peers` peers with a result there is no place and no comparison. Then the
    field is None and `group` is "no result yet". Scores are on 0-100, probabilities on 0-1, intervals at `Settings.level`.
    `trend` is for the programme; only who improved is ever on a list of its own. `grade` (1 is best) is empty where there is no place.
    """

    provider: str
    unit: Kind
    name: str
    role: str
    office: str
    block: str
    district: str
    state: str
    served: int | None
    area: str  # the peer group's label: a district ("303") or a state ("19")
    peers: int  # units of the peer group that have a result, this one included if it has

    n: int  # distinct verified survivors in the window
    units: int  # votes: one per survivor and quarter
    collectors: int
    chat_share: float
    new_survivors: Mapping[str, int]  # for each quarter of the window: distinct survivors who spoke in it
    survivors: Set[str] = field(repr=False)  # for complements between releases; never printed
    modes_comparable: bool = (
        True  # False: both modes are used and nothing is known about their difference yet
    )
    unanimous: bool = False  # every vote the same: the mean would reveal each of them

    score: float | None = None
    score_low: float | None = None
    score_high: float | None = None
    reliability: float | None = None
    place: float | None = None  # expected place, 1 is best
    place_low: int | None = None
    place_high: int | None = None
    p_top: float | None = None  # P(among the top `top_share` of the peer group)
    p_above: float | None = None  # P(above the median of its peers)
    p_top_without_one: float | None = (
        None  # least p_top without any one survivor, collector or day; None where p_top or n is too low to matter
    )

    sure_with: int | None = (
        None  # times as many answers like those so far with which it would be sure enough: 2, 4, or None
    )

    group: Group = "no result yet"
    recommendation: Recommendation = ""
    missing: tuple[Rule, ...] = ()  # the rules of recognition it does not meet; empty only for "recognise"
    hold: Hold = "none"
    held_by: tuple[Literal["red flag", "odd answers"], ...] = ()
    without_findings: Sensitivity | None = None  # None: no finding names an evaluation of it
    grade: str = ""
    trend: Trend = ""
    change: Change | None = None  # None: too few survivors in one half of the window, or too few such peers
    improved: bool = False  # on the list of the most improved, which has rules of its own
    domains: Mapping[str, DomainResult] = field(default_factory=dict)
    highlights: tuple[str, ...] = ()  # domains in which it is a good practice to learn from
    reasons: tuple[str, ...] = ()  # plain English, without exact scores or counts of survivors
    indicators: Mapping[str, IndicatorMean] = field(default_factory=dict)


@dataclass(frozen=True)
class ModeEffect:
    """How much more favourable answers to an enumerator are than answers in the chat, for one role (0-100 points).

    `source`: "role" (its own contrast), "all roles", "one mode" (nothing to correct), or "not comparable yet" (both modes are used,
    too few providers were evaluated in both: nothing is corrected, and the result says so).
    """

    role: str
    beta: float
    se: float
    weight: float
    source: Literal["role", "all roles", "one mode", "not comparable yet"]


@dataclass(frozen=True)
class PeerGroup:
    """The coefficients one peer group was rated with."""

    role: str
    area: str
    unit: Literal["provider", "block", "district", "role_place"]
    members: int  # units with at least one vote
    peers: int  # units with a result
    mu: float
    tau: float
    sigma: float  # pooled within deviation of one vote
    mu_prior: Literal["flat", "role"]
    rater_sd: float = 0.0  # deviation of the survivors' leniency; 0 where none was taken off
    collector_rho: float = 0.0  # how alike interviews of one collector were taken to be


@dataclass(frozen=True)
class Ratings:
    """The ratings of a window: one row for each unit of the registry and each role in a place, sorted by provider.

    `audit` holds what is needed to make them again: `input_sha256`, `settings`, `seed`, `versions`, `as_of`, `window`. It is JSON.
    """

    rows: tuple[Rating, ...]
    window: tuple[str, ...]
    modes: tuple[ModeEffect, ...]
    groups: tuple[PeerGroup, ...]
    audit: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()
