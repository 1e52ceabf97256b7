"""From one evaluation's indicators to one number on 0-100.

A *domain* is the mean of its indicators if at least half of those that apply were answered; the composite is the weighted mean
of the domains if at least half of the weight that applies is there. Which indicators apply depends on the role and the form
version: those which at least one in twenty such evaluations answered (a stray answer to another role's question does not
make it apply). Linear means, not top box: on 73,421 real ratings linear and ordinal estimates correlate .9993, while top box
at n = 10 has a reliability of .47 against .65.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scoring.columns import Floats, Ints
from scoring.evaluations import Evaluations
from scoring.settings import REST, Settings

__all__ = ["composites", "domains"]

APPLIES = 0.05
"""Share of a role's evaluations (in one form version) that must have answered an indicator for it to apply."""


def domains(names: Sequence[str], settings: Settings) -> dict[str, tuple[str, ...]]:
    """Which of these indicators belong to which domain; red flags belong to none, the unnamed ones to the rest."""
    rated = [name for name in names if name not in settings.red_flags]
    named = {name for members in settings.domains.values() for name in members}
    rest = tuple(name for name in rated if name not in named)
    return {
        domain: rest if members == (REST,) else tuple(name for name in members if name in rated)
        for domain, members in settings.domains.items()
    }


def composites(evaluations: Evaluations, settings: Settings) -> Floats:
    """The composite of each evaluation, nan where too little was answered."""
    kind, kinds = _kinds(evaluations)
    total = np.zeros(len(evaluations))
    present = np.zeros(len(evaluations))
    applicable = np.zeros(len(evaluations))
    rows = np.bincount(kind, minlength=kinds)
    for domain, members in domains(tuple(evaluations.indicators), settings).items():
        if not members:
            continue
        weight = settings.weights.get(domain, 1.0)
        answers = np.array([evaluations.indicators[name] for name in members])
        answered = ~np.isnan(answers)
        applies = np.array([np.bincount(kind, row, minlength=kinds) >= APPLIES * rows for row in answered])
        applies = applies[:, kind] & answered.any(axis=1)[:, None]
        answered &= applies
        count, asked = answered.sum(axis=0), applies.sum(axis=0)
        enough = (count > 0) & (2 * count >= asked)
        mean = np.where(answered, answers, 0.0).sum(axis=0) / np.maximum(count, 1)
        total += np.where(enough, weight * mean, 0.0)
        present += np.where(enough, weight, 0.0)
        applicable += np.where(asked > 0, weight, 0.0)
    complete = (present > 0) & (2 * present >= applicable)
    return np.where(complete, total / np.where(present > 0, present, 1.0), np.nan)


def _kinds(evaluations: Evaluations) -> tuple[Ints, int]:
    """Evaluations which were asked the same questions: same role, same form version."""
    role, version = evaluations.role, evaluations.form_version
    kinds = len(role.labels) * len(version.labels)
    return role.code * len(version.labels) + version.code, max(1, kinds)
