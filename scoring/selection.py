"""Which evaluations have a say, and over which quarters.

An evaluation counts if its survivor is on the programme's roll, no reviewer holds or rejected it, it was not taken by the
provider's own office, and its quarter is in the window. A red flag is heard also where the score is not (on hold, taken by
the own office), but not from a rejected evaluation or from somebody who is not on the roll: anybody could stop a
recognition then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scoring import quarters
from scoring.columns import Bools, Floats, Ints
from scoring.evaluations import Evaluations
from scoring.items import scores
from scoring.settings import Settings

__all__ = ["Heard", "select"]


@dataclass(frozen=True)
class Heard:
    """The evaluations that have a say, in the order of their ids. `value` is the composite, nan where only a red flag is heard."""

    evaluations: Evaluations
    value: Floats
    domains: Mapping[str, Floats]  # the mean of each domain likewise
    flagged: Bools
    window: tuple[str, ...]  # oldest quarter first; empty if nothing counts and no quarter was asked for
    quarter: Ints  # of each evaluation, numbered as in `window`

    @property
    def survivors(self) -> tuple[str, ...]:
        """Their pseudonyms, sorted."""
        return self.evaluations.survivor.labels

    @property
    def survivor(self) -> Ints:
        """Of each evaluation, numbered as in `survivors`."""
        return self.evaluations.survivor.code

    @property
    def collector(self) -> Ints:
        """Of each evaluation; -1: none is named."""
        return self.evaluations.collector.code

    @property
    def day(self) -> Ints:
        """Of each evaluation; -1: no longer known."""
        return self.evaluations.day.code


def select(evaluations: Evaluations, settings: Settings, *, as_of: str | None) -> Heard:
    """What is heard in the window that ends with `as_of`, by default the last quarter in which an evaluation counts."""
    on_the_roll = evaluations.verified & (evaluations.survivor.code >= 0)
    allowed = ("approved",) if settings.require_approved else ("none", "approved")
    counts = on_the_roll & evaluations.review.isin(allowed) & ~evaluations.own_office
    flagged = on_the_roll & ~evaluations.review.equals("rejected") & (evaluations.flags.code >= 0)
    window = _window(evaluations, counts, as_of, settings)
    quarter = _quarters(evaluations, window)
    rows = np.flatnonzero((counts | flagged) & (quarter >= 0))
    rows = rows[np.argsort(evaluations.evaluation[rows], kind="stable")]
    heard, scored = evaluations.take(rows).compact(), counts[rows]
    found = scores(heard if scored.all() else heard.take(scored), settings)
    return Heard(
        evaluations=heard,
        value=_where(scored, found.composite),
        domains={name: _where(scored, values) for name, values in found.domains.items()},
        flagged=flagged[rows],
        window=window,
        quarter=quarter[rows],
    )


def _where(rows: Bools, values: Floats) -> Floats:
    """These values in these rows, nan in the others."""
    column = np.full(len(rows), np.nan)
    column[rows] = values
    return column


def _quarters(evaluations: Evaluations, window: tuple[str, ...]) -> Ints:
    """Each evaluation's quarter, numbered as in the window, -1 outside."""
    place = {quarters.number(label): index for index, label in enumerate(window)}
    labels = [place.get(quarters.number(label), -1) for label in evaluations.quarter.labels]
    return evaluations.quarter.recoded(np.array(labels, dtype=np.int64))


def _window(
    evaluations: Evaluations, counts: Bools, as_of: str | None, settings: Settings
) -> tuple[str, ...]:
    if as_of is None and not counts.any():
        return ()
    last = as_of if as_of is not None else evaluations.quarter.take(counts).compact().labels[-1]
    return quarters.window(last, length=settings.quarters)
