"""Why a line says what it says: the sentences that may leave scoring, in three languages.

Scoring's own sentences are not passed on. They carry exact probabilities, and the one about the place without any one survivor
would tell that survivor's answer; so each is known here by what it means, is said again without its number, and what is not
known is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from reports.names import LANGUAGES, Label
from reports.records import Figures
from reports.words import above_phrase, label, top_phrase
from scoring import Rating, explain

__all__ = ["about_result", "not_recognised_yet"]


def about_result(row: Rating, figures: Figures, *, peers: int, outward: bool) -> Iterator[Label]:
    """The sentences of a line with figures; `peers` is how many are needed for a place."""
    if figures.p_top is None or figures.p_above is None:
        yield label("reason.few_peers", peers=peers)
    elif row.group == "clearly above" and outward:
        yield label("reason.above", peers=figures.peers)
    elif row.group == "clearly above":
        yield Label(
            *(f"{_capital(top_phrase(figures.p_top, language))}{_stop(language)}" for language in LANGUAGES)
        )
    else:
        yield Label(
            *(
                f"{_capital(above_phrase(figures.p_above, language))}{_stop(language)}"
                for language in LANGUAGES
            )
        )
    if not row.modes_comparable:
        yield label("reason.modes")
    if row.hold == "review":
        yield label("reason.held")
    if row.recommendation == "recognise":
        yield label("reason.without_one")
    if row.recommendation == "encourage":
        yield from not_recognised_yet(row.reasons)
    if row.recommendation == "support":
        yield label("reason.support")
    if row.unanimous:
        yield label("reason.unanimous")


def not_recognised_yet(sentences: tuple[str, ...]) -> Iterator[Label]:
    """Which rules stand between a result and recognition, out of scoring's sentences."""
    for sentence in sentences:
        for rule, key in RULES:
            if rule.search(sentence):
                yield label("reason.not_yet", rule=label(key))


def _rule(sentence: str) -> re.Pattern[str]:
    """The sentence with any numbers in it."""
    return re.compile(re.sub(r"\d+", r"\\d+", re.escape(sentence)))


RULES = (
    (_rule(explain.too_few(10)), "rule.too_few"),
    (_rule(explain.not_sure_enough(0.8)), "rule.not_sure_enough"),
    (_rule(explain.leans_on_one(0.6)), "rule.leans_on_one"),
    (_rule(explain.UNRELIABLE), "rule.unreliable"),
    (_rule(explain.ONE_COLLECTOR), "rule.one_way"),
)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stop(language: str) -> str:
    return "." if language == "en" else "।"
