"""What survivors say of the services, as the programme may see it: shares and days in bands, by service and district, never by provider.

A figure needs k_programme survivors behind it. Each survivor speaks once about a service, from one district: so what the
districts shown leave of the figure over all must be nobody or k_programme survivors too, and the smallest districts are withheld until it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from reports.bands import STEP, WIDE_STEP, Band, count_band, score_band, widened
from reports.tables import Row, span
from scoring import ServiceFigure
from scoring.services import EVERYWHERE, Duration, Share

__all__ = ["FEW", "FINISHED_ONLY", "SERVICES", "services_table"]

SERVICES = ("window", "service", "area", "figure", "n_band", "value", "low", "high", "note")

FEW = "too few survivors, or others could be worked out from it"
FINISHED_ONLY = "only those whose step is done: since when others wait is not stored"

MONTH = 30
"""A median of days is the answer of one person: it is shown as the month it lies in."""

Finding = Share | Duration | None

FIGURES: Mapping[str, Callable[[ServiceFigure], Finding]] = {
    "needed": lambda one: one.needed,
    "asked": lambda one: one.asked,
    "received": lambda one: one.received,
    "received something": lambda one: one.received_something,
    "days from application to order": lambda one: one.to_order,
    "days from order to payment": lambda one: one.to_payment,
}
OVERDUE: Mapping[str, str] = {
    "days from application to order": "order overdue",
    "days from order to payment": "payment overdue",
}


def services_table(figures: Iterable[ServiceFigure], window: str, *, k: int) -> list[Row]:
    """One row for each service, area and figure in the columns of SERVICES; shares in 100, no value where it is withheld.

    The area "" is everywhere; `window` is its last quarter. The figures are those of `scoring.services`.
    """
    by_service = groupby(
        sorted(figures, key=lambda one: (one.service, one.area)), key=lambda one: one.service
    )
    return [row for _, some in by_service for row in _of_service(list(some), window, k)]


def _of_service(figures: Sequence[ServiceFigure], window: str, k: int) -> list[Row]:
    rows: list[Row] = []
    for name, of in FIGURES.items():
        shown = _shown({one.area: _behind(of(one)) for one in figures}, k)
        for one in figures:
            found = of(one) if one.area in shown else None
            head: Row = {"window": window, "service": one.service, "area": one.area}
            rows += [{**head, **row} for row in _rows(name, found)]
    return rows


def _behind(found: Finding) -> int:
    return 0 if found is None else found.of


def _shown(behind: Mapping[str, int], k: int) -> frozenset[str]:
    """The areas whose figure may be shown; `behind` counts the survivors of each."""
    everybody = behind.get(EVERYWHERE, 0)
    if everybody < k:
        return frozenset()
    districts = sorted((n, area) for area, n in behind.items() if area != EVERYWHERE and n >= k)
    while districts and 0 < everybody - sum(n for n, _ in districts) < k:
        districts.pop(0)
    return frozenset({EVERYWHERE, *(area for _, area in districts)})


def _rows(name: str, found: Finding) -> list[Row]:
    if found is None:
        return [_blank(name), *([_blank(OVERDUE[name])] if name in OVERDUE else [])]
    if isinstance(found, Share):
        return [_share(name, found)]
    first = math.floor(found.median / MONTH) * MONTH
    days = {
        **_blank(name),
        "n_band": count_band(found.of),
        "value": span((first, first + MONTH)),
        "note": FINISHED_ONLY,
    }
    return [days, {**_share(OVERDUE[name], found.overdue), "note": FINISHED_ONLY}]


def _blank(name: str) -> Row:
    return {"figure": name, "n_band": "", "value": "", "low": None, "high": None, "note": FEW}


def _share(name: str, share: Share) -> Row:
    # All or none would tell each answer: wide bands hide it, as they do for scores.
    step = WIDE_STEP if share.seen in (0, share.of) else STEP
    band: Band = score_band(100.0 * share.share, step=step)
    low, high = widened(100.0 * share.low, 100.0 * share.high, step=step)
    return {
        "figure": name,
        "n_band": count_band(share.of),
        "value": span(band),
        "low": low,
        "high": high,
        "note": "",
    }
