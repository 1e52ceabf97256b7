"""Who is recognised, encouraged, supported, reviewed: every rule of the design (section 6), each with the sentence it gives.

A list is as long as the evidence: no quota, nobody recognised because a place was free, and no list of the last. No ranking
rule rescues a forced list (with 1-30 answers a forced top ten is wrong 60 % of the time); short lists by posterior probability
with a bound on the expected share of mistakes follow Gu & Koenker 2023 (Econometrica 91:1-41).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from scoring import explain
from scoring.records import Group, Rating, Recommendation, Rule, Trend
from scoring.settings import Settings

__all__ = ["compared", "decide", "failed_rules", "most_improved"]


def decide(ratings: Sequence[Rating], settings: Settings) -> tuple[Rating, ...]:
    """The ratings with their group, trend, highlights, recommendation and reasons, in the order given."""
    kept = _kept(ratings, settings)
    trends = _trends(ratings, settings)
    return tuple(
        _decided(
            replace(
                rating,
                trend=trends.get(rating.provider, ""),
                improved=trends.get(rating.provider) == "improved" and _improvement_holds(rating, settings),
                highlights=_highlights(rating, settings),
            ),
            rating.provider in kept,
            settings,
        )
        for rating in ratings
    )


def most_improved(ratings: Iterable[Rating]) -> tuple[Rating, ...]:
    """Those on the list of the most improved, the surest first."""
    on_it = [(one.change.p_clearly_better, one) for one in ratings if one.improved and one.change is not None]
    return tuple(one for _, one in sorted(on_it, key=lambda pair: (-pair[0], pair[1].provider)))


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
    met: tuple[tuple[Rule, bool], ...] = (
        ("hold", rating.hold == "none"),
        ("too_few", rating.n >= settings.k_outward),
        ("not_sure_enough", sure),
        ("leans_on_one", firm),
        ("unreliable", rating.reliability >= settings.min_reliability),
        ("one_collector", _two_ways(rating, settings)),
    )
    return tuple(rule for rule, holds in met if not holds)


def _kept(ratings: Sequence[Rating], settings: Settings) -> frozenset[str]:
    """Those who pass every rule, cut in each list where the expected share of mistakes would exceed its bound."""
    lists: dict[tuple[str, ...], list[tuple[float, str]]] = {}
    for rating in ratings:
        if rating.p_top is not None and not failed_rules(rating, settings):
            lists.setdefault(_list_of(rating), []).append((rating.p_top, rating.provider))
    return frozenset(name for entries in lists.values() for name in _cut(entries, settings.mistakes))


def _trends(ratings: Sequence[Rating], settings: Settings) -> dict[str, Trend]:
    """The trend of each unit with two halves to compare; of a role and kind, only as many changes as the bound on mistakes allows."""
    better: dict[tuple[str, ...], list[tuple[float, str]]] = {}
    worse: dict[tuple[str, ...], list[tuple[float, str]]] = {}
    found: dict[str, Trend] = {}
    for rating in ratings:
        change = rating.change
        if change is None:
            continue
        found[rating.provider] = "no clear change"
        kind = (rating.role, *_list_of(rating)[2:])
        if change.p_better >= settings.trend_p and change.p_clearly_better >= settings.trend_p_clear:
            better.setdefault(kind, []).append((change.p_clearly_better, rating.provider))
        if change.p_better <= 1.0 - settings.trend_p and change.p_clearly_worse >= settings.trend_p_clear:
            worse.setdefault(kind, []).append((change.p_clearly_worse, rating.provider))
    for entries in better.values():
        found |= dict.fromkeys(_cut(entries, settings.trend_mistakes), "improved")
    for entries in worse.values():
        found |= dict.fromkeys(_cut(entries, settings.trend_mistakes), "declined")
    return found


def _improvement_holds(rating: Rating, settings: Settings) -> bool:
    """A list of its own needs what recognition needs: nobody under review, no single source, no single survivor, collector or day."""
    assert rating.change is not None
    without = rating.change.p_clearly_better_without_one or 0.0
    return rating.hold == "none" and without >= settings.without_one and _two_ways(rating, settings)


def _highlights(rating: Rating, settings: Settings) -> tuple[str, ...]:
    """Domains in which it is among the best of its peers, surely and not by one voice."""
    if rating.hold != "none" or rating.n < settings.k_outward or not _two_ways(rating, settings):
        return ()
    return tuple(
        name
        for name, result in rating.domains.items()
        if (result.p_top or 0.0) >= settings.highlight_p
        and (result.p_top_without_one or 0.0) >= settings.without_one
    )


def _two_ways(rating: Rating, settings: Settings) -> bool:
    return rating.collectors >= settings.min_collectors or rating.chat_share >= settings.min_chat_share


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
