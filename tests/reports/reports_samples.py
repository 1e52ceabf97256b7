"""Ratings, registries and releases for the tests of the reports: small, invented, every field can be said otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from reports import GateSettings, Label, Name, Release, gate
from scoring import PeerGroup, Rating, Ratings
from scoring.levels import place_id

WINDOW = ("2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4")
PLACES = {
    "303": Label("North 24 Parganas", "উত্তর ২৪ পরগনা", "उत्तर 24 परगना"),
    "303_b01": Label("Block 1 (sample)", "ব্লক ১ (নমুনা)", "ब्लॉक 1 (नमूना)"),
    "303_b02": Label("Block 2 (sample)", "ব্লক ২ (নমুনা)", "ब्लॉक 2 (नमूना)"),
}
CUTOFF = date(2026, 11, 23)


def people(n: int, *, start: int = 0) -> frozenset[str]:
    return frozenset(f"s{number}" for number in range(start, start + n))


def name(
    label: str = "Rina Das", *, role: str = "social_worker", block: str = "303_b01", **more: Any
) -> Name:
    given: dict[str, Any] = {
        "kind": "person",
        "label_bn": "রিনা দাস",
        "label_hi": "रीना दास",
        "district": "303",
        "served": 200,
    }
    return Name(role=role, label_en=label, block=block, **{**given, **more})


def rating(provider: str = "sw_1", survivors: Iterable[str] = people(12), **more: Any) -> Rating:
    """A row as scoring gives it: recognised, unless something else is said; without a result below 5 survivors."""
    survivors = frozenset(survivors)
    given: dict[str, Any] = {
        "provider": provider,
        "unit": "person",
        "name": "",
        "role": "social_worker",
        "office": "",
        "block": "303_b01",
        "district": "303",
        "state": "19",
        "served": None,
        "area": "303",
        "peers": 22,
        "n": len(survivors),
        "units": len(survivors),
        "collectors": 3,
        "chat_share": 0.4,
        "new_survivors": {quarter: len(survivors) for quarter in WINDOW},
        "survivors": survivors,
    }
    if len(survivors) >= 5:
        given |= RESULT
    return Rating(**{**given, **more})


RESULT: Mapping[str, Any] = {
    "score": 83.4,
    "score_low": 76.1,
    "score_high": 88.9,
    "reliability": 0.71,
    "place": 3.2,
    "place_low": 1,
    "place_high": 5,
    "p_top": 0.884,
    "p_above": 0.993,
    "p_top_without_one": 0.71,
    "group": "clearly above",
    "recommendation": "recognise",
}


def everyone(place: str, survivors: Iterable[str], *, role: str = "social_worker", **more: Any) -> Rating:
    """The row of all in a role in a block ("303_b01") or a district ("303")."""
    block = place if "_" in place else ""
    given: dict[str, Any] = {"unit": "role_place", "role": role, "block": block, "recommendation": ""}
    return rating(place_id(role, place), survivors, **{**given, **more})


def ratings(*rows: Rating, mu: float | None = 62.0, window: tuple[str, ...] = WINDOW) -> Ratings:
    groups = () if mu is None else (peer_group(mu),)
    return Ratings(rows=rows, window=window, modes=(), groups=groups, audit={})


def peer_group(mu: float) -> PeerGroup:
    return PeerGroup(
        role="social_worker",
        area="303",
        unit="provider",
        members=24,
        peers=22,
        mu=mu,
        tau=8.0,
        sigma=25.0,
        mu_prior="flat",
    )


def registry_of(*rows: Rating, **more: Any) -> dict[str, Name]:
    """A registry that names every person and office among the rows."""
    return {
        row.provider: name(f"Name of {row.provider}", role=row.role, block=row.block, kind=row.unit, **more)
        for row in rows
        if row.unit != "role_place"
    }


def release(
    *rows: Rating, registry: Mapping[str, Name] | None = None, audience: Any = "outward", **more: Any
) -> Release:
    given: dict[str, Any] = {"settings": GateSettings(), "places": PLACES, "cutoff": CUTOFF, "sample": True}
    known = registry_of(*rows) if registry is None else registry
    mu = more.pop("mu", 62.0)
    window = more.pop("window", WINDOW)
    return gate(ratings(*rows, mu=mu, window=window), known, audience=audience, **{**given, **more})
