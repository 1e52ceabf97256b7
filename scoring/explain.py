"""The sentence behind a rating, in plain English, with a fixed phrase and the number beside it.

Words alone are understood differently by everybody (Budescu et al. 2014, Nat Clim Change 4:508-512), so a phrase never stands
without its number. Sentences carry no exact score, no count of survivors and no quarter: those are shown in bands by the gate.
"""

from __future__ import annotations

from scoring.records import Rating, Rule
from scoring.settings import Settings

__all__ = [
    "HELD",
    "ONE_COLLECTOR",
    "TOO_MANY_MISTAKES",
    "UNRELIABLE",
    "chance",
    "leans_on_one",
    "not_sure_enough",
    "reasons",
    "too_few",
]

PHRASES = (
    (0.95, "almost certainly"),
    (0.8, "very likely"),
    (0.6, "probably"),
    (0.4, "perhaps"),
    (0.0, "probably not"),
)

LIKELY = 0.6
"""From here on it is worth saying that a unit is among the best."""

HELD = "a red flag was raised and a person reviews it first"
UNRELIABLE = "the answers differ too much among themselves for so few of them"
ONE_COLLECTOR = "nearly all answers were taken by one collector"
TOO_MANY_MISTAKES = "with it the list would be expected to hold too many mistakes"
MODES_NOT_COMPARABLE = (
    "answers to an enumerator and in the chat cannot be compared yet; they count as they are"
)


def chance(p: float) -> str:
    """'very likely (88 in 100)'; never 0 or 100 in 100."""
    phrase = next(words for least, words in PHRASES if p >= least)
    return f"{phrase} ({_in_100(p)} in 100)"


def too_few(k: int) -> str:
    return f"fewer than {k} survivors have answered"


def not_sure_enough(p: float) -> str:
    return f"it is not sure enough that it is among the best (needs {_in_100(p)} in 100)"


def leans_on_one(p: float) -> str:
    return (
        f"the place leans on one survivor, one collector or one day (needs {_in_100(p)} in 100 without them)"
    )


def _rule(rule: Rule, rating: Rating, settings: Settings) -> str:
    """What a rule of recognition that is not met says."""
    return {
        "comparison": "there is no comparison with peers yet",
        "hold": HELD,
        "too_few": too_few(settings.k_outward),
        "not_sure_enough": not_sure_enough(settings.required_p(rating.peers)),
        "leans_on_one": leans_on_one(settings.without_one),
        "unreliable": UNRELIABLE,
        "one_collector": ONE_COLLECTOR,
        "mistakes": TOO_MANY_MISTAKES,
    }[rule]


def reasons(rating: Rating, settings: Settings) -> tuple[str, ...]:
    """Why this rating is what it is and, where recognition is near, what stands in the way."""
    sentences = _standing(rating, settings)
    if rating.score is not None and not rating.modes_comparable:
        sentences += (f"{_capital(MODES_NOT_COMPARABLE)}.",)
    if rating.hold == "review":
        sentences += (f"{_capital(HELD)}.",)
    if rating.recommendation == "recognise":
        # No number here: with and without one survivor, two numbers would tell her answer.
        sentences += ("This holds without any one survivor, collector or day.",)
    if rating.recommendation == "encourage":
        sentences += tuple(f"Not recognised yet: {_rule(rule, rating, settings)}." for rule in rating.missing)
    if rating.recommendation == "support":
        sentences += ("Offer support in private; this is part of no outward list.",)
    return sentences


def _standing(rating: Rating, settings: Settings) -> tuple[str, ...]:
    if rating.n == 0:
        return (f"No verified answer in the last {settings.quarters} quarters.",)
    if rating.score is None:
        return (f"Too few voices yet: a result needs {settings.k_programme} survivors.",)
    if rating.p_top is None or rating.p_above is None:
        return (f"Too few peers with a result for a comparison: it needs {settings.peers}.",)
    place = f"Place {rating.place_low} to {rating.place_high} of {rating.peers} peers with a result."
    if rating.place_low == rating.place_high:
        place = f"Place {rating.place_low} of {rating.peers} peers with a result."
    top = f"{_capital(chance(rating.p_top))} among the best {_share(settings.top_share)} of its peers."
    above = f"{_capital(chance(rating.p_above))} better than the middle of its peers."
    return (top if rating.p_top >= LIKELY else above, place)


def _share(top: float) -> str:
    return "fifth" if abs(top - 0.2) < 1e-9 else f"{_in_100(top)} in 100"


def _in_100(p: float) -> int:
    return min(99, max(1, int(100.0 * p + 1e-9)))


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
