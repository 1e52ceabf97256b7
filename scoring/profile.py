"""The mean of each indicator for each unit: what a rating is made of, without model and without mode effect."""

from __future__ import annotations

import numpy as np

from scoring.columns import firsts
from scoring.evaluations import Evaluations
from scoring.records import IndicatorMean
from scoring.votes import Votes

__all__ = ["profiles"]


def profiles(votes: Votes, evaluations: Evaluations, units: int) -> tuple[dict[str, IndicatorMean], ...]:
    """For each unit, indicator -> mean over its votes (repeats averaged first) and the distinct survivors who answered."""
    result: tuple[dict[str, IndicatorMean], ...] = tuple({} for _ in range(units))
    if not len(votes):
        return result
    # Votes are in the order of unit and survivor: a person's votes about a unit stand together.
    wide = int(np.max(votes.survivor)) + 1
    person = firsts(votes.unit * wide + votes.survivor)
    unit_of_person = votes.unit[person]
    repeats = len(votes.rows) > len(votes)
    for name, column in evaluations.indicators.items():
        total = column[votes.rows]
        spoke = ~np.isnan(total)
        if not spoke.all():
            total = np.where(spoke, total, 0.0)
        if repeats:
            answers = np.add.reduceat(spoke, votes.starts, dtype=np.int64)
            total = np.add.reduceat(total, votes.starts) / np.maximum(answers, 1)
            spoke = answers > 0
        counts = np.bincount(votes.unit, spoke, minlength=units)
        sums = np.bincount(votes.unit, total, minlength=units)
        people = np.bincount(unit_of_person, np.logical_or.reduceat(spoke, person), minlength=units)
        for index in np.flatnonzero(counts).tolist():
            result[index][name] = IndicatorMean(float(sums[index] / counts[index]), int(people[index]))
    return result
