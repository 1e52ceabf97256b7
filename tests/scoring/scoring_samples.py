"""Evaluations and registries for the tests of scoring: small, invented, every field can be said otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from scoring import Evaluations, Rating, Ratings, Scale, Settings, Unit, rate, table

CORE = (
    "availability",
    "timeliness",
    "information",
    "respect",
    "confidentiality",
    "choice",
    "outcome",
)
SCALES: Mapping[str, Mapping[str, Scale]] = {
    "v1": {
        **{name: Scale(1, 5, 5) for name in CORE},
        "non_discrimination": Scale(0, 1, 1),
        "turned_away": Scale(0, 1, 0),
        "home_visit": Scale(0, 1, 1),
        "bribe": Scale(0, 1, 0),
        "percent": Scale(0, 100, 100),  # belongs to no named domain: simulations put the composite here
    }
}
QUARTERS = ("2026Q1", "2026Q2", "2026Q3", "2026Q4")


def unit(provider: str, **more: Any) -> Unit:
    given: dict[str, Any] = {
        "kind": "person",
        "role": "social_worker",
        "block": "303_b01",
        "district": "303",
        "state": "19",
    }
    return Unit(provider=provider, **{**given, **more})


def row(number: int, provider: str = "sw_1", **more: Any) -> dict[str, Any]:
    """One evaluation that counts; `number` makes its id, survivor, collector and day."""
    given: dict[str, Any] = {
        "evaluation": f"e{number:06d}",
        "form_version": "v1",
        "provider": provider,
        "role": "social_worker",
        "office": "",
        "block": "303_b01",
        "district": "303",
        "state": "19",
        "quarter": "2026Q4",
        "day": date(2026, 10, 1) + timedelta(days=number % 60),
        "mode": "enumerator",
        "verified": True,
        "survivor": f"s{number:06d}",
        "collector": f"c{number % 5}",
        "own_office": False,
        "review": "none",
        "flags": (),
        "values": {"percent": 50.0},
    }
    return given | more


def rated(
    rows: Sequence[Mapping[str, Any]],
    registry: Sequence[Unit],
    settings: Settings | None = None,
    *,
    seed: int = 1,
    as_of: str | None = None,
) -> Ratings:
    return rate(
        table(rows, SCALES), registry, settings or Settings(), rng=np.random.default_rng(seed), as_of=as_of
    )


def by_provider(ratings: Ratings) -> dict[str, Rating]:
    return {rating.provider: rating for rating in ratings.rows}


def evaluations(rows: Sequence[Mapping[str, Any]]) -> Evaluations:
    return table(rows, SCALES)


def world(
    *,
    seed: int = 7,
    providers: int = 24,
    voices: tuple[int, int] = (3, 30),
    tau: float = 10.0,
    sigma: float = 20.0,
    mode_effect: float = 6.0,
    districts: tuple[str, ...] = ("303",),
    roles: tuple[str, ...] = ("social_worker",),
) -> tuple[list[dict[str, Any]], list[Unit], dict[str, float]]:
    """Rows, registry and true values: normal truth, normal noise, 0-100 kept by values far from the ends."""
    rng = np.random.default_rng(seed)
    registry, truth, rows = [], {}, []
    for index in range(providers):
        district = districts[index % len(districts)]
        role = roles[index // len(districts) % len(roles)]
        block = f"{district}_b{index % 3:02d}"
        one = unit(f"{role[:2]}_{district}_{index:03d}", role=role, block=block, district=district)
        registry.append(one)
        truth[one.provider] = float(rng.normal(50.0, tau))
        for _ in range(int(rng.integers(voices[0], voices[1] + 1))):
            number = len(rows)
            chat = bool(rng.random() < 0.5)
            value = truth[one.provider] + rng.normal(0.0, sigma) + (0.0 if chat else mode_effect)
            rows.append(
                row(
                    number,
                    one.provider,
                    role=role,
                    block=block,
                    district=district,
                    quarter=QUARTERS[number % 4],
                    mode="chat" if chat else "enumerator",
                    collector=None if chat else f"c{number % 7}",
                    values={"percent": float(np.clip(value, 0.0, 100.0))},
                )
            )
    return rows, registry, truth
