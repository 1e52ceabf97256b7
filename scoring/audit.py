"""The record of a run: what is needed to make the same ratings again, as JSON would hold it."""

from __future__ import annotations

import hashlib
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
import scipy

from scoring.columns import Column
from scoring.evaluations import Evaluations
from scoring.records import Finding, ModeEffect, PeerGroup, Unit
from scoring.selection import Heard
from scoring.settings import Settings

__all__ = ["METHOD", "fingerprint", "record"]

METHOD = "3"
"""One more whenever the same evaluations, settings and seed would give other ratings. Since 3: leniency and
the likeness of a collector's interviews are learnt from the votes; the checks of conduct take out one finding after the other.

How to: `test_scoring_audit.py` holds the ratings of an invented world beside this number; when it fails because the method was meant to
change, write the next number here and the new figures there in the same commit."""


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def record(
    heard: Heard,
    registry: Sequence[Unit],
    settings: Settings,
    *,
    seed: int,
    modes: Sequence[ModeEffect],
    groups: Sequence[PeerGroup],
    findings: Sequence[Finding],
) -> dict[str, Any]:
    """`input_sha256`, `evaluations` (how many had a say), `settings`, `seed`, `versions`, `as_of`, `window`, the `coefficients` of
    modes and peer groups (leniency and likeness of a collector's interviews among them), and how many `findings` each check had; about no single survivor, collector or provider."""
    described = asdict(settings)
    described["red_flags"] = sorted(settings.red_flags)
    described["domains"] = {name: list(members) for name, members in settings.domains.items()}
    described["weights"] = dict(settings.weights)
    return {
        "input_sha256": fingerprint(heard.evaluations, registry),
        "evaluations": len(heard.evaluations),
        "settings": described,
        "seed": seed,
        "coefficients": {
            "modes": [asdict(mode) for mode in modes],
            "groups": [asdict(group) for group in groups],
        },
        "findings": dict(sorted(Counter(finding.check for finding in findings).items())),
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
            _add(digest, name, column)
    for name, values in evaluations.indicators.items():
        _add(digest, name, values)
    digest.update("\x1f".join(sorted(map(repr, registry))).encode())
    return digest.hexdigest()


def _add(digest: Digest, name: str, column: Column | np.ndarray[Any, Any]) -> None:
    """A column by its name, its labels and its numbers; the same on every machine."""
    digest.update(f"{name}\x1e".encode())
    if isinstance(column, Column):
        digest.update("\x1f".join(map(str, column.labels)).encode())
        column = column.code
    if column.dtype.kind in "USO":
        digest.update("\x1f".join(column.tolist()).encode())
    else:
        digest.update(np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).tobytes())
