"""The promises, measured where the truth is known: intervals cover, places cover, probabilities keep what they say.

Small and quick, with limits of about three standard errors of each measurement; the long runs are another matter.
"""

from __future__ import annotations

import numpy as np
import pytest
from scoring_samples import by_provider, rated, world

from scoring import Rating, Settings

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def known() -> list[tuple[Rating, float, list[float]]]:
    """Ratings of about 400 providers in peer groups of 22, each with its true value and those of its peers.

    n is 2-30, the mode effect 6, the noise normal and far from the ends of the scale. Every provider with a vote has a result here,
    so that small n are measured too.
    """
    found = []
    for seed in SEEDS:
        districts = tuple(str(300 + index) for index in range(6))
        rows, registry, truth = world(seed=seed, providers=132, voices=(2, 30), districts=districts)
        ratings = by_provider(rated(rows, registry, Settings(k_programme=1), seed=seed))
        for person in registry:
            peers = [truth[other.provider] for other in registry if other.district == person.district]
            found.append((ratings[person.provider], truth[person.provider], peers))
    return found


def test_ninety_percent_intervals_cover_about_ninety_percent(
    known: list[tuple[Rating, float, list[float]]],
) -> None:
    few, many = [], []
    for rating, true, _ in known:
        assert rating.score_low is not None
        assert rating.score_high is not None
        (few if rating.n < 10 else many).append(rating.score_low < true < rating.score_high)
    assert len(known) == 396
    assert 0.82 < np.mean(few) < 0.97
    assert 0.85 < np.mean(many) < 0.95


def test_place_ranges_cover_the_true_place(known: list[tuple[Rating, float, list[float]]]) -> None:
    covered = []
    for rating, true, peers in known:
        assert rating.place_low is not None
        assert rating.place_high is not None
        covered.append(rating.place_low <= 1 + sum(other > true for other in peers) <= rating.place_high)
    assert np.mean(covered) > 0.86


def test_probabilities_keep_what_they_promise(known: list[tuple[Rating, float, list[float]]]) -> None:
    p_top = np.array([rating.p_top for rating, _, _ in known], dtype=float)
    top = np.array([sum(other > true for other in peers) < 4 for _, true, peers in known])
    assert p_top.sum() == pytest.approx(top.sum(), abs=6)
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.0)):
        inside = (p_top >= low) & (p_top < high)
        error = 3 * np.sqrt((p_top[inside] * (1 - p_top[inside])).sum()) / inside.sum()
        assert top[inside].mean() == pytest.approx(p_top[inside].mean(), abs=error)


def test_of_those_recognised_most_belong_there(known: list[tuple[Rating, float, list[float]]]) -> None:
    picked = [
        sum(other > true for other in peers) < 4
        for rating, true, peers in known
        if rating.recommendation == "recognise"
    ]
    assert len(picked) >= 10
    assert np.mean(picked) >= 0.8


def test_a_pooled_score_is_nearer_the_truth_than_the_plain_mean() -> None:
    rows, registry, truth = world(seed=9, providers=60, voices=(2, 12), mode_effect=0.0)
    ratings = by_provider(rated(rows, registry, Settings(k_programme=1)))
    plain = {
        person.provider: np.mean(
            [line["values"]["percent"] for line in rows if line["provider"] == person.provider]
        )
        for person in registry
    }
    error = [(ratings[name].score or 0.0) - true for name, true in truth.items()]
    plain_error = [plain[name] - true for name, true in truth.items()]
    assert np.square(error).sum() < 0.8 * np.square(plain_error).sum()
