"""Who is recognised, encouraged, supported, reviewed: every rule of the design (section 6), each with the sentence it gives.

A list is as long as the evidence: no quota, nobody recognised because a place was free, and no list of the last. No ranking
rule rescues a forced list (with 1-30 answers a forced top ten is wrong 60 % of the time); short lists by posterior probability
with a bound on the expected share of mistakes follow Gu & Koenker 2023 (Econometrica 91:1-41).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scoring import explain
from scoring.records import Group, Rating, Recommendation, Rule
from scoring.settings import Settings

__all__ = ["compared", "decide", "failed_rules"]


def decide(ratings: Sequence[Rating], settings: Settings) -> tuple[Rating, ...]:
    """The ratings with their group, recommendation and reasons, in the order given."""
    kept = _kept(ratings, settings)
    return tuple(_decided(rating, rating.provider in kept, settings) for rating in ratings)


def compared(rating: Rating, settings: Settings) -> Group:
    """Where the unit stands beside the median of its peers, if the interval of `level` says it clearly.

    Without a result, or with too few peers, there is no comparison: "no result yet", never "not clearly different".
    """
    if rating.p_above is None:
        return "no result yet"
    tail = (1.0 - settings.level) / 2.0
    if rating.p_above >= 1.0 - tail:
        return "clearly above"
    return "clearly below" if rating.p_above <= tail else "not clearly different"


def failed_rules(rating: Rating, settings: Settings) -> tuple[Rule, ...]:
    """The rules that stand between this unit and recognition, apart from the length of the list; empty if none."""
    if rating.p_top is None or rating.reliability is None:
        return ("comparison",)
    sure = rating.p_top >= settings.required_p(rating.peers)
    # "leans on one" is said only of those who are sure enough with everybody: for the others it goes without saying.
    firm = not sure or (rating.p_top_without_one or 0.0) >= settings.without_one
    two_ways = rating.collectors >= settings.min_collectors or rating.chat_share >= settings.min_chat_share
    met: tuple[tuple[Rule, bool], ...] = (
        ("hold", rating.hold == "none"),
        ("too_few", rating.n >= settings.k_outward),
        ("not_sure_enough", sure),
        ("leans_on_one", firm),
        ("unreliable", rating.reliability >= settings.min_reliability),
        ("one_collector", two_ways),
    )
    return tuple(rule for rule, holds in met if not holds)


def _kept(ratings: Sequence[Rating], settings: Settings) -> frozenset[str]:
    """Those who pass every rule, cut in each list where the expected share of mistakes would exceed its bound."""
    lists: dict[tuple[str, ...], list[tuple[float, str]]] = {}
    for rating in ratings:
        if rating.p_top is not None and not failed_rules(rating, settings):
            lists.setdefault(_list_of(rating), []).append((rating.p_top, rating.provider))
    return frozenset(name for entries in lists.values() for name in _cut(entries, settings.mistakes))


def _list_of(rating: Rating) -> tuple[str, ...]:
    place = rating.unit == "role_place"
    return (
        rating.role,
        rating.area,
        "place" if place else "provider",
        "block" if place and rating.block else "",
    )


def _cut(entries: Sequence[tuple[float, str]], mistakes: float) -> list[str]:
    kept: list[str] = []
    expected = 0.0
    for p, name in sorted(entries, key=lambda entry: (-entry[0], entry[1])):
        expected += 1.0 - p
        if expected > mistakes * (len(kept) + 1) + 1e-12:
            break
        kept.append(name)
    return kept


def _decided(rating: Rating, recognised: bool, settings: Settings) -> Rating:
    group = compared(rating, settings)
    missing = () if recognised else failed_rules(rating, settings) or ("mistakes",)
    recommendation = _recommendation(rating, group, recognised)
    decided = replace(rating, group=group, recommendation=recommendation, missing=missing)
    return replace(decided, reasons=explain.reasons(decided, settings))


def _recommendation(rating: Rating, group: Group, recognised: bool) -> Recommendation:
    """A red flag goes first, with or without a result; the rest needs a comparison."""
    if rating.hold == "review":
        return "review"
    if recognised:
        return "recognise"
    if group == "clearly above":
        return "encourage"
    return "support" if group == "clearly below" else ""
