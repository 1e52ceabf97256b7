"""Cells: count, sum and sum of squares of the votes of one unit, mode and quarter.

Everything the model needs is a sum of cells, so cells of two stores or two periods can be added. The within deviation is
pooled over the units of a role, never a unit's own: with two or three votes a unit's own deviation gives 90 % intervals
that cover 67-73 %, and three equal answers would be certainty. It is moderated by a prior worth a few observations (Smyth
2004, Stat Appl Genet Mol Biol 3:3, with the planning deviation as prior), which matters only before the first votes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from scoring.columns import Floats, Ints, grouped
from scoring.votes import Votes

__all__ = ["BOTH", "INTERVIEWED", "IN_CHAT", "Cells", "add", "cells_of", "over_quarters", "pooled_variance"]

IN_CHAT, INTERVIEWED, BOTH = 0, 1, 2
"""The mode of a vote: her own answers in the chat, answers to an enumerator, repeats in both."""


@dataclass(frozen=True)
class Cells:
    """C cells, sorted by unit, mode and quarter, each combination once."""

    unit: Ints
    mode: Ints
    quarter: Ints
    n: Floats
    total: Floats
    squares: Floats


def cells_of(votes: Votes) -> Cells:
    """The cells of these votes."""
    mode = np.select([votes.interviewed == 0, votes.interviewed == 1], [IN_CHAT, INTERVIEWED], BOTH)
    return _merged(Cells(votes.unit, mode, votes.quarter, np.ones(len(votes)), votes.value, votes.value**2))


def add(left: Cells, right: Cells) -> Cells:
    """The cells of both; units and quarters must be numbered alike."""
    return _merged(
        Cells(**{name: np.concatenate([column, getattr(right, name)]) for name, column in vars(left).items()})
    )


def over_quarters(cells: Cells) -> Cells:
    """The cells of the whole window, every quarter with equal weight for each vote."""
    return _merged(replace(cells, quarter=np.zeros_like(cells.quarter)))


def _merged(cells: Cells) -> Cells:
    """Each combination of unit, mode and quarter once, sorted."""
    deep = int(np.max(cells.quarter, initial=0)) + 1
    groups = grouped((cells.unit * 3 + cells.mode) * deep + cells.quarter)
    keys = groups.key
    return Cells(
        unit=keys // (3 * deep),
        mode=keys // deep % 3,
        quarter=keys % deep,
        n=np.add.reduceat(cells.n[groups.order], groups.starts),
        total=np.add.reduceat(cells.total[groups.order], groups.starts),
        squares=np.add.reduceat(cells.squares[groups.order], groups.starts),
    )


def pooled_variance(cells: Cells, role: Ints, roles: int, *, prior_sd: float, prior_df: float) -> Floats:
    """The variance of one vote around its unit's mean in its mode, per role.

    `role` numbers the role of each unit. A role with few votes leans on all roles, all roles on the prior, each with the
    weight of `prior_df` observations; `prior_df = 0` is the plain pooled variance (nan without a degree of freedom).
    """
    window = over_quarters(cells)
    inside = np.maximum(window.squares - window.total**2 / window.n, 0.0)
    of_role = role[window.unit]
    squares = np.bincount(of_role, inside, minlength=roles)
    df = np.bincount(of_role, window.n - 1.0, minlength=roles)
    with np.errstate(invalid="ignore"):
        overall = (prior_df * prior_sd**2 + squares.sum()) / (prior_df + df.sum())
        return np.asarray((prior_df * overall + squares) / (prior_df + df))
