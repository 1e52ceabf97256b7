"""Confidence sets of places keep what they promise and hang together as their definition says."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.evaluations import Floats
from scoring.rank_sets import PlaceSets, best_set, marginal_sets, simultaneous_sets

tables = st.lists(st.tuples(st.floats(0, 100), st.floats(0.5, 20)), min_size=2, max_size=12).map(
    lambda pairs: (np.array([one for one, _ in pairs]), np.array([other for _, other in pairs]))
)


def together(estimate: Floats, se: Floats, level: float = 0.9) -> PlaceSets:
    return simultaneous_sets(estimate, se, level=level, rng=np.random.default_rng(1), draws=300)


def alone(estimate: Floats, se: Floats, level: float = 0.9) -> PlaceSets:
    return marginal_sets(estimate, se, level=level, rng=np.random.default_rng(1), draws=300)


@settings(max_examples=60, deadline=None)
@given(tables)
def test_the_place_of_the_estimate_lies_in_its_sets_and_simultaneous_are_never_narrower(
    table: tuple[Floats, Floats],
) -> None:
    estimate, se = table
    wide, narrow = together(estimate, se), alone(estimate, se)
    best_place = 1 + (estimate[:, None] < estimate).sum(axis=1)
    worst_place = len(se) - (estimate[:, None] > estimate).sum(axis=1)
    assert (narrow.low <= best_place).all()
    assert (narrow.high >= worst_place).all()
    assert (wide.low <= narrow.low).all()
    assert (wide.high >= narrow.high).all()


@settings(max_examples=40, deadline=None)
@given(tables)
def test_more_certainty_needs_wider_sets(table: tuple[Floats, Floats]) -> None:
    surer, less_sure = together(*table, level=0.99), together(*table, level=0.5)
    assert (surer.low <= less_sure.low).all()
    assert (surer.high >= less_sure.high).all()


@settings(max_examples=40, deadline=None)
@given(tables)
def test_the_best_set_holds_at_least_k_grows_with_k_and_the_best_estimate_is_in_it(
    table: tuple[Floats, Floats],
) -> None:
    estimate, se = table
    before = np.zeros(len(se), dtype=bool)
    for best in range(1, len(se) + 1):
        now = best_set(estimate, se, best, level=0.9, rng=np.random.default_rng(1), draws=200)
        assert now.sum() >= best
        assert now[np.argmax(estimate)]
        assert (now | ~before).all()
        before = now
    assert before.all()


@settings(max_examples=25, deadline=None)
@given(tables, st.floats(-50, 50), st.floats(0.1, 9))
def test_moving_or_stretching_the_scale_changes_no_set(
    table: tuple[Floats, Floats], shift: float, factor: float
) -> None:
    estimate, se = np.round(table[0]), table[1]
    here, there = together(estimate, se), together(estimate * factor + shift, se * factor)
    # a difference that lies on the bar to the last digit may fall on either side
    assert (here.low != there.low).sum() + (here.high != there.high).sum() <= 1


@settings(max_examples=25, deadline=None)
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_the_units_does_not_matter(table: tuple[Floats, Floats], random: Random) -> None:
    estimate, se = table
    order = np.arange(len(se))
    random.shuffle(order)  # type: ignore[arg-type]
    straight, mixed = together(estimate, se), together(estimate[order], se[order])
    assert mixed.low.tolist() == straight.low[order].tolist()
    assert mixed.high.tolist() == straight.high[order].tolist()


def test_clear_differences_give_one_place_each_and_none_gives_all_places() -> None:
    clear = together(np.arange(6) * 100.0, np.ones(6))
    assert clear.low.tolist() == clear.high.tolist() == [6, 5, 4, 3, 2, 1]
    equal = together(np.full(6, 50.0), np.ones(6))
    assert equal.low.tolist() == [1] * 6
    assert equal.high.tolist() == [6] * 6


def test_for_two_units_the_bar_is_the_quantile_of_the_normal() -> None:
    """One pair: |difference| / error beyond the two-sided .90 quantile 1.645 is significant, and nothing below it."""
    for student, apart in ((1.55, False), (1.75, True)):
        estimate = np.array([0.0, student * np.sqrt(2.0)])
        found = simultaneous_sets(estimate, np.ones(2), level=0.9, rng=np.random.default_rng(1), draws=20_000)
        assert (found.low.tolist(), found.high.tolist()) == (([2, 1], [2, 1]) if apart else ([1, 1], [2, 2]))


@pytest.mark.parametrize("gap", [0.0, 1.0, 4.0])
def test_simultaneous_sets_hold_all_true_places_as_often_as_promised(gap: float) -> None:
    """300 worlds; with ties in truth a unit may have any place among its equals, and its set must hold them all."""
    rng = np.random.default_rng(5)
    truth, se = gap * np.arange(6.0), rng.uniform(0.5, 3.0, 6)
    best_place = 1 + (truth[:, None] < truth).sum(axis=1)
    worst_place = 6 - (truth[:, None] > truth).sum(axis=1)
    held = 0
    for _ in range(300):
        found = simultaneous_sets(truth + se * rng.standard_normal(6), se, level=0.9, rng=rng, draws=300)
        held += int((found.low <= best_place).all() and (found.high >= worst_place).all())
    assert held / 300 > 0.9 - 3 * np.sqrt(0.09 / 300)
