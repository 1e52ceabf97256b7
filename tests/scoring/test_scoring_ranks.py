"""Places say how sure they are, and agree with what is exactly known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from scoring.evaluations import Floats
from scoring.pooling import HalfNormal, Known, pool
from scoring.ranks import Draws, Places, draw, p_top_given, places, top_places


def drawn(estimate: Floats, variance: Floats, *, draws: int = 2000, seed: int = 1) -> Draws:
    posterior = pool(estimate, variance, tau=HalfNormal(15.0))
    peers = np.arange(len(estimate))
    return draw(posterior, peers, share=0.2, draws=draws, rng=np.random.default_rng(seed))


def placed(estimate: Floats, variance: Floats, *, draws: int = 2000) -> Places:
    return places(drawn(estimate, variance, draws=draws), level=0.90)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(1, 500)), min_size=8, max_size=30))
def test_a_place_lies_in_its_range_and_the_range_among_the_peers(pairs: list[tuple[float, float]]) -> None:
    estimate, variance = np.array(pairs).T
    found = placed(estimate, variance, draws=400)
    assert (found.low >= 1).all()
    assert (found.high <= len(pairs)).all()
    # The mean of a skewed place can leave a range by a fraction, never by a place.
    assert (found.low - 1 < found.expected).all()
    assert (found.expected < found.high + 1).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(1, 500)), min_size=8, max_size=30))
def test_places_and_probabilities_add_up(pairs: list[tuple[float, float]]) -> None:
    estimate, variance = np.array(pairs).T
    found = placed(estimate, variance, draws=400)
    many = len(pairs)
    assert found.expected.sum() == pytest.approx(many * (many + 1) / 2)
    assert found.p_top.sum() == pytest.approx(
        top_places(many, 0.2), abs=0.35
    )  # integrated one by one, not jointly


def test_clear_differences_give_clear_places() -> None:
    found = placed(np.arange(10.0) * 20, np.full(10, 1.0))
    assert found.low.tolist() == found.high.tolist() == list(range(10, 0, -1))
    assert found.p_top[-2:].min() > 0.99
    assert found.p_top[:-2].max() < 0.01


def test_equal_estimates_give_everybody_the_same_wide_range() -> None:
    found = placed(np.full(10, 60.0), np.full(10, 100.0), draws=4000)
    assert (found.high - found.low >= 8).all()
    assert found.expected == pytest.approx(np.full(10, 5.5), abs=0.25)
    assert found.p_top == pytest.approx(np.full(10, 0.2), abs=0.02)
    assert found.p_above == pytest.approx(np.full(10, 0.5), abs=0.02)


def test_p_above_is_the_closed_form_where_there_is_one() -> None:
    """Two units, tau known: the difference is normal."""
    posterior = pool(np.array([60.0, 50.0]), np.array([100.0, 100.0]), tau=Known(10.0))
    both = draw(posterior, np.arange(2), share=0.2, draws=20_000, rng=np.random.default_rng(1))
    exact = ndtr(0.5 * 10.0 / np.sqrt(2 * 0.5 * 100.0))  # the common mean cancels
    assert places(both, level=0.9).p_above[0] == pytest.approx(exact, abs=0.005)


def test_probabilities_agree_with_counting_draws() -> None:
    rng = np.random.default_rng(3)
    sample = drawn(rng.normal(60, 10, 22), 400.0 / rng.integers(5, 30, 22), draws=20_000)
    found = places(sample, level=0.9)
    assert found.p_top == pytest.approx((sample.rank <= 4).mean(axis=0), abs=0.012)
    assert found.p_above == pytest.approx((sample.rank <= 11).mean(axis=0), abs=0.012)


def test_the_top_fifth_is_rounded_down_and_never_empty() -> None:
    assert [top_places(peers, 0.2) for peers in (2, 8, 10, 22, 25)] == [1, 1, 2, 4, 5]


def test_asking_again_with_the_same_answers_gives_the_same_probability() -> None:
    sample = drawn(np.linspace(40, 70, 12), np.full(12, 30.0))
    again = p_top_given(sample, 11, sample.estimate[11:], sample.variance[11:])
    assert again == pytest.approx(places(sample, level=0.9).p_top[11:])


def test_worse_answers_or_fewer_answers_make_the_top_less_likely() -> None:
    sample = drawn(np.linspace(40, 70, 12), np.full(12, 30.0))
    given_less = p_top_given(sample, 11, np.array([70.0, 65.0, 70.0]), np.array([30.0, 30.0, 300.0]))
    assert given_less[0] > given_less[1]
    assert given_less[0] > given_less[2]


def test_without_any_answer_left_nothing_is_claimed() -> None:
    sample = drawn(np.linspace(40, 70, 12), np.full(12, 30.0))
    assert p_top_given(sample, 11, np.array([np.inf]), np.array([np.inf])).tolist() == [0.0]


def test_the_same_generator_gives_the_same_places() -> None:
    estimate, variance = np.linspace(40, 70, 12), np.full(12, 30.0)
    assert (drawn(estimate, variance).rank == drawn(estimate, variance).rank).all()
    assert (drawn(estimate, variance).rank != drawn(estimate, variance, seed=2).rank).any()
