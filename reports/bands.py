"""How figures are rounded before anyone sees them: bands, steps and classes, all from DESIGN section 6."""

from __future__ import annotations

import math

__all__ = ["Band", "count_band", "five_percent", "percent", "reliability_class", "score_band", "widened"]

Band = tuple[int, int]

STEP = 5
# When everybody answered alike the mean tells each answer (attribute disclosure): four steps at once hide it.
WIDE_STEP = 20

COUNTS = ((50, "50+"), (20, "20–49"), (10, "10–19"), (5, "5–9"))

# Reliability is n / (n + a constant of the role): printed as a number it would give the exact count away, so it is a class.
# .5 is the least with which anybody is recognised, .7 the usual line for comparing individuals (facts: scoring 2.5).
RELIABILITIES = ((0.7, "good"), (0.5, "fair"), (0.0, "low"))


def count_band(count: int) -> str:
    """The band a number of survivors is shown as. ValueError below 5: such a count is never shown."""
    for least, band in COUNTS:
        if count >= least:
            return band
    raise ValueError(f"{count} survivors are too few for any band")


def score_band(score: float, *, step: int = STEP) -> Band:
    """The band of `step` points a score (0-100) lies in; 100 lies in the last."""
    low = min(math.floor(score / step) * step, 100 - step)
    return max(low, 0), max(low, 0) + step


def widened(low: float, high: float, *, step: int = STEP) -> Band:
    """The interval (0-100) with both ends moved outward to a step."""
    return max(0, math.floor(low / step) * step), min(100, math.ceil(high / step) * step)


def reliability_class(reliability: float) -> str:
    """ "low", "fair" or "good"."""
    return next(name for least, name in RELIABILITIES if reliability >= least)


def percent(value: float) -> float:
    """A probability in whole percent, .01 to .99: draws that all agree are no certainty."""
    return min(0.99, max(0.01, round(value, 2)))


def five_percent(value: float) -> float:
    """A probability in steps of 5 in 100, .05 to .95."""
    return min(0.95, max(0.05, round(round(value * 20) / 20, 2)))
