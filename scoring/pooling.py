"""What a unit's estimate is worth beside those of its peers: the normal-normal model with the between deviation integrated out.

    estimate_j ~ N(theta_j, variance_j),   theta_j ~ N(mu_g, tau^2),   tau ~ its prior,   mu_g ~ flat or normal

Given tau everything is normal, so the posterior is a mixture over a grid of tau: exact up to the grid, deterministic, no
sampling (Gelman et al., Bayesian Data Analysis, section 5.4; the same quadrature as Röver's bayesmeta). A plug-in tau is not
used for ratings: with few peers it is often 0, and everybody would be called equal (eight schools: REML gives 0). Assumption:
the true values of a peer group are roughly normal around their mean; a wrong shape shows in P(theta > c) first (measured with
t3: promised .91, kept .84), in intervals hardly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.special import ndtr, ndtri

from scoring.deconvolution import Shape, deconvolve
from scoring.evaluations import Floats, Ints

__all__ = ["Flat", "HalfCauchy", "HalfNormal", "Known", "Normal", "Posterior", "pool"]

GRID = 201
NEGLIGIBLE = 25.0  # e^-25 of the highest density: what lies below cannot be seen in any result
ENOUGH = 80  # grid points in the part that matters; fewer: the grid is laid again over that part
CHUNK = 2_000_000  # numbers held at once: 16 MB


class TauPrior(Protocol):
    """A prior on the between deviation: its scale, and its log density up to a constant."""

    @property
    def scale(self) -> float: ...

    def log_density(self, tau: Floats) -> Floats: ...


@dataclass(frozen=True)
class HalfNormal:
    scale: float

    def log_density(self, tau: Floats) -> Floats:
        return -0.5 * (tau / self.scale) ** 2


@dataclass(frozen=True)
class HalfCauchy:
    scale: float

    def log_density(self, tau: Floats) -> Floats:
        return -np.log1p((tau / self.scale) ** 2)


@dataclass(frozen=True)
class Known:
    """Tau is given: plug-in estimates, and published shrinkage estimators."""

    tau: float


@dataclass(frozen=True)
class Flat:
    """Nothing is known about a group's mean."""


@dataclass(frozen=True)
class Normal:
    mean: float
    sd: float


@dataclass(frozen=True)
class Posterior:
    """The posterior of J true values in G groups, as a mixture over K values of tau.

    `tau` and `weight` have length K (weights sum to 1); `mu_mean` and `mu_variance` are K x G, given tau.
    """

    estimate: Floats
    variance: Floats
    group: Ints
    tau: Floats
    weight: Floats
    mu_mean: Floats
    mu_variance: Floats

    @property
    def tau_mean(self) -> float:
        return float(self.weight @ self.tau)

    @property
    def mu(self) -> Floats:
        """The mean of each group's mean (length G)."""
        return self.weight @ self.mu_mean

    @cached_property
    def mean(self) -> Floats:
        return self._over_chunks(lambda mean, _: mean @ self.weight)

    @cached_property
    def sd(self) -> Floats:
        def spread(mean: Floats, sd: Floats) -> Floats:
            middle = mean @ self.weight
            return np.sqrt((sd**2 + (mean - middle[:, None]) ** 2) @ self.weight)

        return self._over_chunks(spread)

    @cached_property
    def reliability(self) -> Floats:
        """Share of an estimate's variance which is true difference, `tau^2 / (tau^2 + variance)`, averaged over tau."""
        between = self.tau**2
        return np.array([self.weight @ (between / (between + variance)) for variance in self.variance])

    @cached_property
    def shape(self) -> Shape:
        """How the true values lie around the means of their groups, without the assumption that this is normal; J >= 2.

        Groups share it as they share tau: from the eight units of one group no shape could be seen.
        """
        return deconvolve(self.estimate - self.mu[self.group], self.variance)

    def above(self, threshold: float) -> Floats:
        """P(theta > threshold) for each unit."""
        return self._over_chunks(lambda mean, sd: ndtr((mean - threshold) / _positive(sd)) @ self.weight)

    def quantile(self, p: float, units: Ints | None = None) -> Floats:
        """The p-quantile of the posterior of these units (default: all), to 1e-9 of its probability."""
        return self._over_chunks(lambda mean, sd: _quantile(p, mean, sd, self.weight), units)

    def exceeds(self, units: Ints) -> Floats:
        """pi_ij = P(theta_i > theta_j) for all pairs of these units of one group; .5 on the diagonal and between equals.

        Given tau the difference is normal; the group's mean is the same for both, so its error moves the difference only as
        far as the two are shrunk differently.
        """
        result = np.zeros((len(units), len(units)))
        variance, group = self.variance[units], self.group[units[0]]
        for tau, weight, mu, unsure in zip(
            self.tau, self.weight, self.mu_mean[:, group], self.mu_variance[:, group], strict=True
        ):
            share = variance / (variance + tau**2)
            mean = share * mu + (1.0 - share) * self.estimate[units]
            own = (1.0 - share) * variance
            spread = own[:, None] + own + (share[:, None] - share) ** 2 * unsure
            result += weight * ndtr((mean[:, None] - mean) / np.sqrt(np.maximum(spread, 1e-24)))
        return result

    def components(self, units: Ints) -> tuple[Floats, Floats]:
        """Mean and deviation of these units' true values given each tau (units x K)."""
        variance = self.variance[units, None]
        group = self.group[units]
        share = variance / (variance + self.tau**2)
        mean = share * self.mu_mean[:, group].T + (1.0 - share) * self.estimate[units, None]
        return mean, np.sqrt((1.0 - share) * variance + share**2 * self.mu_variance[:, group].T)

    def _over_chunks(self, of: _OfComponents, units: Ints | None = None) -> Floats:
        units = np.arange(len(self.estimate)) if units is None else units
        step = max(1, CHUNK // len(self.tau))
        parts = [of(*self.components(units[start : start + step])) for start in range(0, len(units), step)]
        return np.concatenate(parts) if parts else np.zeros(0)


class _OfComponents(Protocol):
    def __call__(self, mean: Floats, sd: Floats, /) -> Floats: ...


def pool(
    estimate: Floats,
    variance: Floats,
    *,
    tau: HalfNormal | HalfCauchy | Known,
    mu: Flat | Normal | None = None,
    group: Ints | None = None,
) -> Posterior:
    """Pool J estimates with known variances (all > 0).

    `group` numbers the peer group of each (default: one group); groups share tau and have means of their own, each with the
    prior `mu` (default Flat). J must be at least 1.
    """
    group = np.zeros(len(estimate), dtype=np.int64) if group is None else group
    order = np.argsort(group, kind="stable")
    sums = _GroupSums(estimate[order], variance[order], group[order], Flat() if mu is None else mu)
    if isinstance(tau, Known):
        grid, weight = np.array([tau.tau]), np.ones(1)
    else:
        grid, weight = _grid(sums, tau)
    mean, mean_variance, _ = sums.at(grid)
    return Posterior(estimate, variance, group, grid, weight, mean, mean_variance)


class _GroupSums:
    """The sums over each group which the likelihood of tau and the group means are made of."""

    def __init__(self, estimate: Floats, variance: Floats, group: Ints, mu: Flat | Normal) -> None:
        self.variance = variance
        self.starts = np.flatnonzero(np.r_[True, np.diff(group) > 0])
        size = np.diff(np.r_[self.starts, len(group)])
        # Sums of squares are taken around each group's own middle: large numbers would cancel.
        self.middle = np.add.reduceat(estimate, self.starts) / size
        self.centred = estimate - np.repeat(self.middle, size)
        self.mu = mu
        self.typical_se = float(np.sqrt(np.median(variance)))
        self.reach = float(np.ptp(estimate))

    def at(self, tau: Floats) -> tuple[Floats, Floats, Floats]:
        """For each tau: the groups' means and their variances (K x G), and the log marginal likelihood (K)."""
        step = max(1, CHUNK // len(self.variance))
        parts = [self._at(tau[start : start + step]) for start in range(0, len(tau), step)]
        mean, variance, likelihood = (np.concatenate(part) for part in zip(*parts, strict=True))
        return mean, variance, likelihood

    def _at(self, tau: Floats) -> tuple[Floats, Floats, Floats]:
        weight = 1.0 / (self.variance + tau[:, None] ** 2)
        total = np.add.reduceat(weight, self.starts, axis=1)
        first = np.add.reduceat(weight * self.centred, self.starts, axis=1)
        second = np.add.reduceat(weight * self.centred**2, self.starts, axis=1)
        if isinstance(self.mu, Normal):
            precision, offset = self.mu.sd**-2.0, self.mu.mean - self.middle
            total = total + precision
            first = first + precision * offset
            second = second + precision * offset**2
        logs = 0.5 * np.log(weight).sum(axis=1) - 0.5 * np.log(total).sum(axis=1)
        likelihood = logs - 0.5 * (second - first**2 / total).sum(axis=1)
        return self.middle + first / total, 1.0 / total, likelihood


def _grid(sums: _GroupSums, prior: TauPrior) -> tuple[Floats, Floats]:
    """201 values of tau where the posterior is, and their weights.

    Laid evenly in log(1 + tau/se), which is dense near 0 and reaches far; laid again over the part that matters until
    enough points lie in it (with 10,000 units the posterior is a needle).
    """
    unit = sums.typical_se
    low, high = 0.0, float(np.log1p((50.0 * prior.scale + 10.0 * sums.reach) / unit))
    while True:
        at = np.linspace(low, high, GRID)
        tau = unit * np.expm1(at)
        density = sums.at(tau)[2] + prior.log_density(tau) + at  # + at: the grid is even in `at`, not in tau
        matters = np.flatnonzero(density > np.max(density) - NEGLIGIBLE)
        if len(matters) >= ENOUGH:
            break
        step = at[1] - at[0]
        low, high = max(0.0, at[matters[0]] - step), at[matters[-1]] + step
    weight = np.exp(density - np.max(density))
    weight[[0, -1]] *= 0.5  # the trapezium rule
    kept = weight > np.exp(-NEGLIGIBLE)
    return tau[kept], weight[kept] / weight[kept].sum()


def _quantile(p: float, mean: Floats, sd: Floats, weight: Floats) -> Floats:
    """Newton's steps on the mixture's distribution, kept inside a bracket that is halved where a step leaves it."""
    sd = _positive(sd)
    low, high = np.min(mean - 9.0 * sd, axis=1), np.max(mean + 9.0 * sd, axis=1)
    middle = mean @ weight
    at: Floats = middle + ndtri(p) * np.sqrt((sd**2 + (mean - middle[:, None]) ** 2) @ weight)
    for _ in range(100):
        z = (at[:, None] - mean) / sd
        miss = ndtr(z) @ weight - p
        if np.max(np.abs(miss)) < 1e-9:
            break
        low, high = np.where(miss < 0, at, low), np.where(miss < 0, high, at)
        slope = (np.exp(-0.5 * z**2) / sd) @ weight / np.sqrt(2.0 * np.pi)
        step = at - miss / np.maximum(slope, 1e-300)
        at = np.where((step > low) & (step < high), step, 0.5 * (low + high))
    return at


def _positive(sd: Floats) -> Floats:
    """At tau = 0 with a group mean that is known, a deviation is 0; the smallest number stands for it."""
    return np.maximum(sd, 1e-12)
