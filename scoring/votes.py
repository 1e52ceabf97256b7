"""Votes: what counts of the evaluations, one for each survivor, unit and quarter.

A survivor who evaluated one provider several times in a quarter has one vote, the mean of them. Votes of one survivor in
several quarters, and votes taken by one collector, are alike: the design effect `1 + (m - 1) rho` (Kish 1965) widens
the standard error accordingly, with `m` the size-weighted mean cluster size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scoring.columns import Bools, Floats, Ints, firsts, grouped
from scoring.columns import distinct as distinct_keys
from scoring.evaluations import ENUMERATOR
from scoring.selection import Heard

__all__ = ["Links", "Votes", "design_effect", "distinct", "votes_of"]


@dataclass(frozen=True)
class Links:
    """Pairs of a vote and a label (a collector, a day) that one of its evaluations carries."""

    vote: Ints
    label: Ints


@dataclass(frozen=True)
class Votes:
    """V votes in the order of unit, survivor, quarter; the evaluations of vote v stand in `rows` from `starts[v]` on."""

    unit: Ints
    survivor: Ints
    quarter: Ints  # as `Heard.window` numbers them
    value: Floats
    interviewed: Floats  # share of its evaluations that an enumerator took: 0 or 1 unless she used both ways
    collectors: (
        Links  # label -1: an enumerator who is not named; all such votes of a unit count as one collector's
    )
    days: Links
    rows: Ints
    starts: Ints

    def __len__(self) -> int:
        return len(self.unit)


def votes_of(heard: Heard, unit: Ints) -> Votes:
    """Collapse what is heard to votes. `unit` numbers whom each evaluation is about, -1 where that is nobody."""
    counts = np.flatnonzero((unit >= 0) & ~np.isnan(heard.value))
    wide, deep = max(1, len(heard.survivors)), max(1, len(heard.window))
    groups = grouped((unit[counts] * wide + heard.survivor[counts]) * deep + heard.quarter[counts])
    rows, vote = counts[groups.order], np.repeat(np.arange(len(groups)), groups.size)
    interviewed = heard.evaluations.mode.equals(ENUMERATOR)[rows]
    collector, day = heard.collector[rows], heard.day[rows]
    return Votes(
        unit=groups.key // (wide * deep),
        survivor=groups.key // deep % wide,
        quarter=groups.key % deep,
        value=np.add.reduceat(heard.value[rows], groups.starts) / groups.size,
        interviewed=np.add.reduceat(interviewed, groups.starts, dtype=np.float64) / groups.size,
        collectors=_links(vote, collector, interviewed),
        days=_links(vote, day, day >= 0),
        rows=rows,
        starts=groups.starts,
    )


def _links(vote: Ints, label: Ints, carries: Bools) -> Links:
    label, vote = label[carries], vote[carries]
    wide = int(np.max(label, initial=0)) + 2
    pairs = distinct_keys(vote * wide + label + 1)
    return Links(vote=pairs // wide, label=pairs % wide - 1)


def distinct(unit: Ints, label: Ints) -> tuple[Ints, Ints, Ints]:
    """The distinct pairs of unit and label, and how often each occurs."""
    wide = int(np.max(label, initial=0)) + 2
    keys = np.sort(unit * wide + label + 1)
    first = firsts(keys)
    pairs = keys[first]
    return pairs // wide, pairs % wide - 1, np.diff(np.r_[first, len(keys)])


def design_effect(votes: Votes, units: int, *, collector_rho: float | Floats, survivor_rho: float) -> Floats:
    """By how much the variance of each unit's mean is larger than with independent votes; 1 where it has no vote."""
    by_survivor, _, repeats = distinct(votes.unit, votes.survivor)
    by_collector, _, taken = distinct(votes.unit[votes.collectors.vote], votes.collectors.label)
    alone = np.ones(len(votes), dtype=bool)
    alone[votes.collectors.vote] = False
    singles = np.bincount(votes.unit[alone], minlength=units)
    return (
        1.0
        + survivor_rho * (_mean_size(by_survivor, repeats, np.zeros(units)) - 1.0)
        + collector_rho * (_mean_size(by_collector, taken, singles) - 1.0)
    )


def _mean_size(unit: Ints, size: Ints, singles: Floats | Ints) -> Floats:
    """The mean cluster size that a vote meets, per unit."""
    total = np.bincount(unit, size, minlength=len(singles)) + singles
    squares = np.bincount(unit, size.astype(float) ** 2, minlength=len(singles)) + singles
    return np.where(total > 0, squares / np.where(total > 0, total, 1.0), 1.0)
