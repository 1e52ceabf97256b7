"""Places in a peer group: how sure they are, from joint draws of the true values.

A draw takes tau, then the group's mean, then every true value, so places answer the joint question (Goldstein & Spiegelhalter
1996, J R Stat Soc A 159:385-443; Lin, Louis, Paddock & Ridgeway 2006, Bayesian Anal 1:915-946: the expected place is the
best single number under squared loss, being in the top needs its own probability). Where a probability about one unit is
wanted, its own value is integrated exactly given the draw of all others (Rao-Blackwell): no coin is tossed twice, and the
same draws answer "what if these answers were not there".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from scoring.evaluations import Floats, Ints
from scoring.pooling import Posterior

__all__ = ["Draws", "Places", "draw", "p_top_given", "places", "top_places"]


@dataclass(frozen=True)
class Draws:
    """M joint draws for the J peers of one group. `estimate` and `variance` are the peers' own, all else is M or M x J.

    `rank` is 1 for the best. `last_in` and `first_out` are the values at the edge of the top in each draw.
    """

    estimate: Floats
    variance: Floats
    tau: Floats
    mu: Floats
    rank: Ints
    last_in: Floats
    first_out: Floats
    middle: Floats  # the median of each unit's peers, without itself
    top: int


@dataclass(frozen=True)
class Places:
    """For each of the J peers."""

    expected: Floats
    low: Ints
    high: Ints
    p_top: Floats
    p_above: Floats


def top_places(peers: int, share: float) -> int:
    """How many places the top has: the share of the peers rounded down, at least one."""
    return max(1, math.floor(share * peers + 1e-9))


def draw(posterior: Posterior, peers: Ints, *, share: float, draws: int, rng: np.random.Generator) -> Draws:
    """Draw the true values of these units of one group; at least two peers."""
    estimate, variance = posterior.estimate[peers], posterior.variance[peers]
    group = posterior.group[peers[0]]
    # Systematic draws of tau: every part of its posterior comes up as often as it should.
    at = np.searchsorted(np.cumsum(posterior.weight), (np.arange(draws) + rng.random()) / draws)
    at = np.minimum(at, len(posterior.tau) - 1)
    mu = posterior.mu_mean[at, group] + np.sqrt(posterior.mu_variance[at, group]) * rng.standard_normal(draws)
    # At tau = 0 all are equal and the order of the columns would decide: a thousandth of a standard error breaks the tie.
    tau = np.maximum(posterior.tau[at], 1e-3 * np.sqrt(np.median(variance)))
    mean, sd = _conditional(estimate, variance, tau[:, None], mu[:, None])
    theta = mean + sd * rng.standard_normal((draws, len(peers)))
    order = np.argsort(-theta, axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(1, len(peers) + 1)[None, :], axis=1)
    sorted_theta = np.take_along_axis(theta, order, axis=1)
    top = top_places(len(peers), share)
    return Draws(
        estimate=estimate,
        variance=variance,
        tau=tau,
        mu=mu,
        rank=rank,
        last_in=sorted_theta[:, top - 1],
        first_out=sorted_theta[:, top],
        middle=_median_of_others(sorted_theta, rank),
        top=top,
    )


def places(drawn: Draws, *, level: float) -> Places:
    """Expected places, the ranges that hold a place with probability `level`, P(top), P(above the median of its peers)."""
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(drawn.rank, [tail, 1.0 - tail], axis=0, method="inverted_cdf")
    mean, sd = _conditional(drawn.estimate, drawn.variance, drawn.tau[:, None], drawn.mu[:, None])
    return Places(
        expected=drawn.rank.mean(axis=0),
        low=low.astype(np.int64),
        high=high.astype(np.int64),
        p_top=ndtr((mean - _edge(drawn, slice(None))) / sd).mean(axis=0),
        p_above=ndtr((mean - drawn.middle) / sd).mean(axis=0),
    )


def p_top_given(drawn: Draws, peer: int, estimate: Floats, variance: Floats) -> Floats:
    """P(top) of one peer had its estimate and variance been these; tau, mu and all others stay as drawn.

    Parameters are of length C; infinite variance (nothing would be left of its answers) gives 0: no evidence, no claim.
    """
    edge = _edge(drawn, slice(peer, peer + 1))
    known = np.isfinite(variance)
    result = np.zeros(len(estimate))
    mean, sd = _conditional(estimate[known], variance[known], drawn.tau[:, None], drawn.mu[:, None])
    result[known] = ndtr((mean - edge) / sd).mean(axis=0)
    return result


def _conditional(estimate: Floats, variance: Floats, tau: Floats, mu: Floats) -> tuple[Floats, Floats]:
    share = variance / (variance + tau**2)
    return share * mu + (1.0 - share) * estimate, np.sqrt((1.0 - share) * variance)


def _edge(drawn: Draws, peers: slice) -> Floats:
    """The value a unit must exceed to be in the top, seen from outside itself."""
    inside = drawn.rank[:, peers] <= drawn.top
    return np.where(inside, drawn.first_out[:, None], drawn.last_in[:, None])


def _median_of_others(sorted_theta: Floats, rank: Ints) -> Floats:
    others = sorted_theta.shape[1] - 1

    def at(position: int) -> Floats:
        """The value at this position (0 is best) among the others: one further back for those who stand before it."""
        here, next_one = sorted_theta[:, position, None], sorted_theta[:, position + 1, None]
        return np.where(position < rank - 1, here, next_one)

    return 0.5 * (at((others - 1) // 2) + at(others // 2))
