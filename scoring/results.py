"""What one peer group's posterior says about each of its units: score, interval, place."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

from scoring.estimates import Estimates, worst_without_one
from scoring.grades import grades_of
from scoring.peers import Fitted
from scoring.pooling import Posterior
from scoring.ranks import Draws, draw, p_top_given, places
from scoring.settings import Settings

__all__ = ["Result", "results_of"]


class Result(TypedDict, total=False):
    """The fields of a Rating that need a posterior; those of the place only where there are enough peers."""

    score: float
    score_low: float
    score_high: float
    reliability: float
    place: float
    place_low: int
    place_high: int
    p_top: float
    p_above: float
    p_top_without_one: float | None
    sure_with: int | None
    grade: str


MOST_GRADED = 400
"""Peers of a group up to which they are graded: every pair is compared, and a group larger than this wants to be divided anyway."""


def results_of(
    group: Fitted, estimates: Estimates, settings: Settings, *, seed: int, graded: bool = False
) -> dict[int, Result]:
    """Unit number -> result, for the units of a group that have one; with their grades (1 is best) if that is wanted."""
    if group.posterior is None or not group.peers:
        return {}
    results = _scores(group, group.posterior, settings)
    if group.peers >= settings.peers:
        _add_places(results, group, group.posterior, estimates, settings, seed=seed)
        units, at = group.results
        if graded and len(units) <= MOST_GRADED:
            grades = grades_of(group.posterior, at).grade
            for unit, grade in zip(units.tolist(), grades.tolist(), strict=True):
                results[unit]["grade"] = str(grade)
    return results


def _scores(group: Fitted, posterior: Posterior, settings: Settings) -> dict[int, Result]:
    units, at = group.results
    tail = (1.0 - settings.level) / 2.0
    mean, low, high = (
        np.clip(values, 0.0, 100.0)
        for values in (posterior.mean[at], posterior.quantile(tail, at), posterior.quantile(1.0 - tail, at))
    )
    reliability = posterior.reliability[at]
    return {
        unit: Result(
            score=float(mean[index]),
            score_low=float(low[index]),
            score_high=float(high[index]),
            reliability=float(reliability[index]),
        )
        for index, unit in enumerate(units.tolist())
    }


def _add_places(
    results: dict[int, Result],
    group: Fitted,
    posterior: Posterior,
    estimates: Estimates,
    settings: Settings,
    *,
    seed: int,
) -> None:
    """Put the places into `results`."""
    units, at = group.results
    # Every group draws the same numbers: no group depends on another, and one more answer does not throw all dice anew.
    stream = np.random.default_rng(seed)
    drawn = draw(posterior, at, share=settings.top_share, draws=settings.draws, rng=stream)
    found = places(drawn, level=settings.level)
    for index, unit in enumerate(units.tolist()):
        p_top = float(found.p_top[index])
        without = None
        # Only where it can decide: below these the unit fails already, and it is the most expensive question.
        if p_top >= settings.required_p(group.peers) and estimates.n[unit] >= settings.k_outward:
            without = float(np.min(p_top_given(drawn, index, *worst_without_one(estimates, unit))))
        results[unit] |= Result(
            place=float(found.expected[index]),
            place_low=int(found.low[index]),
            place_high=int(found.high[index]),
            p_top=p_top,
            p_above=float(found.p_above[index]),
            p_top_without_one=without,
            sure_with=None,
        )
        if p_top < settings.required_p(group.peers) and found.p_above[index] >= settings.level:
            results[unit]["sure_with"] = _sure_with(drawn, index, settings.required_p(group.peers))


def _sure_with(drawn: Draws, peer: int, required: float) -> int | None:
    """How many times the answers would be needed, were the others like those so far."""
    times = np.array([2.0, 4.0])
    p = p_top_given(drawn, peer, np.full(2, drawn.estimate[peer]), drawn.variance[peer] / times)
    enough = np.flatnonzero(p >= required)
    return int(times[enough[0]]) if len(enough) else None
