"""Confidence sets for places, and for who could be among the best K, from estimates and standard errors alone.

Mogstad, Romano, Shaikh & Wilhelm 2024 (Rev Econ Stud 91:476-518): no prior, no model of the true values. A unit's place is at
least 1 + the number of those that are significantly better, and at most the number of all less those significantly worse;
"significantly" with the greatest studentised difference (x_k - x_j) / sqrt(se_k^2 + se_j^2) of a whole family as the bar, found
by a parametric bootstrap, and raised step by step for those that are left (Romano & Wolf 2005, Econometrica 73:1237-1282).

A *marginal* set covers one unit's place with probability `level`, *simultaneous* sets all places at once. The set of the best K is the
projection of simultaneous lower bounds: with probability `level` it holds everybody who truly is among the best K. Estimates
must be independent and roughly normal, their standard errors known. These sets are the cross-check beside the posterior of
`scoring.ranks`: wider, because nothing is borrowed from peers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.evaluations import Bools, Floats, Ints

__all__ = ["PlaceSets", "best_set", "marginal_sets", "simultaneous_sets"]

DRAWS = 1000


@dataclass(frozen=True)
class PlaceSets:
    """For each of J units the least and the greatest place, 1 is best."""

    low: Ints
    high: Ints


def simultaneous_sets(
    estimate: Floats, se: Floats, *, level: float, rng: np.random.Generator, draws: int = DRAWS
) -> PlaceSets:
    """Sets that hold all J places at once with probability `level`; se > 0."""
    z = _dice(estimate, se, draws, rng)
    found = _significant(estimate, se, z, level, apart=~np.eye(len(se), dtype=bool))
    return PlaceSets(1 + found.sum(axis=0), len(se) - found.sum(axis=1))


def marginal_sets(
    estimate: Floats, se: Floats, *, level: float, rng: np.random.Generator, draws: int = DRAWS
) -> PlaceSets:
    """For each unit a set that holds its place with probability `level`; se > 0."""
    many = len(se)
    z = _dice(estimate, se, draws, rng)
    low, high = np.empty(many, dtype=np.int64), np.empty(many, dtype=np.int64)
    for unit in range(many):
        pairs = np.zeros((many, many), dtype=bool)
        pairs[unit] = pairs[:, unit] = True
        pairs[unit, unit] = False
        found = _significant(estimate, se, z, level, apart=pairs)
        low[unit], high[unit] = 1 + found[:, unit].sum(), many - found[unit].sum()
    return PlaceSets(low, high)


def best_set(
    estimate: Floats,
    se: Floats,
    best: int,
    *,
    level: float,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Bools:
    """Who could be among the best `best`: with probability `level` all who truly are, are in it."""
    return np.asarray(simultaneous_sets(estimate, se, level=level, rng=rng, draws=draws).low <= best)


def _dice(estimate: Floats, se: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Standard normal draws, J x draws, dealt out in the order of the estimates: the order of the rows does not matter."""
    order = np.lexsort((se, estimate))
    dealt = np.empty((len(se), draws))
    dealt[order] = rng.standard_normal(dealt.shape)
    return dealt


def _significant(estimate: Floats, se: Floats, z: Floats, level: float, *, apart: Bools) -> Bools:
    """Which of the pairs `apart[i, j]` (i better than j) are significant as a family (J x J).

    `z` are standard normal draws, J x draws. In each step the bar is the `level` quantile of the greatest difference over the pairs that
    are not significant yet; the bar falls, or nothing new is found and it ends.
    """
    error = np.sqrt(se[:, None] ** 2 + se**2)
    student = (estimate[:, None] - estimate) / error
    noise = z * se[:, None]
    found = np.zeros_like(apart)
    greatest = np.full(z.shape, -np.inf)  # in each draw, over the pairs of one unit that are left
    changed = apart.any(axis=1)
    while True:
        left = apart & ~found
        if not left.any():
            return found
        for better in np.flatnonzero(changed).tolist():
            greatest[better] = _greatest(noise, error[better], better, left[better])
        bar = np.quantile(np.max(greatest, axis=0), level, method="higher")
        more = left & (student > bar)
        if not more.any():
            return found
        found |= more
        changed = more.any(axis=1)


def _greatest(noise: Floats, error: Floats, better: int, left: Bools) -> Floats:
    """In each draw the greatest studentised difference of one unit to those of its pairs that are left; `noise` is J x draws."""
    worse = np.flatnonzero(left)
    if not len(worse):
        return np.full(noise.shape[1], -np.inf)
    student = noise[worse]
    np.subtract(noise[better], student, out=student)
    student /= error[worse, None]
    return np.asarray(np.max(student, axis=0))
