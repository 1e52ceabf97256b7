"""Why a line says what it says: the sentences that may leave scoring, in three languages.

Scoring's own sentences are not passed on: they carry exact probabilities. What scoring decided is known here by its name and is
said again without its number; what is not known is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reports.names import LANGUAGES, Label
from reports.records import Figures
from reports.words import above_phrase, label, top_phrase
from scoring import Rating, explain
from scoring.records import Rule

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
        yield from not_recognised_yet(row.missing)
    if row.recommendation == "support":
        yield label("reason.support")
    if row.unanimous:
        yield label("reason.unanimous")
    if not outward:
        yield label(f"change.{explain.needed_change(row)}")


def not_recognised_yet(missing: Iterable[Rule]) -> Iterator[Label]:
    """Which rules stand between a result and recognition."""
    for rule in missing:
        if rule in RULES:
            yield label("reason.not_yet", rule=label(RULES[rule]))


RULES: Mapping[Rule, str] = {
    "too_few": "rule.too_few",
    "not_sure_enough": "rule.not_sure_enough",
    "leans_on_one": "rule.leans_on_one",
    "unreliable": "rule.unreliable",
    "one_collector": "rule.one_way",
    "mistakes": "rule.mistakes",
}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stop(language: str) -> str:
    return "." if language == "en" else "।"
