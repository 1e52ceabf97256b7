"""Leniency: some survivors answer more kindly about everybody than others do.

Where survivors rate several units, a unit's votes and a survivor's votes cross:

    vote = mean + unit_p + leniency_e + rest,   variances s2a, s2b, s2e

The variances come from three sums of squares (Gao & Owen 2017, Electron J Statist 11:1235-1296), the effects from backfitting
(Ghosh, Hastie & Owen 2022, Ann Statist 50:560-583, with their clubbing of the mean): both linear in the votes, where full
maximum likelihood is not. On InstEval (73,421 ratings) effects so found correlate .99999 with those of maximum likelihood.

What is taken off a vote is its survivor's leniency as her votes on *other* units show it, each worth what is known of that unit:

    leniency_(e without p) = v sum over q (vote_eq - unit_q) / (s2e + c_q),   1 / v = 1 / s2b + sum over q 1 / (s2e + c_q)

with c_q what remains unknown of unit q. With her vote on p in it, part of what is special about p would be taken for her kindness
and p be drawn to the mean twice (measured: 90 % intervals then covered .84). The corrected vote's variance is s2e + v.

Assumption: who rates whom does not depend on how good the unit is beyond what other raters say of it. It is used only where at
least a fifth of the survivors rated two units or more, and no vote moves by more than ten points, so that a few votes elsewhere
cannot buy a good one here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.evaluations import Floats, Ints

__all__ = ["Components", "Crossed", "Leniency", "backfit", "components", "leniency"]

SWEEPS = 500
CLOSE = 1e-8  # of the votes' deviation: the sweeps end when no effect moves further


@dataclass(frozen=True)
class Crossed:
    """V votes: whom each is about, who gave it (both numbered from 0, not all numbers need occur), and its value."""

    unit: Ints
    rater: Ints
    value: Floats


@dataclass(frozen=True)
class Components:
    """Variances between units, between raters, and of the rest; none below 0."""

    units: float
    raters: float
    rest: float


@dataclass(frozen=True)
class Leniency:
    """For each vote how much to take off it (`effect`), and its variance then as a share of what it was (`spread`, at most 1)."""

    effect: Floats
    spread: Floats
    used: bool  # False where the conditions are not met: nothing is taken off
    share: float  # of the raters, those with two units or more
    components: Components | None


def leniency(votes: Crossed, *, min_share: float, cap: float) -> Leniency:
    """The leniency to take off each vote, or none where fewer than `min_share` of the raters rated two units or more.

    Effects are cut at +-`cap` points.
    """
    many = len(votes.value)
    share = _share_of_several(votes)
    nothing = Leniency(np.zeros(many), np.ones(many), False, share, None)
    if share < min_share or not many:
        return nothing
    found = components(votes)
    if found is None or found.raters <= 0.0 or found.rest <= 0.0:
        return nothing
    effect, unknown = _elsewhere(votes, found)
    return Leniency(
        effect=np.clip(effect, -cap, cap),
        spread=(found.rest + unknown) / (found.rest + found.raters),
        used=True,
        share=share,
        components=found,
    )


def _elsewhere(votes: Crossed, found: Components) -> tuple[Floats, Floats]:
    """For each vote its rater's leniency as her votes on other units show it, and the variance of what remains unknown of it."""
    unit = backfit(votes, found)[0]
    n = np.bincount(votes.unit)
    unknown = found.units * found.rest / (found.rest + n * found.units)
    weight = 1.0 / (found.rest + unknown[votes.unit])
    leaves = weight * (votes.value - votes.value.mean() - unit[votes.unit])
    _, pair = np.unique(votes.rater * len(n) + votes.unit, return_inverse=True)
    others_weight, others = (
        np.bincount(votes.rater, of)[votes.rater] - np.bincount(pair, of)[pair] for of in (weight, leaves)
    )
    variance = 1.0 / (1.0 / found.raters + others_weight)
    return variance * others, variance


def components(votes: Crossed) -> Components | None:
    """The variances by Gao and Owen's moments; None where the votes cannot tell them apart."""
    many = float(len(votes.value))
    value = votes.value - votes.value.mean()  # large numbers would cancel in the squares
    per_unit, per_rater = np.bincount(votes.unit).astype(float), np.bincount(votes.rater).astype(float)
    squares = float(value @ value)
    within_units = squares - _explained(votes.unit, per_unit, value)
    within_raters = squares - _explained(votes.rater, per_rater, value)
    units, raters = float((per_unit > 0).sum()), float((per_rater > 0).sum())
    expected = np.array(
        [
            [0.0, many - units, many - units],
            [many - raters, 0.0, many - raters],
            [many**2 - per_unit @ per_unit, many**2 - per_rater @ per_rater, many**2 - many],
        ]
    )
    if abs(np.linalg.det(expected / many**2)) < 1e-12:
        return None
    found = np.linalg.solve(expected, np.array([within_units, within_raters, many * squares]))
    return Components(*(max(0.0, float(one)) for one in found))


def backfit(votes: Crossed, variances: Components) -> tuple[Floats, Floats]:
    """The effects of units and of raters around the mean: the best linear unbiased predictors with these variances.

    Each in turn is the shrunk mean of what the other leaves, the common mean found anew with it (or the sweeps would creep), until
    nothing moves; `rest` must be above 0.
    """
    value = votes.value - votes.value.mean()
    units, raters = np.bincount(votes.unit), np.bincount(votes.rater)
    unit, rater = np.zeros(len(units)), np.zeros(len(raters))
    close = CLOSE * float(np.std(value))
    for _ in range(SWEEPS):
        before = rater
        unit = _shrunk(votes.unit, units, value - rater[votes.rater], variances.units, variances.rest)
        rater = _shrunk(votes.rater, raters, value - unit[votes.unit], variances.raters, variances.rest)
        if np.max(np.abs(rater - before)) <= close:
            break
    return unit, rater


def _shrunk(label: Ints, size: Ints, value: Floats, own: float, rest: float) -> Floats:
    """The effect of each label, drawn towards the mean of all by what it is worth."""
    weight = size / (size * own + rest)
    mean = np.bincount(label, value, len(size)) / np.maximum(size, 1)
    return np.asarray(own * weight * (mean - weight @ mean / weight.sum()))


def _explained(label: Ints, size: Floats, value: Floats) -> float:
    total = np.bincount(label, value, len(size))
    return float((total**2 / np.maximum(size, 1.0)).sum())


def _share_of_several(votes: Crossed) -> float:
    """Of all raters, those who rated two units or more."""
    if not len(votes.value):
        return 0.0
    wide = int(np.max(votes.unit)) + 1
    pairs = np.unique(votes.rater * wide + votes.unit)
    units = np.bincount(pairs // wide)
    return float(np.mean(units[units > 0] > 1))
