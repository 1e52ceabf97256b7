"""The numbers scoring works with, each with its reason.

Thresholds are those of the design (section 6). Priors are on the 0-100 scale. Planning values (`sigma_prior`, `collector_rho`,
`survivor_rho`) stand until the first real data allow to estimate them; they are written into every audit record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scoring.errors import SettingsError

__all__ = ["Scale", "Settings"]

REST = "*"
"""In `Settings.domains`: every indicator that no other domain names (the questions of one role)."""


@dataclass(frozen=True)
class Scale:
    """The raw coded values of an indicator: its two ends, and which of them is best (`best == low` reverses)."""

    low: float
    high: float
    best: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SettingsError(
                f"a scale runs from {self.low} to {self.high}; its low end must be below its high end"
            )
        if self.best not in (self.low, self.high):
            raise SettingsError(
                f"the best value of a scale from {self.low} to {self.high} is given as {self.best}; it must be one of the two ends"
            )


def _domains() -> dict[str, tuple[str, ...]]:
    return {
        "access": ("availability", "timeliness", "information"),
        "dignity": ("respect", "confidentiality", "non_discrimination", "choice"),
        "result": ("outcome",),
        "role": (REST,),
    }


@dataclass(frozen=True)
class Settings:
    """How ratings are made. The same settings, evaluations and seed give the same result."""

    # Who stands behind a figure (distinct verified survivors), and how many peers make a comparison.
    k_programme: int = 5
    k_outward: int = 10
    peers: int = 8
    quarters: int = 4
    require_approved: bool = False

    # Recognition: all of these must hold (`scoring.lists`).
    top_share: float = 0.2
    recognise_p: float = 0.8
    recognise_p_small: float = 0.9  # with few peers P was measured to promise .91 and keep .84
    small_peers: int = 20
    mistakes: float = 0.2
    without_one: float = 0.6
    min_reliability: float = 0.5
    min_collectors: int = 2
    min_chat_share: float = 0.3

    # Change between the halves of the window, and good practice in one domain (`scoring.trend`, `scoring.lists`).
    trend_clear: float = 5.0  # points; less is no change anybody would notice
    trend_p: float = 0.95
    trend_p_clear: float = 0.8
    trend_mistakes: float = 0.1
    highlight_p: float = 0.9

    # Entitlements: days that a step may take before it is overdue. The programme's lawyers say what applies in its state.
    norm_order_days: int = 60
    norm_payment_days: int = 30

    # Odd answers (`scoring.integrity`): the share of runs that may raise a false alarm, for each check; 0 switches all off.
    alarms: float = 0.05

    # The model (`scoring.pooling`, `scoring.mode`, `scoring.cells`).
    level: float = 0.90
    draws: int = 2000
    tau_prior_sd: float = 15.0  # half-normal: weak on 0-100, rules out providers who differ by a whole scale
    mu_prior_sd: float = 15.0  # how far a small peer group's mean may lie from the mean of its role
    sigma_prior: float = (
        25.0  # within-provider deviation before any data, worth `sigma_prior_df` observations
    )
    sigma_prior_df: float = 10.0
    mode_min_weight: float = 30.0
    mode_role_weight: float = 100.0
    leniency_min_share: float = (
        0.2  # of the survivors must have rated two units or more, or nothing is corrected
    )
    leniency_cap: float = 10.0  # points that one survivor's leniency can move her votes at most
    collector_rho: float = 0.05  # likeness of answers taken by one collector, before any data
    collector_rho_worth: float = 20.0  # so many collectors must speak for another likeness to count as much
    survivor_rho: float = 0.5  # likeness of one survivor's answers about one provider in several quarters

    # From answers to a composite. `version` changes whenever the domains or weights change.
    version: str = "1"
    domains: Mapping[str, tuple[str, ...]] = field(default_factory=_domains)
    weights: Mapping[str, float] = field(default_factory=dict)  # a domain that is not named weighs 1
    red_flags: frozenset[str] = frozenset({"bribe", "safety"})  # never part of a score

    def __post_init__(self) -> None:
        for name in ("k_programme", "k_outward", "quarters", "draws", "norm_order_days", "norm_payment_days"):
            self._check(name, low=1)
        self._check("peers", low=2)
        for name in ("top_share", "level"):
            self._check(name, low=0, high=1, open_ends=True)
        shares = (
            "recognise_p",
            "recognise_p_small",
            "mistakes",
            "without_one",
            "min_reliability",
            "trend_p",
            "trend_p_clear",
            "trend_mistakes",
            "highlight_p",
            "alarms",
        )
        for name in (*shares, "min_chat_share", "collector_rho", "survivor_rho", "leniency_min_share"):
            self._check(name, low=0, high=1)
        for name in ("trend_clear", "leniency_cap"):
            self._check(name, low=0)
        for name in ("tau_prior_sd", "mu_prior_sd", "sigma_prior", "sigma_prior_df", "collector_rho_worth"):
            self._check(name, low=0, open_ends=True)
        for domain, weight in self.weights.items():
            if not weight > 0:
                raise SettingsError(f"the weight of domain '{domain}' is {weight}; it must be above 0")

    def required_p(self, peers: int) -> float:
        """How sure a recognition must be in a group of so many peers."""
        return self.recognise_p_small if peers < self.small_peers else self.recognise_p

    def _check(self, name: str, *, low: float, high: float = float("inf"), open_ends: bool = False) -> None:
        value = getattr(self, name)
        inside = low < value < high if open_ends else low <= value <= high
        if not inside:
            ends = "()" if open_ends else "[]"
            raise SettingsError(
                f"setting {name} is {value}; it must lie in {ends[0]}{low:g}, {high:g}{ends[1]}"
            )
