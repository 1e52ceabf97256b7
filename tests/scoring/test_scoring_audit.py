"""The number of the method: other ratings of the same world need another one."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scoring_samples import by_provider, rated, world

from scoring import Ratings
from scoring.audit import METHOD


@cache
def rated_world() -> Ratings:
    """Twenty-four people of one district, evaluated in both modes by 120 survivors of whom most spoke of several, some kinder."""
    rows, registry, _ = world()
    kindness = np.random.default_rng(3).normal(0.0, 9.0, 120)
    for number, one in enumerate(rows):
        kinder = one["values"]["percent"] + float(kindness[number % 120])
        one |= {"survivor": f"s{number % 120:03d}", "values": {"percent": float(np.clip(kinder, 0, 100))}}
    return rated(rows, registry)


def test_other_ratings_need_another_number_of_the_method() -> None:
    """When this fails and the method was meant to change: one more for METHOD, and the new figures here."""
    found = by_provider(rated_world())
    figures = [
        number
        for name in ("so_303_000", "so_303_001", "so_303_011", "so_303_012", "so_303_023")
        for one in (found[name],)
        for number in (one.score, one.score_low, one.score_high, one.p_above)
    ]
    assert METHOD == "3"
    assert figures == pytest.approx(
        [
            44.97454,
            38.89323,
            51.04049,
            0.25958,
            55.95856,
            50.37044,
            61.57684,
            0.99404,
            31.49066,
            25.63405,
            37.30475,
            1e-05,
            37.73265,
            28.61548,
            46.64298,
            0.03532,
            42.30662,
            35.12585,
            49.43321,
            0.11869,
        ],
        abs=1e-4,
    )
