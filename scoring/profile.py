"""The mean of each indicator for each unit: what a rating is made of, without model and without mode effect."""

from __future__ import annotations

import numpy as np

from scoring.columns import numbered
from scoring.evaluations import Evaluations
from scoring.records import IndicatorMean
from scoring.votes import Votes

__all__ = ["profiles"]


def profiles(votes: Votes, evaluations: Evaluations, units: int) -> tuple[dict[str, IndicatorMean], ...]:
    """For each unit, indicator -> mean over its votes (repeats averaged first) and the distinct survivors who answered."""
    result: tuple[dict[str, IndicatorMean], ...] = tuple({} for _ in range(units))
    pairs, person = numbered(votes.unit * (int(np.max(votes.survivor, initial=0)) + 1) + votes.survivor)
    unit_of_person = np.zeros(len(pairs), dtype=np.int64)
    unit_of_person[person] = votes.unit
    for name, column in evaluations.indicators.items():
        rows = (votes.row_vote >= 0) & ~np.isnan(column)
        answers = np.bincount(votes.row_vote[rows], minlength=len(votes))
        total = np.bincount(votes.row_vote[rows], column[rows], minlength=len(votes))
        spoke = answers > 0
        unit = votes.unit[spoke]
        counts = np.bincount(unit, minlength=units)
        sums = np.bincount(unit, total[spoke] / answers[spoke], minlength=units)
        people = np.bincount(
            unit_of_person[np.bincount(person[spoke], minlength=len(pairs)) > 0], minlength=units
        )
        for index in np.flatnonzero(counts):
            result[index][name] = IndicatorMean(float(sums[index] / counts[index]), int(people[index]))
    return result
