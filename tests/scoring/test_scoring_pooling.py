"""Pooling draws an estimate towards its peers by what it is worth, and says how sure it is."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from scoring.evaluations import Floats
from scoring.pooling import Flat, HalfCauchy, HalfNormal, Known, Normal, Posterior, pool

estimates = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0.5, 900)),
    min_size=1,
    max_size=25,
).map(lambda pairs: (np.array([one for one, _ in pairs]), np.array([other for _, other in pairs])))


def rate_like(pair: tuple[Floats, Floats]) -> Posterior:
    return pool(pair[0], pair[1], tau=HalfNormal(15.0), mu=Normal(50.0, 15.0))


@settings(max_examples=60, deadline=None)
@given(estimates)
def test_a_score_lies_inside_its_interval(pair: tuple[Floats, Floats]) -> None:
    posterior = rate_like(pair)
    assert (posterior.quantile(0.05) < posterior.mean).all()
    assert (posterior.mean < posterior.quantile(0.95)).all()


@settings(max_examples=60, deadline=None)
@given(estimates)
def test_quantiles_and_tail_probabilities_say_the_same(pair: tuple[Floats, Floats]) -> None:
    posterior = rate_like(pair)
    high = posterior.quantile(0.95)
    above = [posterior.above(float(value))[index] for index, value in enumerate(high)]
    assert above == pytest.approx(np.full(len(high), 0.05), abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(estimates)
def test_a_score_lies_between_the_estimate_and_the_middle_of_the_group(pair: tuple[Floats, Floats]) -> None:
    posterior = pool(pair[0], pair[1], tau=Known(5.0))
    low, high = np.minimum(pair[0], posterior.mu[0]), np.maximum(pair[0], posterior.mu[0])
    assert (posterior.mean >= low - 1e-9).all()
    assert (posterior.mean <= high + 1e-9).all()


@settings(max_examples=30, deadline=None)
@given(estimates, st.randoms(use_true_random=False))
def test_the_order_of_the_units_does_not_matter(pair: tuple[Floats, Floats], random: Random) -> None:
    order = np.arange(len(pair[0]))
    random.shuffle(order)
    straight, mixed = rate_like(pair), rate_like((pair[0][order], pair[1][order]))
    assert mixed.mean == pytest.approx(straight.mean[order])
    assert mixed.quantile(0.05) == pytest.approx(straight.quantile(0.05)[order], abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(20, 80), min_size=8, max_size=20), st.floats(-10, 10))
def test_moving_everybody_moves_every_score_alike(values: list[float], shift: float) -> None:
    here = pool(np.array(values), np.full(len(values), 40.0), tau=HalfNormal(15.0))
    there = pool(np.array(values) + shift, np.full(len(values), 40.0), tau=HalfNormal(15.0))
    assert there.mean == pytest.approx(here.mean + shift, abs=1e-6)


def test_an_answer_equal_to_the_mean_makes_it_surer() -> None:
    values = np.linspace(40, 70, 12)
    for n in range(1, 30):
        fewer, more = (
            pool(values, np.r_[400.0 / count, np.full(11, 40.0)], tau=HalfNormal(15.0))
            for count in (n, n + 1)
        )
        assert more.sd[0] < fewer.sd[0]
        assert more.reliability[0] > fewer.reliability[0]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(1, 30)), min_size=7, max_size=20),
    st.integers(1, 30),
    st.floats(0, 100),
)
def test_an_answer_equal_to_the_mean_never_makes_it_less_sure(
    others: list[tuple[float, int]], n: int, own: float
) -> None:
    """With tau known, whatever the estimates are; with tau integrated where the unit lies at the mean of its peers."""
    value, votes = np.array(others).T
    middle = float(np.average(value, weights=1.0 / (400.0 / votes + 100.0)))
    for estimate, tau in ((own, Known(8.0)), (middle, HalfNormal(15.0))):
        fewer, more = (
            pool(np.r_[estimate, value], 400.0 / np.r_[count, votes], tau=tau) for count in (n, n + 1)
        )
        assert more.sd[0] <= fewer.sd[0] + 1e-9


def test_with_tau_known_the_result_is_the_textbooks() -> None:
    estimate, variance = np.array([60.0, 40.0]), np.array([100.0, 100.0])
    posterior = pool(estimate, variance, tau=Known(10.0))
    assert posterior.mean == pytest.approx([55.0, 45.0])
    assert posterior.sd == pytest.approx(np.sqrt(np.full(2, 0.5 * 100 + 0.25 * 100)))
    assert posterior.above(55.0)[0] == pytest.approx(0.5)
    assert posterior.quantile(0.95)[0] == pytest.approx(55.0 + norm.ppf(0.95) * np.sqrt(75.0))


def test_groups_share_the_between_deviation_and_keep_their_means() -> None:
    rng = np.random.default_rng(2)
    group = np.repeat([0, 1], 20)
    estimate = rng.normal(np.where(group == 0, 40.0, 70.0), 9.0)
    posterior = pool(estimate, np.full(40, 9.0), tau=HalfNormal(15.0), group=group)
    assert posterior.mu == pytest.approx([estimate[:20].mean(), estimate[20:].mean()], abs=0.1)
    assert posterior.tau_mean == pytest.approx(9.0, abs=2.5)
    as_one = pool(estimate, np.full(40, 9.0), tau=HalfNormal(15.0))
    assert as_one.tau_mean > 14.0


def test_one_unit_alone_keeps_its_estimate_and_says_that_it_knows_little_of_tau() -> None:
    alone = pool(np.array([60.0]), np.array([25.0]), tau=HalfNormal(15.0))
    assert alone.mean[0] == pytest.approx(60.0)
    assert alone.tau_mean == pytest.approx(15.0 * np.sqrt(2 / np.pi), abs=0.05)  # the prior's own mean


def test_a_heavy_tailed_prior_with_one_unit_still_ends() -> None:
    alone = pool(np.array([60.0]), np.array([25.0]), tau=HalfCauchy(5.0), mu=Flat())
    assert np.isfinite(alone.mean).all()


def test_the_needle_of_ten_thousand_units_is_found_by_the_grid() -> None:
    rng = np.random.default_rng(4)
    variance = 400.0 / rng.integers(1, 30, 10_000)
    truth = rng.normal(60.0, 8.0, 10_000)
    posterior = pool(truth + rng.normal(size=10_000) * np.sqrt(variance), variance, tau=HalfNormal(15.0))
    assert posterior.tau_mean == pytest.approx(8.0, abs=0.3)
    assert len(posterior.tau) > 60
    inside = np.abs(truth - posterior.mean) < norm.ppf(0.95) * posterior.sd
    assert inside.mean() == pytest.approx(0.9, abs=0.01)
