"""Each domain of indicators rated by itself: where somebody does well what others can learn from.

The same method as for the composite, with mode effects and deviations of the domain's own. Whether a result is a good practice
is for `scoring.lists` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scoring.estimates import estimates_of, modes_of
from scoring.levels import Level
from scoring.peers import fit
from scoring.records import DomainResult
from scoring.results import results_of
from scoring.selection import Heard
from scoring.settings import Settings

__all__ = ["domain_results"]


def domain_results(
    level: Level, heard: Heard, roles: Sequence[str], settings: Settings, *, seed: int
) -> list[dict[str, DomainResult]]:
    """For each unit of a level, domain -> result; nothing where too few answered. One domain alone is the composite: left out."""
    found: list[dict[str, DomainResult]] = [{} for _ in level.units]
    answered = {name: values for name, values in heard.domains.items() if not np.isnan(values).all()}
    if len(answered) < 2:
        return found
    for name, values in answered.items():
        own = replace(heard, value=values)
        modes = modes_of(level, own, roles, settings)
        estimates = estimates_of(level, own, modes, settings)
        for group in fit(level, estimates, settings):
            for unit, result in results_of(group, estimates, settings, seed=seed).items():
                found[unit][name] = DomainResult(
                    score=result["score"],
                    score_low=result["score_low"],
                    score_high=result["score_high"],
                    p_top=result.get("p_top"),
                    p_top_without_one=result.get("p_top_without_one"),
                )
    return found
