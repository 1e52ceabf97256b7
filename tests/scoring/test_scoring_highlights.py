"""A domain is rated like the whole: who stands out in it is found, by what was answered there and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scoring_samples import CORE, by_provider, rated, row, unit

from scoring import Rating

DIGNITY = ("respect", "confidentiality", "choice")


@pytest.fixture(scope="module")
def found() -> dict[str, Rating]:
    """Twenty-two alike, 24 answers each; sw_00 is treated as all others are but for dignity."""
    rng = np.random.default_rng(2)
    registry = [unit(f"sw_{index:02d}") for index in range(22)]
    rows: list[dict[str, Any]] = []
    for index, person in enumerate(registry):
        for _ in range(24):
            mood = rng.normal(3.0, 0.7)
            values = {
                name: float(np.clip(round(mood + 1.6 * (index == 0 and name in DIGNITY)), 1, 5))
                for name in CORE
            }
            rows.append(row(len(rows), person.provider, values=values))
    return by_provider(rated(rows, registry))


def test_who_stands_out_in_one_domain_is_a_good_practice_there(found: dict[str, Rating]) -> None:
    assert found["sw_00"].highlights == ("dignity",)
    assert [name for name, one in found.items() if one.highlights] == ["sw_00"]


def test_a_domain_has_a_score_of_its_own_with_its_interval(found: dict[str, Rating]) -> None:
    one = found["sw_00"]
    assert set(one.domains) == {"access", "dignity", "result"}
    dignity, access = one.domains["dignity"], one.domains["access"]
    assert dignity.score_low < dignity.score < dignity.score_high
    assert dignity.score_low > access.score_high


def test_places_have_no_domains_and_a_single_domain_is_none(found: dict[str, Rating]) -> None:
    assert found["social_worker@303"].domains == {}
    alone = by_provider(rated([row(number) for number in range(12)], [unit("sw_1")]))
    assert alone["sw_1"].domains == {}
