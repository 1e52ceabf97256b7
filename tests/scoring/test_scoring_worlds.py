"""The promises at length where they are hardest to keep: ends of the scale, heavy tails, few peers, kind survivors, attacks, lists.

The worlds are those of `bench.validation`, which prints more of them and draws the pictures of `docs/validation.md`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.validation import (
    BANDS,
    SCENARIOS,
    TENTHS,
    Scenario,
    attack,
    compare_lists,
    measure,
    promised_and_kept,
    world,
)

pytestmark = pytest.mark.nightly

# Missed, and said in docs/validation.md: in 60 worlds with heavy tails what was promised at .85 came true at .65. Not to grow worse.
OVER_PROMISED = {"t3": 0.2}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_intervals_places_and_probabilities_keep_their_promise(scenario: Scenario) -> None:
    kept = measure(scenario, range(101, 101 + 10 * 22 // scenario.peers))
    for low, high in BANDS:
        share, many = kept.coverage(low, high)
        error = 2 * np.sqrt(0.09 / many)  # of the measurement itself
        assert 0.86 - error < share < 0.94 + error, (low, high)
    assert np.mean(kept.placed) > 0.88
    for promised, came_true, many in promised_and_kept(kept.above, kept.is_above, TENTHS):
        error = 3 * np.sqrt(promised * (1 - promised) / many)
        assert came_true == pytest.approx(promised, abs=error + OVER_PROMISED.get(scenario.tails, 0.06))


def test_lists_that_are_as_long_as_the_evidence_hold_more_of_the_best_than_forced_ones() -> None:
    found = compare_lists(Scenario("lists"), range(201, 211), largest=100)
    precision = {name: one.right / max(one.picked, 1) for name, one in found.items()}
    assert precision["raw mean"] < precision["pooled score"] < precision["P(top) of .5 and more"]
    assert (
        found["raw mean"].few / found["raw mean"].picked
        > 2 * found["pooled score"].few / found["pooled score"].picked
    )
    assert found["recommended"].picked >= 5
    assert precision["recommended"] >= 0.8


def test_ten_fakes_of_one_cluster_never_buy_a_recommendation() -> None:
    found = attack(10, range(301, 331), spread=False)
    assert found.tried == 30
    assert found.raw > 5  # the trap: the plain mean falls for it
    assert found.unchecked == 0
    assert found.recognised == 0


def test_a_world_is_what_its_scenario_says() -> None:
    """Quick look at the yardstick itself: truth on the scale, half of the answers in the chat, kind survivors rate three."""
    for scenario in SCENARIOS:
        made = world(replace(scenario), 1)
        truth = np.array(list(made.truth.values()))
        assert 0.0 <= truth.min() < truth.max() <= 100.0
        assert (made.evaluations.mode.equals("chat")).mean() == pytest.approx(0.5, abs=0.06)
        voices = np.unique(made.evaluations.survivor.compact().code, return_counts=True)[1]
        assert voices.max() == scenario.each
