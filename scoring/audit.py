"""The record of a run: what is needed to make the same ratings again, as JSON would hold it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import scipy

from scoring.evaluations import Evaluations
from scoring.records import Unit
from scoring.selection import Heard
from scoring.settings import Settings

__all__ = ["METHOD", "fingerprint", "record"]

METHOD = "1"
"""Changes whenever the same evaluations, settings and seed would give other ratings."""


def record(heard: Heard, registry: Sequence[Unit], settings: Settings, *, seed: int) -> dict[str, Any]:
    """`input_sha256`, `evaluations` (how many had a say), `settings`, `seed`, `versions`, `as_of`, `window`."""
    described = asdict(settings)
    described["red_flags"] = sorted(settings.red_flags)
    described["domains"] = {name: list(members) for name, members in settings.domains.items()}
    described["weights"] = dict(settings.weights)
    return {
        "input_sha256": fingerprint(heard.evaluations, registry),
        "evaluations": len(heard.evaluations),
        "settings": described,
        "seed": seed,
        "versions": {
            "method": METHOD,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
        "as_of": heard.window[-1] if heard.window else "",
        "window": list(heard.window),
    }


def fingerprint(evaluations: Evaluations, registry: Sequence[Unit]) -> str:
    """A hash of everything that had a say. Evaluations must be in the order of their ids; the registry's order is its own."""
    digest = hashlib.sha256()
    for name, column in vars(evaluations).items():
        if name != "indicators":
            digest.update(f"{name}\x1e".encode())
            digest.update("\x1f".join(map(str, column.tolist())).encode())
    for name, values in evaluations.indicators.items():
        if not np.isnan(values).all():  # a column that only left-out rows know says nothing
            digest.update(f"{name}\x1e".encode())
            digest.update(values.tobytes())
    digest.update("\x1f".join(sorted(map(repr, registry))).encode())
    return digest.hexdigest()
