"""Grades differ only where it is sure enough, and no other grading of the same units would be better."""

from __future__ import annotations

from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.evaluations import Ints
from scoring.grades import cost_of, graded, grades_of
from scoring.pooling import HalfNormal, Posterior, pool

# Every way to put five units into grades, ties allowed: 541 of them.
ALL_GRADINGS = np.array(
    [ranks for ranks in product(range(5), repeat=5) if set(ranks) == set(range(max(ranks) + 1))]
)
APART = ALL_GRADINGS[:, :, None] < ALL_GRADINGS[:, None, :]

pairs = st.tuples(st.floats(0, 100), st.floats(1, 30))


def posterior(many: list[tuple[float, float]]) -> Posterior:
    estimate, se = np.array(many).T
    return pool(estimate, se**2, tau=HalfNormal(15.0))


def everyone(many: list[tuple[float, float]]) -> Ints:
    return np.arange(len(many))


@pytest.mark.parametrize("penalty", [0.1, 0.25, 0.5, 1.0])
def test_no_other_grading_of_five_units_costs_less(penalty: float) -> None:
    """Errors of 3 and 25: of whom little is known, the best grade may not be the one of its neighbours in place."""
    assert len(ALL_GRADINGS) == 541
    rng = np.random.default_rng(0)
    for _ in range(100):
        se = rng.choice([3.0, 6.0, 25.0], 5)
        estimate = rng.normal(50.0, 15.0, 5) + se * rng.standard_normal(5)
        many = list(zip(estimate.tolist(), se.tolist(), strict=True))
        pi = posterior(many).exceeds(everyone(many))
        cost = cost_of(pi, penalty)
        least = (APART * cost).sum(axis=(1, 2)).min()
        grade = graded(pi, penalty=penalty).grade
        assert cost[grade[:, None] < grade].sum() == pytest.approx(least, abs=1e-9)


def test_two_units_are_set_apart_from_four_in_five_on() -> None:
    for sure, grades in ((0.79, [1, 1]), (0.81, [1, 2])):
        assert graded(np.array([[0.5, sure], [1 - sure, 0.5]])).grade.tolist() == grades


def test_lambda_0_sets_nobody_apart_and_lambda_1_ranks_all() -> None:
    many = [(40.0, 5.0), (50.0, 5.0), (60.0, 5.0), (61.0, 5.0)]
    pi = posterior(many).exceeds(everyone(many))
    assert graded(pi, penalty=0.0).grade.tolist() == [1, 1, 1, 1]
    assert graded(pi, penalty=1.0).grade.tolist() == [4, 3, 2, 1]


def test_a_lambda_beyond_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lambda is 1\.5; it must lie in \[0, 1\]"):
        graded(np.full((2, 2), 0.5), penalty=1.5)


def test_discordance_and_tau_are_what_the_grades_of_two_promise() -> None:
    found = graded(np.array([[0.5, 0.9], [0.1, 0.5]]))
    assert found.discordance == pytest.approx(0.1)
    assert found.tau == pytest.approx(0.8)


def test_a_pair_is_apart_only_if_every_shape_says_so() -> None:
    sure, unsure = np.array([[0.5, 0.9], [0.1, 0.5]]), np.array([[0.5, 0.7], [0.3, 0.5]])
    assert graded(sure).grade.tolist() == [1, 2]
    assert graded(sure, unsure).grade.tolist() == [1, 1]


@settings(max_examples=40, deadline=None)
@given(st.lists(pairs, min_size=8, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_units_does_not_matter_to_their_grades(
    many: list[tuple[float, float]], random: Random
) -> None:
    order = np.arange(len(many))
    random.shuffle(order)  # type: ignore[arg-type]
    pi = posterior(many).exceeds(everyone(many))
    straight, mixed = graded(pi), graded(pi[np.ix_(order, order)])
    assert mixed.tau == pytest.approx(straight.tau, abs=1e-9)
    assert mixed.discordance == pytest.approx(straight.discordance, abs=1e-9)


def test_pairs_of_equals_are_a_coin_also_where_nothing_differs() -> None:
    many = [(50.0, 5.0)] * 8
    alike = posterior(many)
    assert alike.exceeds(everyone(many)) == pytest.approx(np.full((8, 8), 0.5))
    assert alike.shape.exceeds(everyone(many)) == pytest.approx(np.full((8, 8), 0.5))
    assert grades_of(alike, everyone(many)).grade.tolist() == [1] * 8


def test_chances_of_pairs_add_up_and_agree_with_draws() -> None:
    rng = np.random.default_rng(2)
    estimate, se = rng.normal(60, 10, 12), 20 / np.sqrt(rng.integers(3, 30, 12))
    many = list(zip(estimate.tolist(), se.tolist(), strict=True))
    one = posterior(many)
    pi = one.exceeds(everyone(many))
    assert pi + pi.T == pytest.approx(np.ones((12, 12)))
    assert one.shape.exceeds(everyone(many)).diagonal() == pytest.approx(np.full(12, 0.5))
    at = rng.choice(len(one.tau), p=one.weight, size=40_000)
    mu = one.mu_mean[at, 0] + np.sqrt(one.mu_variance[at, 0]) * rng.standard_normal(40_000)
    share = one.variance / (one.variance + one.tau[at, None] ** 2)
    theta = share * mu[:, None] + (1 - share) * estimate
    theta += np.sqrt((1 - share) * one.variance) * rng.standard_normal(theta.shape)
    drawn = (theta[:, :, None] > theta[:, None, :]).mean(axis=0)
    apart = ~np.eye(12, dtype=bool)
    assert pi[apart] == pytest.approx(drawn[apart], abs=0.012)
