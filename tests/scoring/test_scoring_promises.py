"""The promises at length: coverage, places, probabilities and the mode effect over many invented worlds (`make nightly`).

The measured numbers stand in `docs/validation.md`; `pytest -m nightly -s` prints them again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scoring_samples import by_provider, rated, world

from scoring import Settings
from scoring.ranks import top_places

SEEDS = range(1, 61)
DISTRICTS = tuple(str(300 + index) for index in range(6))

pytestmark = pytest.mark.nightly


@dataclass(frozen=True)
class Measured:
    """One line for each provider of all worlds with so many peers."""

    n: np.ndarray[tuple[int], np.dtype[np.int64]]
    covered: np.ndarray[tuple[int], np.dtype[np.bool_]]
    placed: np.ndarray[tuple[int], np.dtype[np.bool_]]
    p_top: np.ndarray[tuple[int], np.dtype[np.float64]]
    in_top: np.ndarray[tuple[int], np.dtype[np.bool_]]
    recognised: np.ndarray[tuple[int], np.dtype[np.bool_]]
    mode_error: np.ndarray[tuple[int], np.dtype[np.float64]]  # in standard errors, one for each world


@pytest.fixture(scope="module", params=[22, 12, 8])
def measured(request: pytest.FixtureRequest) -> Measured:
    lines, mode_error = [], []
    for seed in SEEDS:
        rows, registry, truth = world(
            seed=seed,
            tau=6.0,
            sigma=12.0,
            providers=request.param * len(DISTRICTS),
            voices=(1, 30),
            districts=DISTRICTS,
        )
        ratings = rated(rows, registry, Settings(k_programme=1), seed=seed)
        effect = next(mode for mode in ratings.modes if mode.role == "social_worker")
        mode_error.append((effect.beta - 6.0) / effect.se)
        found = by_provider(ratings)
        for person in registry:
            rating, true = found[person.provider], truth[person.provider]
            better = sum(truth[o.provider] > true for o in registry if o.district == person.district)
            lines.append(
                (
                    rating.n,
                    (rating.score_low or 0) < true < (rating.score_high or 0),
                    (rating.place_low or 0) <= 1 + better <= (rating.place_high or 0),
                    rating.p_top,
                    better < top_places(request.param, 0.2),
                    rating.recommendation == "recognise",
                )
            )
    columns = [np.array(column) for column in zip(*lines, strict=True)]
    return Measured(*columns, np.array(mode_error))


def test_intervals_cover_as_promised(measured: Measured) -> None:
    for low, high in ((1, 3), (4, 9), (10, 30)):
        of = (measured.n >= low) & (measured.n <= high)
        print(f"\nn {low}-{high}: {measured.covered[of].mean():.3f} of {of.sum()}", end="")  # noqa: T201
        assert 0.86 < measured.covered[of].mean() < 0.94


def test_place_ranges_cover_as_promised(measured: Measured) -> None:
    print(f"\nplaces: {measured.placed.mean():.3f}", end="")  # noqa: T201
    assert measured.placed.mean() > 0.88


def test_probabilities_are_kept(measured: Measured) -> None:
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.8), (0.8, 1.0)):
        of = (measured.p_top >= low) & (measured.p_top <= high)
        promised, kept = measured.p_top[of].mean(), measured.in_top[of].mean()
        print(f"\np_top {low}-{high}: promised {promised:.3f}, kept {kept:.3f} of {of.sum()}", end="")  # noqa: T201
        error = np.sqrt((measured.p_top[of] * (1 - measured.p_top[of])).sum()) / of.sum()
        assert kept == pytest.approx(promised, abs=3 * error + 0.02)


def test_those_recognised_belong_there(measured: Measured) -> None:
    right = measured.in_top[measured.recognised]
    print(f"\nrecognised: {right.mean():.3f} of {len(right)} right", end="")  # noqa: T201
    assert right.mean() > 0.8 - 2 * np.sqrt(0.16 / len(right))


def test_the_mode_effect_is_recovered(measured: Measured) -> None:
    print(f"\nmode: off by {measured.mode_error.mean():.2f} +- {measured.mode_error.std():.2f} se", end="")  # noqa: T201
    assert abs(measured.mode_error.mean()) < 3 / np.sqrt(len(measured.mode_error))
    assert 0.6 < measured.mode_error.std() < 1.4
