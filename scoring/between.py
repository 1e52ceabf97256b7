"""Plug-in estimates of the between variance tau^2, for `pooling.Known`: how published analyses did it.

Ratings integrate tau out instead (`scoring.pooling`). With `variance` the known sampling variances and W = 1 / (variance + tau^2):
DerSimonian & Laird 1986 (Control Clin Trials 7:177-188) match Cochran's Q to its expectation; REML maximises the restricted
likelihood (Raudenbush & Bryk 1985); James & Stein's factor as Efron & Morris 1975 (JASA 70:311-319) use it for equal variances.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from scoring.evaluations import Floats

__all__ = ["dersimonian_laird", "james_stein", "reml"]


def dersimonian_laird(estimate: Floats, variance: Floats) -> float:
    """tau^2 by moments, not below 0."""
    weight = 1.0 / variance
    total = weight.sum()
    q = float((weight * (estimate - weight @ estimate / total) ** 2).sum())
    return max(0.0, (q - (len(estimate) - 1)) / float(total - (weight**2).sum() / total))


def reml(estimate: Floats, variance: Floats) -> float:
    """tau^2 where the restricted likelihood is highest: the root of its slope, or 0 if it falls from the start."""

    def slope(tau2: float) -> float:
        weight = 1.0 / (variance + tau2)
        total = weight.sum()
        rest = estimate - weight @ estimate / total
        return float(weight**2 @ rest**2 - total + (weight**2).sum() / total)

    if slope(0.0) <= 0.0:
        return 0.0
    return float(brentq(slope, 0.0, float(np.ptp(estimate)) ** 2 + 1.0, xtol=1e-14, rtol=1e-13))


def james_stein(estimate: Floats, variance: float) -> float:
    """The tau^2 with which pooling shrinks towards the mean by Efron and Morris' factor (k - 3) variance / S; k > 3.

    Infinite shrinkage (S at or below (k - 3) variance) is 0: the positive-part rule.
    """
    spread = float(((estimate - estimate.mean()) ** 2).sum())
    return max(0.0, spread / (len(estimate) - 3) - variance)
