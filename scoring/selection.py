"""Which evaluations have a say, and over which quarters.

An evaluation counts if its survivor is on the programme's roll, no reviewer holds or rejected it, it was not taken by the
provider's own office, and its quarter is in the window. A red flag is heard also where the score is not (on hold, taken by
the own office), but not from a rejected evaluation or from somebody who is not on the roll: anybody could stop a
recognition then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring import quarters
from scoring.evaluations import Bools, Evaluations, Floats, Ints, factor
from scoring.items import composites
from scoring.settings import Settings

__all__ = ["Heard", "select"]


@dataclass(frozen=True)
class Heard:
    """The evaluations that have a say, in the order of their ids. `value` is the composite, nan where only a red flag is heard."""

    evaluations: Evaluations
    value: Floats
    flagged: Bools
    window: tuple[str, ...]  # oldest quarter first; empty if nothing counts and no quarter was asked for
    survivors: tuple[str, ...]  # their pseudonyms, sorted
    survivor: Ints  # of each evaluation, numbered as in `survivors`
    quarter: Ints  # numbered as in `window`
    collector: Ints  # -1: none is named
    day: Ints  # -1: no longer known


def select(evaluations: Evaluations, settings: Settings, *, as_of: str | None) -> Heard:
    """What is heard in the window that ends with `as_of`, by default the last quarter in which an evaluation counts."""
    on_the_roll = evaluations.verified & np.not_equal(evaluations.survivor, None).astype(bool)
    allowed = ("approved",) if settings.require_approved else ("none", "approved")
    counts = on_the_roll & np.isin(evaluations.review.astype(str), allowed) & ~evaluations.own_office
    flagged = on_the_roll & (evaluations.review != "rejected")
    flagged &= np.array([bool(names) for names in evaluations.flags], dtype=bool)
    window = _window(evaluations, counts, as_of, settings)
    rows = np.flatnonzero((counts | flagged) & _inside(evaluations, window))
    rows = rows[np.argsort(evaluations.evaluation[rows], kind="stable")]
    heard, scored = evaluations.take(rows), counts[rows]
    value = np.full(len(heard), np.nan)
    value[scored] = composites(heard.take(scored), settings)
    survivors, survivor = factor(heard.survivor)
    return Heard(
        evaluations=heard,
        value=value,
        flagged=flagged[rows],
        window=window,
        survivors=survivors,
        survivor=survivor,
        quarter=_quarters(heard, window),
        collector=factor(heard.collector)[1],
        day=factor(heard.day)[1],
    )


def _quarters(evaluations: Evaluations, window: tuple[str, ...]) -> Ints:
    labels, label = factor(evaluations.quarter)
    place = [quarters.number(name) - quarters.number(window[0]) for name in labels]
    return np.array(place, dtype=np.int64)[label]


def _window(
    evaluations: Evaluations, counts: Bools, as_of: str | None, settings: Settings
) -> tuple[str, ...]:
    if as_of is None and not counts.any():
        return ()
    last = as_of if as_of is not None else max(evaluations.quarter[counts].tolist())
    return quarters.window(last, length=settings.quarters)


def _inside(evaluations: Evaluations, window: tuple[str, ...]) -> Bools:
    numbers = {quarters.number(label) for label in window}
    labels = evaluations.quarter.tolist()
    recent = {label for label in set(labels) if quarters.number(label) in numbers}
    return np.array([label in recent for label in labels], dtype=bool)
