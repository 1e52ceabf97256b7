"""The sentences behind a rating in three languages: why it is what it is, and what would change it.

A probability has a fixed phrase and its number beside it: words alone are understood differently by everybody (Budescu et al. 2014,
Nat Clim Change 4:508-512). Sentences carry no exact score, no count of survivors and no quarter: those are shown in bands by the
gate. The words stand in `sentences.csv`, which a translator opens in a spreadsheet.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, get_args

from scoring.errors import SettingsError
from scoring.records import Rating, Rule
from scoring.settings import Settings

__all__ = ["Language", "chance_class", "needed_change", "reasons", "rule", "say"]

Language = Literal["en", "bn", "hi"]

# From which probability on a phrase is used; recognition begins at .8.
CLASSES = ((0.95, "1"), (0.8, "2"), (0.6, "3"), (0.4, "4"), (0.2, "5"), (0.0, "6"))

LIKELY = 0.6
"""From here on it is worth saying that a unit is among the best."""


def say(key: str, language: Language = "en", **values: object) -> str:
    """A sentence of the table. SettingsError for a language it does not have."""
    table = _table()
    if language not in table:
        raise SettingsError(f"there are no sentences in '{language}'; choose one of {', '.join(table)}")
    return table[language][key].format(**values)


def chance_class(p: float) -> str:
    """Which of the six fixed phrases a probability has: "1" (almost certainly) to "6" (very unlikely)."""
    return next(name for least, name in CLASSES if p >= least)


def rule(name: Rule, settings: Settings, *, peers: int, language: Language = "en") -> str:
    """What a rule of recognition that is not met says; `peers` is the size of the peer group."""
    values = {
        "too_few": {"k": settings.k_outward},
        "not_sure_enough": {"p": in_100(settings.required_p(peers))},
        "leans_on_one": {"p": in_100(settings.without_one)},
    }
    return say(f"rule.{name}", language, **values.get(name, {}))


def reasons(rating: Rating, settings: Settings, language: Language = "en") -> tuple[str, ...]:
    """Why this rating is what it is, what stands in the way of recognition where it is near, and what would change it."""
    return (
        *_standing(rating, settings, language),
        *_remarks(rating, language),
        *_decision(rating, settings, language),
        say(f"change.{needed_change(rating)}", language),
    )


def needed_change(rating: Rating) -> str:
    """What would change this rating, as the name of a sentence ("more_voices", "twice" …): the first thing that is needed."""
    if rating.hold == "review":
        return "review"
    if rating.score is None:
        return "more_voices"
    if rating.p_top is None:
        return "more_peers"
    if rating.recommendation == "recognise":
        return "next_time"
    if rating.group != "clearly above":
        return "better" if rating.group == "clearly below" else "narrower"
    return next((change for name, change in _changes(rating) if name in rating.missing), "next_time")


def in_100(p: float) -> int:
    """A probability as a count of hundred; certainty is never claimed."""
    return min(99, max(1, int(100.0 * p + 1e-9)))


def _changes(rating: Rating) -> tuple[tuple[Rule, str], ...]:
    """For each rule of recognition that may be missing what would meet it, the most telling first."""
    sure = {2: "twice", 4: "four_times"}.get(rating.sure_with or 0, "better")
    return (
        ("not_sure_enough", sure),
        ("too_few", "more_voices"),
        ("unreliable", "more_voices"),
        ("leans_on_one", "more_sources"),
        ("one_collector", "other_ways"),
        ("mistakes", "surer_list"),
    )


def _standing(rating: Rating, settings: Settings, language: Language) -> Iterator[str]:
    if rating.n == 0:
        yield say("no_answer", language, quarters=settings.quarters)
    elif rating.score is None:
        yield say("few_voices", language, k=settings.k_programme)
    elif rating.p_top is None or rating.p_above is None:
        yield say("few_peers", language, peers=settings.peers)
    else:
        p, about = (rating.p_top, "top") if rating.p_top >= LIKELY else (rating.p_above, "above")
        share = _share(settings.top_share, language)
        yield say(f"{about}.{chance_class(p)}", language, n=in_100(p), share=share)
        place = "place_one" if rating.place_low == rating.place_high else "place"
        yield say(place, language, low=rating.place_low, high=rating.place_high, peers=rating.peers)


def _remarks(rating: Rating, language: Language) -> Iterator[str]:
    if rating.score is not None and not rating.modes_comparable:
        yield say("modes", language)
    if "red flag" in rating.held_by:
        yield say("held", language)
    if "odd answers" in rating.held_by:
        yield say("held_odd", language)
    if rating.improved:
        yield say("improved", language)
    if rating.highlights:
        known = _table()[language]
        names = (known.get(f"domain.{domain}", domain) for domain in rating.highlights)
        yield say("good_practice", language, domains="; ".join(names))


def _decision(rating: Rating, settings: Settings, language: Language) -> Iterator[str]:
    if rating.recommendation == "recognise":
        # No number here: with and without one survivor, two numbers would tell her answer.
        yield say("without_one", language)
    if rating.recommendation == "encourage":
        for name in rating.missing:
            yield say("not_yet", language, rule=rule(name, settings, peers=rating.peers, language=language))
    if rating.recommendation == "support":
        yield say("support", language)


def _share(top: float, language: Language) -> str:
    if abs(top - 0.2) < 1e-9:
        return say("share.fifth", language)
    return say("share.percent", language, n=in_100(top))


@cache
def _table() -> Mapping[str, Mapping[str, str]]:
    """Language to key to sentence."""
    text = files("scoring").joinpath("sentences.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(text.splitlines()))
    return MappingProxyType(
        {
            language: MappingProxyType({row["key"]: row[language] for row in rows})
            for language in get_args(Language)
        }
    )
