"""Leniency: some survivors answer more kindly about everybody than others do.

Where survivors rate several units, a unit's votes and a survivor's votes cross:

    vote = mean + unit_p + leniency_e + rest,   variances s2a, s2b, s2e

The variances come from three sums of squares (Gao & Owen 2017, Electron J Statist 11:1235-1296), the effects from backfitting
(Ghosh, Hastie & Owen 2022, Ann Statist 50:560-583, with their clubbing of the mean): both linear in the votes, where full maximum likelihood is not. On InstEval
(73,421 ratings) effects so found correlate .99999 with those of maximum likelihood (`docs/validation.md`).

Assumption: who rates whom does not depend on how good the unit is beyond what other raters say of it. It is used only where at
least a fifth of the survivors rated two units or more; an effect never moves a vote by more than ten points, so that a few
votes elsewhere cannot buy a good one here; and what remains unknown of each effect is carried into the standard error:

    s_p^2 = sum over its votes (s2e + v_j) / n_p^2,   v_j = s2b s2e / (s2e + (m_j - 1) s2b),   m_j votes of survivor j
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
    """For each rater how much to take off every vote (`effect`), and by how much a corrected vote's variance is less than
    a plain one's (`spread`, at most 1). Both are per rater number; `used` is False where the conditions are not met."""

    effect: Floats
    spread: Floats
    used: bool
    share: float  # of the raters, those with two units or more
    components: Components | None


def leniency(votes: Crossed, *, min_share: float, cap: float) -> Leniency:
    """The leniency of each rater, or none where fewer than `min_share` of the raters rated two units or more.

    Effects are cut at +-`cap` points.
    """
    raters = int(np.max(votes.rater, initial=-1)) + 1
    share = _share_of_several(votes)
    nothing = Leniency(np.zeros(raters), np.ones(raters), False, share, None)
    if share < min_share or not len(votes.value):
        return nothing
    found = components(votes)
    if found is None or found.raters <= 0.0 or found.rest <= 0.0:
        return nothing
    effect = backfit(votes, found)[1]
    given = np.bincount(votes.rater, minlength=raters)
    unknown = found.raters * found.rest / (found.rest + np.maximum(given - 1, 0) * found.raters)
    return Leniency(
        effect=np.clip(effect, -cap, cap),
        spread=(found.rest + unknown) / (found.rest + found.raters),
        used=True,
        share=share,
        components=found,
    )


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
