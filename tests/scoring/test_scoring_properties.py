"""What holds for every table of evaluations: who is not verified, how rows are ordered, how anybody is called makes no difference."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_samples import CORE, QUARTERS, SCALES, rated, row, unit

from scoring import Rating, Ratings, Settings, from_columns, rate, table
from scoring.columns import coded

Rows = list[dict[str, Any]]
REGISTRY = [unit(f"sw_{index}") for index in range(10)]
FEW_DRAWS = Settings(draws=60, k_programme=2, k_outward=3, sigma_prior_df=3.0)

answers = st.dictionaries(st.sampled_from(CORE), st.integers(1, 5).map(float), min_size=4)
evaluation = st.fixed_dictionaries(
    {
        "provider": st.sampled_from([person.provider for person in REGISTRY]),
        "survivor": st.integers(0, 40).map(lambda number: f"s{number:03d}"),
        "quarter": st.sampled_from(QUARTERS),
        "mode": st.sampled_from(("chat", "enumerator")),
        "collector": st.sampled_from(("c1", "c2", "c3")),
        "day": st.integers(0, 80).map(lambda day: date(2026, 10, 1) + timedelta(days=day)),
        "values": answers,
    }
)
tables = st.lists(evaluation, min_size=40, max_size=120).map(
    lambda given: [row(number, **one) for number, one in enumerate(given)]
)
unverified = st.fixed_dictionaries(
    {},
    optional={
        "flags": st.just(("bribe",)),
        "quarter": st.sampled_from((*QUARTERS, "2027Q2")),
        "role": st.sampled_from(("social_worker", "police")),
        "block": st.sampled_from(("303_b01", "999_b01")),
        "values": answers,
        "form_version": st.just("v1"),
        "collector": st.just("c9"),
        "seconds": st.just(30.0),
    },
)


def as_bytes(ratings: Ratings) -> bytes:
    return json.dumps(asdict(ratings), sort_keys=True, default=sorted).encode()


def scored(rows: Rows) -> Ratings:
    return rated(rows, REGISTRY, FEW_DRAWS)


@settings(max_examples=8, deadline=None)
@given(tables, st.lists(st.tuples(unverified, st.integers(0, 200)), min_size=1, max_size=12))
def test_no_unverified_row_changes_a_byte(rows: Rows, noise: list[tuple[dict[str, Any], int]]) -> None:
    mixed = list(rows)
    for number, (given_noise, place) in enumerate(noise):
        extra = row(900 + number, **given_noise) | {"verified": False}
        mixed.insert(min(place, len(mixed)), extra)
    assert as_bytes(scored(mixed)) == as_bytes(scored(rows))


@settings(max_examples=8, deadline=None)
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_the_registry_changes_no_byte(rows: Rows, chance: Any) -> None:
    shuffled, registry = list(rows), list(REGISTRY)
    chance.shuffle(shuffled)
    chance.shuffle(registry)
    assert as_bytes(rated(shuffled, registry, FEW_DRAWS)) == as_bytes(scored(rows))


@settings(max_examples=8, deadline=None)
@given(tables, st.permutations(range(10)), st.permutations(range(41)))
def test_how_anybody_is_called_makes_no_difference(
    rows: Rows, providers: list[int], survivors: list[int]
) -> None:
    """Names are handed round: everybody keeps what was said about them, and gets somebody else's name."""
    other = {f"sw_{index}": f"sw_{new}" for index, new in enumerate(providers)}
    renamed = [
        one
        | {
            "provider": other[one["provider"]],
            "survivor": f"s{survivors[int(one['survivor'][1:])]:03d}",
            "collector": {"c1": "z", "c2": "a", "c3": "m"}[one["collector"]],
        }
        for one in rows
    ]
    here = {one.provider: one for one in scored(rows).rows}
    there = {one.provider: one for one in scored(renamed).rows}
    for name, new in other.items():
        assert said(there[new]) == pytest.approx(said(here[name]), abs=1e-6, nan_ok=True)
        assert there[new].recommendation == here[name].recommendation


def said(one: Rating) -> list[float]:
    values = (one.score, one.score_low, one.score_high, one.reliability, one.n, one.units, one.chat_share)
    change = one.change.p_better if one.change else None
    return [np.nan if value is None else float(value) for value in (*values, change)]


def names(rows: Rows) -> list[str]:
    return sorted({name for one in rows for name in one["values"]})


@settings(max_examples=5, deadline=None)
@given(tables)
def test_rows_and_columns_are_two_ways_to_the_same_bytes(rows: Rows) -> None:
    columns: dict[str, Any] = {
        name: coded([one[name] for one in rows])
        for name in (
            *("form_version", "provider", "role", "office", "block", "district", "state", "quarter"),
            *("day", "mode", "survivor", "collector", "review"),
        )
    }
    columns |= {
        "evaluation": np.array([one["evaluation"] for one in rows]),
        "seconds": np.full(len(rows), np.nan),
        "verified": np.array([one["verified"] for one in rows]),
        "own_office": np.array([one["own_office"] for one in rows]),
        "flags": coded([one["flags"] or None for one in rows]),
        "values": {name: [one["values"].get(name, np.nan) for one in rows] for name in names(rows)},
    }
    by_columns = rate(from_columns(columns, SCALES), REGISTRY, FEW_DRAWS, rng=np.random.default_rng(1))
    by_rows = rate(table(rows, SCALES), REGISTRY, FEW_DRAWS, rng=np.random.default_rng(1))
    assert as_bytes(by_columns) == as_bytes(by_rows)
