"""One estimate and its variance for each unit, out of its votes: what pooling starts from.

    estimate_j = sum over its votes of (value - beta * interviewed - leniency of the survivor) / votes
    variance_j = sigma_role^2 * design effect * mean spread / votes + interviewed share^2 * Var(beta)

The spread of a vote is 1, or less where the leniency of its survivor is partly known (`scoring.leniency`).

The error of the mode effect is shared by all units of a role; counting it for each as if it were its own makes comparisons
a little more careful than they need be, never less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.cells import Cells, cells_of, pooled_variance
from scoring.collectors import likeness
from scoring.evaluations import Bools, Floats, Ints
from scoring.leniency import Crossed, leniency
from scoring.levels import Level
from scoring.mode import mode_effects, room
from scoring.records import ModeEffect
from scoring.selection import Heard
from scoring.settings import Settings
from scoring.votes import Votes, design_effect, distinct, votes_of

__all__ = ["Estimates", "estimates_of", "modes_of", "role_numbers", "worst_without_one"]


@dataclass(frozen=True)
class Estimates:
    """For each of the U units of a level (`estimate` and `variance` are nan without a vote)."""

    votes: Votes
    corrected: Floats  # each vote without its mode effect and its survivor's leniency (length V)
    spread: Floats  # each vote's variance as a share of the pooled one (length V)
    n: Ints  # distinct survivors
    size: Ints  # votes
    estimate: Floats
    variance: Floats
    sigma: Floats  # pooled deviation of one vote in the unit's role
    design: Floats  # design effect
    mode_se: Floats  # standard error of the mode effect of each unit
    interviewed: Floats  # share of votes
    collectors: Ints  # distinct, named
    unanimous: Bools
    rater_sd: float  # deviation of the survivors' leniency; 0 where none was taken off
    collector_rho: Floats  # how alike interviews of one collector were taken to be


def role_numbers(level: Level, roles: Sequence[str]) -> Ints:
    """The number of each unit's role."""
    number = {role: index for index, role in enumerate(roles)}
    return np.array([number[unit.role] for unit in level.units], dtype=np.int64)


def modes_of(level: Level, heard: Heard, roles: Sequence[str], settings: Settings) -> tuple[ModeEffect, ...]:
    """The mode effect of each role, from the units of this level."""
    cells = cells_of(votes_of(heard, level.unit))
    role = role_numbers(level, roles)
    return mode_effects(
        cells,
        role,
        roles,
        _variance(cells, role, len(roles), settings),
        min_weight=settings.mode_min_weight,
        role_weight=settings.mode_role_weight,
    )


def estimates_of(level: Level, heard: Heard, modes: Sequence[ModeEffect], settings: Settings) -> Estimates:
    """The estimates of a level; `modes` holds one effect for each role."""
    units = len(level.units)
    role = role_numbers(level, [mode.role for mode in modes])
    votes = votes_of(heard, level.unit)
    part = room(cells_of(votes), role, len(modes))
    beta = np.array([mode.beta for mode in modes])[role] * part
    mode_se = np.array([mode.se for mode in modes])[role] * part
    corrected = votes.value - beta[votes.unit] * votes.interviewed
    apart = corrected - _role_means(votes, corrected, role)
    kind = leniency(
        Crossed(votes.unit, votes.survivor, apart),
        min_share=settings.leniency_min_share,
        cap=settings.leniency_cap,
    )
    corrected = corrected - kind.effect
    spread = kind.spread
    size = np.bincount(votes.unit, minlength=units)
    divisor = np.where(size > 0, size, np.nan)
    interviewed = np.bincount(votes.unit, votes.interviewed, minlength=units) / divisor
    sigma2 = _variance(cells_of(votes), role, len(modes), settings)[role]
    alike = likeness(votes, apart - kind.effect, role, settings)
    design = design_effect(votes, units, collector_rho=alike, survivor_rho=settings.survivor_rho)
    return Estimates(
        votes=votes,
        corrected=corrected,
        spread=spread,
        n=_count(*distinct(votes.unit, votes.survivor)[:2], units),
        size=size,
        estimate=np.bincount(votes.unit, corrected, minlength=units) / divisor,
        variance=sigma2 * design * np.bincount(votes.unit, spread, minlength=units) / divisor**2
        + interviewed**2 * mode_se**2,
        sigma=np.sqrt(sigma2),
        design=design,
        mode_se=mode_se,
        interviewed=interviewed,
        collectors=_count(*distinct(votes.unit[votes.collectors.vote], votes.collectors.label)[:2], units),
        unanimous=_unanimous(votes, units),
        rater_sd=float(np.sqrt(kind.components.raters)) if kind.components is not None else 0.0,
        collector_rho=alike,
    )


def worst_without_one(estimates: Estimates, unit: int) -> tuple[Floats, Floats]:
    """Estimate and variance of one unit in the worst cases of one survivor, collector or day not being there (length C).

    Votes in which that survivor, collector or day had a part are left out whole; the pooled deviation, design effect and mode
    effect are held. Where no vote would be left the variance is infinite. Of cases with the same variance only the lowest
    estimate is given: the others are better in every respect.
    """
    votes = estimates.votes
    start, end = np.searchsorted(votes.unit, [unit, unit + 1])
    value, interviewed = estimates.corrected[start:end], votes.interviewed[start:end]
    spread = estimates.spread[start:end]
    left_n, left_sum, left_interviewed, left_spread = [], [], [], []
    for vote, label in _clusters(votes, start, end):
        _, cluster = np.unique(label, return_inverse=True)
        left_n.append(len(value) - np.bincount(cluster))
        left_sum.append(value.sum() - np.bincount(cluster, value[vote]))
        left_interviewed.append(interviewed.sum() - np.bincount(cluster, interviewed[vote]))
        left_spread.append(spread.sum() - np.bincount(cluster, spread[vote]))
    n = np.concatenate(left_n).astype(float)
    remains = n > 0
    n[~remains] = 1.0
    share = np.concatenate(left_interviewed) / n
    own = estimates.sigma[unit] ** 2 * estimates.design[unit] * np.concatenate(left_spread) / n**2
    variance = own + share**2 * estimates.mode_se[unit] ** 2
    distinct_variance, case = np.unique(np.where(remains, variance, np.inf), return_inverse=True)
    lowest = np.full(len(distinct_variance), np.inf)
    np.minimum.at(lowest, case, np.concatenate(left_sum) / n)
    return lowest, distinct_variance


def _clusters(votes: Votes, start: int, end: int) -> tuple[tuple[Ints, Ints], ...]:
    """Pairs of a vote (counted from `start`) and what it could be left out with: survivor, collector, day."""
    pairs = [(np.arange(end - start), votes.survivor[start:end])]
    for links in (votes.collectors, votes.days):
        first, last = np.searchsorted(links.vote, [start, end])
        pairs.append((links.vote[first:last] - start, links.label[first:last]))
    return tuple(pairs)


def _role_means(votes: Votes, value: Floats, role: Ints) -> Floats:
    """The mean of each vote's role: which roles a survivor needed, or a collector asked about, says nothing about their manner."""
    of_role = role[votes.unit]
    mean = np.bincount(of_role, value) / np.maximum(np.bincount(of_role), 1)
    return np.asarray(mean[of_role])


def _variance(cells: Cells, role: Ints, roles: int, settings: Settings) -> Floats:
    return pooled_variance(
        cells, role, roles, prior_sd=settings.sigma_prior, prior_df=settings.sigma_prior_df
    )


def _count(unit: Ints, label: Ints, units: int) -> Ints:
    return np.bincount(unit[label >= 0], minlength=units)


def _unanimous(votes: Votes, units: int) -> Bools:
    result = np.zeros(units, dtype=bool)
    if len(votes):
        starts = np.flatnonzero(np.r_[True, np.diff(votes.unit) > 0])
        spread = np.maximum.reduceat(votes.value, starts) - np.minimum.reduceat(votes.value, starts)
        result[votes.unit[starts]] = spread < 1e-9
    return result
