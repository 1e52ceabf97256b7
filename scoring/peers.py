"""Who is compared with whom: role x district where at least eight have a result, else role x state.

The members of a group are all its units with a vote; its *peers* are those with a result. Between deviation: shared by all
districts of a role that are groups of their own; a state-wide group has its own, because differences between districts
belong to it. Group mean: flat where there are enough peers, else drawn towards the mean of the role.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.estimates import Estimates
from scoring.evaluations import Bools, Floats, Ints
from scoring.levels import Level
from scoring.pooling import Flat, HalfNormal, Normal, Posterior, pool
from scoring.settings import Settings

__all__ = ["Fitted", "fit"]


@dataclass(frozen=True)
class Fitted:
    """One peer group of a level.

    `belongs` numbers the units that are reported in it (also those without a vote), `members` those it was fitted on;
    member m is number `first + m` of the posterior and has a result where `has_result[m]`.
    """

    role: str
    area: str
    belongs: Ints
    members: Ints
    has_result: Bools
    posterior: Posterior | None  # None: no member
    group: int
    first: int
    mu_is_flat: bool

    @property
    def peers(self) -> int:
        return int(self.has_result.sum())

    @property
    def results(self) -> tuple[Ints, Ints]:
        """The units with a result, and their numbers in the posterior."""
        return self.members[self.has_result], self.first + np.flatnonzero(self.has_result)


@dataclass(frozen=True)
class _Place:
    role: str
    area: str
    belongs: Ints
    members: Ints


def fit(level: Level, estimates: Estimates, settings: Settings) -> tuple[Fitted, ...]:
    """Every peer group of a level, fitted; each unit belongs to exactly one."""
    result = estimates.n >= settings.k_programme
    fitted: list[Fitted] = []
    for role in sorted({unit.role for unit in level.units}):
        districts, states = _places(level, role, estimates, result, settings)
        if districts:
            fitted += _together(districts, estimates, result, Flat(), settings)
        for state in states:
            mu: Flat | Normal = Flat()
            if result[state.members].sum() < settings.peers:
                mu = _role_prior(level, role, estimates, result, settings)
            fitted += _together([state], estimates, result, mu, settings)
    return tuple(fitted)


def _places(
    level: Level, role: str, estimates: Estimates, result: Bools, settings: Settings
) -> tuple[list[_Place], list[_Place]]:
    """The districts of a role that are peer groups of their own, and the states for the rest."""
    numbers = [index for index, unit in enumerate(level.units) if unit.role == role]
    by_district: dict[tuple[str, str], list[int]] = {}
    by_state: dict[str, list[int]] = {}
    for index in numbers:
        unit = level.units[index]
        by_state.setdefault(unit.state, []).append(index)
        if level.name == "provider" and unit.district:
            by_district.setdefault((unit.state, unit.district), []).append(index)
    own = {key: units for key, units in by_district.items() if result[units].sum() >= settings.peers}
    settled = {index for units in own.values() for index in units}
    districts = [
        _Place(role, district, np.array(units), _members(units, estimates))
        for (_, district), units in sorted(own.items())
    ]
    states = [
        _Place(role, state, np.array(rest), _members(units, estimates))
        for state, units in sorted(by_state.items())
        if (rest := [index for index in units if index not in settled])
    ]
    return districts, states


def _members(units: Sequence[int], estimates: Estimates) -> Ints:
    """Those with a vote, ordered by what they got: the result must not depend on how anybody is called."""
    members = np.array([index for index in units if estimates.size[index] > 0], dtype=np.int64)
    order = np.lexsort((np.round(estimates.variance[members], 9), np.round(estimates.estimate[members], 9)))
    return members[order]


def _together(
    places: Sequence[_Place], estimates: Estimates, result: Bools, mu: Flat | Normal, settings: Settings
) -> list[Fitted]:
    """Fit these groups with one between deviation and means of their own."""
    members = np.concatenate([place.members for place in places])
    sizes = [len(place.members) for place in places]
    posterior = None
    if len(members):
        posterior = pool(
            estimates.estimate[members],
            estimates.variance[members],
            tau=HalfNormal(settings.tau_prior_sd),
            mu=mu,
            group=np.repeat(np.arange(len(places)), sizes),
        )
    return [
        Fitted(
            role=place.role,
            area=place.area,
            belongs=place.belongs,
            members=place.members,
            has_result=result[place.members],
            posterior=posterior,
            group=index,
            first=sum(sizes[:index]),
            mu_is_flat=isinstance(mu, Flat),
        )
        for index, place in enumerate(places)
    ]


def _role_prior(level: Level, role: str, estimates: Estimates, result: Bools, settings: Settings) -> Normal:
    """Around the mean of the role everywhere if enough of it have a result, else around that of all roles."""
    voted = estimates.size > 0
    of_role = np.array([unit.role == role for unit in level.units])
    base = voted & of_role if (result & of_role).sum() >= settings.peers else voted
    if not base.any():
        return Normal(50.0, settings.mu_prior_sd)  # never used for a result: nobody has a vote
    weight = 1.0 / (estimates.variance[base] + settings.tau_prior_sd**2)
    return Normal(_mean(estimates.estimate[base], weight), settings.mu_prior_sd)


def _mean(values: Floats, weight: Floats) -> float:
    return float(weight @ values / weight.sum())
