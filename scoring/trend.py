"""How a unit changed between two halves of the window: both true values pooled together, so that luck is not taken for change.

    (before_j, now_j) ~ N((theta1_j, theta2_j), S_j),   (theta1_j, theta2_j) ~ N((mu1, mu2), tau^2 [[1, rho], [rho, 1]])

Who was lucky once is worse the next time and who was unlucky better, without any change (regression to the mean); the
bivariate prior takes that out (Lin, Louis, Paddock & Ridgeway 2009, Health Serv Outcomes Res Methodol 9:22-38, compare pooled windows
likewise). tau and rho are integrated out on a grid, both means are flat. The error of the mode effect is common to both
halves: S_j carries it once (docs/decisions/0012). Assumption: rho >= 0, units of a role change independently.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from scoring.columns import Floats, Ints
from scoring.estimates import Estimates, worst_without_one
from scoring.records import Change
from scoring.settings import Settings

__all__ = ["Movements", "changes"]

TAUS, RHOS = 40, 20
CHUNK = 1_000_000  # numbers held at once
NEGLIGIBLE = 1e-7  # weight of a grid point that cannot be seen in any result


@dataclass(frozen=True)
class Movements:
    """The joint posterior of J units' changes: K grid points (tau, rho) with their weights, and the means given each."""

    before: Floats
    now: Floats
    before_variance: Floats
    now_variance: Floats
    shared: Floats  # covariance of the two estimates
    tau2: Floats
    rho: Floats
    weight: Floats
    mu: Floats  # K x 2
    mu_cov: Floats  # K x 3: variance before, covariance, variance now

    @classmethod
    def of(
        cls,
        before: Floats,
        now: Floats,
        before_variance: Floats,
        now_variance: Floats,
        *,
        shared: Floats | None = None,
        tau_prior_sd: float,
    ) -> Movements:
        """From two estimates of each unit with known sampling variances; at least two units."""
        shared = np.zeros(len(now)) if shared is None else shared
        unit = float(np.sqrt(np.median(np.r_[before_variance, now_variance])))
        reach = np.log1p((4.0 * tau_prior_sd) / unit)
        at, rho = np.meshgrid(
            (np.arange(TAUS) + 0.5) / TAUS * reach, (np.arange(RHOS) + 0.5) / RHOS, indexing="ij"
        )
        tau = unit * np.expm1(at.ravel())
        data = (before, now, before_variance, now_variance, shared)
        step = max(1, CHUNK // len(now))
        parts = [
            _given(data, tau[start : start + step] ** 2, rho.ravel()[start : start + step])
            for start in range(0, len(tau), step)
        ]
        mu, mu_cov, likelihood = (np.concatenate(part) for part in zip(*parts, strict=True))
        # The grid is even in log(1 + tau / unit): its spacing in tau belongs to the density.
        density = likelihood - 0.5 * (tau / tau_prior_sd) ** 2 + at.ravel()
        weight = np.exp(density - np.max(density))
        weight /= weight.sum()
        kept = weight > NEGLIGIBLE
        return cls(
            *data,
            tau2=tau[kept] ** 2,
            rho=rho.ravel()[kept],
            weight=weight[kept] / weight[kept].sum(),
            mu=mu[kept],
            mu_cov=mu_cov[kept],
        )

    def components(self, units: Ints) -> tuple[Floats, Floats]:
        """Mean and deviation of these units' changes given each grid point (units x K)."""
        return self._change(
            self.before[units], self.now[units], self.before_variance[units], self.now_variance[units], units
        )

    def above(self, threshold: float) -> Floats:
        """P(change > threshold) of each unit."""
        step = max(1, CHUNK // len(self.weight))
        every = np.arange(len(self.now))
        return np.concatenate(
            [self._above(threshold, *self.components(every[start : start + step])) for start in every[::step]]
        )

    def above_given(self, threshold: float, unit: int, now: Floats, variance: Floats) -> Floats:
        """P(change > threshold) of one unit had its estimate of now and its variance been these (length C); infinite
        variance gives 0."""
        known = np.isfinite(variance)
        result = np.zeros(len(now))
        units = np.full(int(known.sum()), unit)
        before, before_variance = self.before[units], self.before_variance[units]
        result[known] = self._above(
            threshold, *self._change(before, now[known], before_variance, variance[known], units)
        )
        return result

    def _above(self, threshold: float, mean: Floats, sd: Floats) -> Floats:
        given: Floats = ndtr((mean - threshold) / np.maximum(sd, 1e-12))
        return given @ self.weight

    def _change(
        self, before: Floats, now: Floats, before_variance: Floats, now_variance: Floats, units: Ints
    ) -> tuple[Floats, Floats]:
        a = before_variance[:, None] + self.tau2
        d = now_variance[:, None] + self.tau2
        o = self.shared[units, None] + self.tau2 * self.rho
        moved = self.tau2 * (1.0 - self.rho)  # half the prior variance of a change
        factor = moved / (a * d - o**2)
        on_before, on_now = -factor * (d + o), factor * (a + o)
        rest_before = before[:, None] - self.mu[:, 0]
        rest_now = now[:, None] - self.mu[:, 1]
        mean = self.mu[:, 1] - self.mu[:, 0] + on_before * rest_before + on_now * rest_now
        variance = moved * (2.0 - (on_now - on_before))
        k0, k1 = -1.0 - on_before, 1.0 - on_now
        v0, cov, v1 = self.mu_cov.T
        variance = variance + k0**2 * v0 + 2.0 * k0 * k1 * cov + k1**2 * v1
        return mean, np.sqrt(np.maximum(variance, 0.0))


def _given(data: tuple[Floats, ...], tau2: Floats, rho: Floats) -> tuple[Floats, Floats, Floats]:
    """For each grid point the means of both halves, their covariance, and the log marginal likelihood."""
    before, now, before_variance, now_variance, shared = data
    a = before_variance + tau2[:, None]
    d = now_variance + tau2[:, None]
    o = shared + (tau2 * rho)[:, None]
    det = a * d - o**2
    w00, w01, w11 = d / det, -o / det, a / det
    # Sums of squares are taken around the middle: large numbers would cancel.
    middle = np.array([before.mean(), now.mean()])
    y0, y1 = before - middle[0], now - middle[1]
    a00, a01, a11 = w00.sum(axis=1), w01.sum(axis=1), w11.sum(axis=1)
    b0, b1 = (w00 * y0 + w01 * y1).sum(axis=1), (w01 * y0 + w11 * y1).sum(axis=1)
    square = (w00 * y0**2 + 2.0 * w01 * y0 * y1 + w11 * y1**2).sum(axis=1)
    total = a00 * a11 - a01**2
    m0, m1 = (a11 * b0 - a01 * b1) / total, (a00 * b1 - a01 * b0) / total
    likelihood = -0.5 * (np.log(det).sum(axis=1) + np.log(total) + square - m0 * b0 - m1 * b1)
    mu = np.stack([m0, m1], axis=1) + middle
    return mu, np.stack([a11 / total, -a01 / total, a00 / total], axis=1), likelihood


def changes(before: Estimates, now: Estimates, role: Ints, settings: Settings) -> dict[int, Change]:
    """Unit number -> its change, for units with `k_outward` survivors in both halves and enough such peers in their role."""
    enough = (before.n >= settings.k_outward) & (now.n >= settings.k_outward)
    found: dict[int, Change] = {}
    for number in np.unique(role[enough]).tolist():
        units = np.flatnonzero(enough & (role == number))
        if len(units) >= settings.peers:
            found |= _of_role(before, now, units, settings)
    return found


def _of_role(before: Estimates, now: Estimates, units: Ints, settings: Settings) -> dict[int, Change]:
    # In the order of what they got: the result must not depend on how anybody is called.
    units = units[np.lexsort((np.round(before.estimate[units], 9), np.round(now.estimate[units], 9)))]
    moved = Movements.of(
        before.estimate[units],
        now.estimate[units],
        before.variance[units],
        now.variance[units],
        shared=before.interviewed[units] * now.interviewed[units] * now.mode_se[units] ** 2,
        tau_prior_sd=settings.tau_prior_sd,
    )
    better, clearly = moved.above(0.0), moved.above(settings.trend_clear)
    clearly_worse = 1.0 - moved.above(-settings.trend_clear)
    mean = moved.components(np.arange(len(units)))[0] @ moved.weight
    found = {}
    for index, unit in enumerate(units.tolist()):
        without = None
        if better[index] >= settings.trend_p and clearly[index] >= settings.trend_p_clear:
            cases = worst_without_one(now, unit)
            without = float(np.min(moved.above_given(settings.trend_clear, index, *cases)))
        found[unit] = Change(
            mean=float(mean[index]),
            p_better=float(better[index]),
            p_clearly_better=float(clearly[index]),
            p_clearly_worse=float(clearly_worse[index]),
            p_clearly_better_without_one=without,
        )
    return found
