"""What one peer group's posterior says about each of its units: score, interval, place."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from scoring.estimates import Estimates, without_each
from scoring.evaluations import Floats
from scoring.peers import Fitted
from scoring.pooling import Posterior
from scoring.ranks import draw, p_top_given, places
from scoring.records import Rating
from scoring.settings import Settings

__all__ = ["with_results"]


def with_results(
    ratings: dict[int, Rating], group: Fitted, estimates: Estimates, settings: Settings, *, seed: int
) -> dict[int, Rating]:
    """The ratings of a group's units (by unit number) with what is known of them beside their peers."""
    rated = {unit: replace(rating, area=group.area, peers=group.peers) for unit, rating in ratings.items()}
    if group.posterior is None or not group.peers:
        return rated
    rated = _with_scores(rated, group, group.posterior, settings)
    if group.peers < settings.peers:
        return rated
    return _with_places(rated, group, group.posterior, estimates, settings, seed=seed)


def _with_scores(
    ratings: dict[int, Rating], group: Fitted, posterior: Posterior, settings: Settings
) -> dict[int, Rating]:
    units, at = group.results
    tail = (1.0 - settings.level) / 2.0
    mean, low, high = (
        np.clip(values[at], 0.0, 100.0)
        for values in (posterior.mean, posterior.quantile(tail), posterior.quantile(1.0 - tail))
    )
    reliability = posterior.reliability[at]
    scored = {
        unit: replace(
            ratings[unit],
            score=float(mean[index]),
            score_low=float(low[index]),
            score_high=float(high[index]),
            reliability=float(reliability[index]),
        )
        for index, unit in enumerate(units.tolist())
    }
    return ratings | scored


def _with_places(
    ratings: dict[int, Rating],
    group: Fitted,
    posterior: Posterior,
    estimates: Estimates,
    settings: Settings,
    *,
    seed: int,
) -> dict[int, Rating]:
    units, at = group.results
    stream = _stream(seed, posterior.estimate[at], posterior.variance[at])
    drawn = draw(posterior, at, share=settings.top_share, draws=settings.draws, rng=stream)
    found = places(drawn, level=settings.level)
    placed = {}
    for index, unit in enumerate(units.tolist()):
        p_top = float(found.p_top[index])
        without = None
        # Only where it can decide: below these the unit fails already, and it is the most expensive question.
        if p_top >= settings.without_one and estimates.n[unit] >= settings.k_outward:
            without = float(np.min(p_top_given(drawn, index, *without_each(estimates, unit))))
        placed[unit] = replace(
            ratings[unit],
            place=float(found.expected[index]),
            place_low=int(found.low[index]),
            place_high=int(found.high[index]),
            p_top=p_top,
            p_above=float(found.p_above[index]),
            p_top_without_one=without,
        )
    return ratings | placed


def _stream(seed: int, estimate: Floats, variance: Floats) -> np.random.Generator:
    """A stream of its own for each set of estimates; rounded, so that the order of a sum does not change every draw."""
    content = np.round(np.concatenate([estimate, variance]), 9).tobytes()
    words = np.frombuffer(hashlib.sha256(content).digest(), dtype=np.uint32)
    return np.random.default_rng([seed, *words.tolist()])
