"""The shape of the true values behind noisy estimates, without assuming that it is normal.

Log-spline deconvolution (Efron 2016, Biometrika 103:1-20): on a fine support from the least to the greatest estimate the true
values have the density

    g(alpha) = exp(Q alpha) / sum(exp(Q alpha)),   Q a natural cubic spline with five degrees of freedom,

with alpha where `sum log (P g) - c |alpha|` is highest, P the normal density of each estimate around each support point. The
penalty c is chosen as Kline, Rose & Walters 2024 (Am Econ Rev 114:2472-2525) do: the mean and the deviation of g come as near as
possible to those of the true values by moments. Assumptions: estimates are normal around the true values, their standard
errors say nothing about the true values, and no true value lies beyond the estimates, which draws the outermost inwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import BSpline
from scipy.optimize import minimize, minimize_scalar

from scoring.evaluations import Floats, Ints

__all__ = ["Shape", "deconvolve", "natural_spline"]

SUPPORT = 301
DEGREES = 5
PENALTIES = (0.0, 0.1)  # where c is looked for, with columns of Q as long as on the authors' 5,000 points
AUTHORS_SUPPORT = 5000
ENOUGH = 1000  # units: five degrees of freedom need no more, and every one costs a row of the likelihood


@dataclass(frozen=True)
class Shape:
    """The prior `density` on the `support` (M, sums to 1), and the posterior of each of J units on it (`posterior`, J x M)."""

    support: Floats
    density: Floats
    posterior: Floats

    @property
    def mean(self) -> float:
        return float(self.support @ self.density)

    @property
    def sd(self) -> float:
        return float(np.sqrt(np.maximum((self.support - self.mean) ** 2 @ self.density, 0.0)))

    @cached_property
    def means(self) -> Floats:
        """The posterior mean of each unit."""
        return self.posterior @ self.support

    def exceeds(self, units: Ints) -> Floats:
        """pi_ij = P(theta_i > theta_j) for all pairs of these units; equal values count half, .5 on the diagonal."""
        posterior = self.posterior[units]
        result = posterior @ (posterior.cumsum(axis=1) - 0.5 * posterior).T
        return np.asarray(result + 0.5 * (1.0 - result - result.T))


def deconvolve(estimate: Floats, variance: Floats) -> Shape:
    """The shape behind J >= 2 estimates with known variances.

    Where all estimates are equal they are the shape: one point. Where they differ less than their errors alone would make them, no
    deviation can be matched and the penalty is at its greatest.
    """
    if np.ptp(estimate) == 0.0:
        return Shape(estimate[:1], np.ones(1), np.ones((len(estimate), 1)))
    support = np.linspace(np.min(estimate), np.max(estimate), SUPPORT)
    few = np.argsort(estimate, kind="stable")[:: max(1, len(estimate) // ENOUGH)]
    density = _Fit(support, estimate[few], variance[few]).density()
    posterior = _likelihood(support, estimate, variance) * density
    return Shape(support, density, posterior / posterior.sum(axis=1, keepdims=True))


def _likelihood(support: Floats, estimate: Floats, variance: Floats) -> Floats:
    """The density of each estimate around each support point; a row's factor is free, its nearest point has 1."""
    logs = -0.5 * (estimate[:, None] - support) ** 2 / variance[:, None]
    return np.asarray(np.exp(logs - np.max(logs, axis=1, keepdims=True)))


def natural_spline(at: Floats, degrees: int) -> Floats:
    """A natural cubic spline basis without intercept (len(at) x degrees): knots at the quantiles of `at`, straight beyond its ends.

    The cubic B-splines but the first, projected on those whose second derivative is 0 at both ends (de Boor, A Practical
    Guide to Splines).
    """
    low, high = float(np.min(at)), float(np.max(at))
    inner = np.quantile(at, np.linspace(0.0, 1.0, degrees + 1)[1:-1])
    knots = np.r_[[low] * 4, inner, [high] * 4]
    splines = BSpline(knots, np.eye(len(knots) - 4), 3)
    bent = splines.derivative(2)(np.array([low, high]))[:, 1:]
    rotation = np.linalg.qr(bent.T, mode="complete")[0]
    return np.asarray(splines(at)[:, 1:] @ rotation[:, 2:])


def _standardised(basis: Floats) -> Floats:
    centred = basis - basis.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).sum(axis=0) * AUTHORS_SUPPORT / len(basis)))


class _Fit:
    """The penalised likelihood of alpha, and the penalty that matches mean and deviation."""

    def __init__(self, support: Floats, estimate: Floats, variance: Floats) -> None:
        self.support = support
        self.basis = _standardised(natural_spline(support, DEGREES))
        self.likelihood = _likelihood(support, estimate, variance)
        many = len(estimate)
        self.target_mean = float(estimate.mean())
        spread = (estimate - self.target_mean) ** 2
        between = float(estimate.var(ddof=1) - variance.mean())
        self.target_sd = np.sqrt(between) if between > 0.0 else None
        # How sure the two moments are, and how they hang together, as the authors weigh them.
        across = -2.0 * float(spread @ variance) / many**2
        self.error = np.array(
            [
                [variance.sum() / many**2, across],
                [across, (2.0 * (variance**2).sum() + 4.0 * (spread - variance).sum()) / many**2],
            ]
        )
        self.alpha = self._normal_start(float(np.sqrt(max(between, 0.1 * float(estimate.var())))))

    def density(self) -> Floats:
        if self.target_sd is None:
            return self._at(PENALTIES[1])
        found = minimize_scalar(self._gap, bounds=PENALTIES, method="bounded", options={"xatol": 1e-4})
        return self._at(float(found.x))

    def _gap(self, penalty: float) -> float:
        density = self._at(penalty)
        mean = self.support @ density
        sd = np.sqrt(max(float((self.support - mean) ** 2 @ density), 0.0))
        off = np.array([mean - self.target_mean, self.target_sd - sd])
        return float(off @ np.linalg.pinv(self.error) @ off)

    def _at(self, penalty: float) -> Floats:
        """The density that is best with this penalty, looked for from where the last one was."""
        found = minimize(
            self._objective,
            self.alpha,
            args=(penalty,),
            jac=True,
            hess=self._curvature,
            method="trust-exact",
            options={"gtol": 1e-6, "maxiter": 100},
        )
        self.alpha = found.x
        return self._prior(found.x)

    def _prior(self, alpha: Floats) -> Floats:
        logs = self.basis @ alpha
        density = np.exp(logs - np.max(logs))
        return np.asarray(density / density.sum())

    def _objective(self, alpha: Floats, penalty: float) -> tuple[float, Floats]:
        density = self._prior(alpha)
        fitted = self.likelihood @ density
        size = float(np.sqrt(alpha @ alpha))
        value = -float(np.log(fitted).sum()) + penalty * size
        pulled = density * (self.likelihood.T @ (1.0 / fitted)) - len(fitted) * density
        slope = -self.basis.T @ pulled + penalty * alpha / max(size, 1e-12)
        return value, slope

    def _curvature(self, alpha: Floats, penalty: float) -> Floats:
        density = self._prior(alpha)
        fitted = self.likelihood @ density
        weight = density * (self.likelihood.T @ (1.0 / fitted)) - len(fitted) * density
        middles = (self.likelihood * density) @ self.basis / fitted[:, None]
        middle = density @ self.basis
        size = max(float(np.sqrt(alpha @ alpha)), 1e-12)
        curved = (self.basis.T * weight) @ self.basis
        curved += len(fitted) * np.outer(middle, middle) - middles.T @ middles
        return np.asarray(penalty * (np.eye(len(alpha)) - np.outer(alpha, alpha) / size**2) / size - curved)

    def _normal_start(self, sd: float) -> Floats:
        """The alpha nearest to a normal density: the search has a good beginning and no coin is tossed."""
        wanted = -0.5 * ((self.support - self.target_mean) / sd) ** 2
        return np.asarray(np.linalg.lstsq(self.basis, wanted - wanted.mean(), rcond=None)[0])
