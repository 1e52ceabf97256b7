"""Simulated survivors: invented people who answer the real forms, prompt by prompt."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from shakti.demo.truth import Truth
from xlsforms import (
    Form,
    Prompt,
    Refused,
    Scale,
    answer,
    begin,
    current,
    finish,
    marks,
    scale,
    set_answer,
    value,
)

LENIENCY_SPREAD, VISIT_SPREAD, ITEM_SPREAD = 8.0, 10.0, 16.0  # points on 0-100
DONT_KNOW, WONT_SAY, LEFT_EMPTY = 0.03, 0.045, 0.065  # cumulative
REMARKS = {
    "comment": (
        "She listened until I had finished.",
        "আমাকে অনেকক্ষণ বসিয়ে রাখা হয়েছিল।",
        "मुझे दो बार आना पड़ा।",
    ),
    "good_practice": (
        "They phoned before coming to the house.",
        "কাগজ পড়ে শুনিয়ে তারপর সই নিয়েছেন।",
        "उन्होंने अलग कमरे में बात की।",
    ),
    "idea": (
        "Keep one evening a week open for us.",
        "একটা নম্বর দিলে ভালো হয়, যেখানে খবর নেওয়া যায়।",
        "फ़ॉर्म भरने में मदद के लिए कोई हो।",
    ),
}
REMARK_CHANCE = {"comment": 0.12, "good_practice": 0.06, "idea": 0.04}


@dataclass(frozen=True)
class Survivor:
    """One invented person. `code` is '' without a slip; `leniency` in points; `language` a code such as "bn"."""

    code: str
    on_roll: bool
    district: str
    block: str
    leniency: float
    language: str


@dataclass(frozen=True)
class Meeting:
    """One interview that is to be held: who answers, about whom, when, and who asks (nobody in a chat).

    `provider` is a row of the registry, or for the check-in None; `listed` False means that the right name is not on
    the list. `refusal`: "practice", "adult" or "consent" is answered so that nothing more may be asked or kept.
    """

    form_id: str
    survivor: Survivor
    start: datetime
    seconds: int
    collector: str | None
    provider: Mapping[str, str] | None = None
    listed: bool = True
    refusal: str | None = None

    @property
    def mode(self) -> str:
        """enumerator or chat."""
        return "chat" if self.collector is None else "enumerator"


@dataclass(frozen=True)
class Held:
    """A finished interview: the instance XML and the receipt it showed ('' when it was refused)."""

    xml: str
    receipt: str


@dataclass(frozen=True)
class Interviewer:
    """Holds interviews with one form through the engine, as a phone or the chat would."""

    form: Form
    truth: Truth
    rng: random.Random
    scales: Mapping[str, Scale]

    def hold(self, meeting: Meeting, *, instance_id: str) -> Held:
        """One interview, from the first prompt to the finished instance."""
        form, now = self.form, meeting.start
        respondent = Respondent(meeting, self.truth, self.scales, self.rng)
        state = begin(form, now=now, language=meeting.survivor.language, instance_id=instance_id)
        if meeting.mode == "chat":
            state = set_answer(form, state, "mode", "chat", now=now)
        while (asked := current(form, state)) is not None:
            try:
                state = answer(form, state, respondent.reply(asked), now=now)
            except Refused:
                state = answer(form, state, respondent.after_refusal(asked), now=now)
        xml = finish(form, state, now=now + timedelta(seconds=meeting.seconds))
        return Held(xml, value(form, state, "receipt"))


def interviewer(form: Form, truth: Truth, rng: random.Random) -> Interviewer:
    """An interviewer who has looked up the form's scales."""
    rulers = {mark.path: scale(mark) for mark in marks(form) if mark.measures}
    return Interviewer(form, truth, rng, {path: ruler for path, ruler in rulers.items() if ruler})


def draw_codes(count: int, rng: random.Random) -> tuple[str, ...]:
    """Different survivor codes: ten digits whose number leaves 1 when divided by 97."""
    numbers = rng.sample(range(10**9 // 97 + 1, (10**10 - 1) // 97), count)
    return tuple(str(97 * number + 1) for number in numbers)


def draw_survivors(
    codes: Sequence[str], blocks: Sequence[tuple[str, str]], rng: random.Random, *, on_roll: bool
) -> list[Survivor]:
    """One survivor for each code ('' for someone without); `blocks` are (district, block) pairs, taken in turn."""
    return [
        Survivor(
            code=code,
            on_roll=on_roll,
            district=blocks[number % len(blocks)][0],
            block=blocks[number % len(blocks)][1],
            leniency=rng.gauss(0, LENIENCY_SPREAD),
            language=rng.choices(("bn", "hi", "en"), weights=(80, 12, 8))[0],
        )
        for number, code in enumerate(codes)
    ]


@dataclass
class Respondent:
    """One survivor in one interview: sees a prompt, says an answer."""

    meeting: Meeting
    truth: Truth
    scales: Mapping[str, Scale]
    rng: random.Random
    _mood: float = field(init=False)
    _dates: Mapping[str, date | None] = field(init=False)
    _code: str = field(init=False)

    def __post_init__(self) -> None:
        self._mood = self.rng.gauss(0, VISIT_SPREAD)
        self._dates = self._compensation_dates()
        self._code = self._typed_code()

    def reply(self, asked: Prompt) -> str:
        """The answer to a prompt; '' leaves it empty."""
        if asked.kind == "note":
            return ""
        told = asked.eval
        if "measures" in told:
            return self._judge(asked)
        if told.get("is") in ("needed", "asked", "received"):
            return self._service(asked)
        if told.get("is") in self._dates:
            day = self._dates[told["is"]]
            return "" if day is None else day.isoformat()
        return self._fact(told.get("is") or asked.path)

    def after_refusal(self, asked: Prompt) -> str:
        """The answer when the first was not accepted: a mistyped code is typed again with care."""
        return self.meeting.survivor.code if asked.eval.get("is") == "survivor_code" else ""

    def _fact(self, what: str) -> str:
        """An answer that is known, by what the question is."""
        meeting, provider = self.meeting, self.meeting.provider
        place = provider or {"district": meeting.survivor.district, "block": meeting.survivor.block}
        facts = {
            "practice": "yes" if meeting.refusal == "practice" else "no",
            "adult": "no" if meeting.refusal == "adult" else "yes",
            "consent": "no" if meeting.refusal == "consent" else "yes",
            "collector": meeting.collector or "",
            "survivor_code": self._code,
            "role": place.get("role", ""),
            "district": place["district"],
            "place": place["block"],
            "provider": place.get("name", "") if meeting.listed else "not_listed",
            "missing_provider": "Someone new (sample)",
        }
        if what in REMARKS:
            return self.rng.choice(REMARKS[what]) if self.rng.random() < REMARK_CHANCE[what] else ""
        return facts.get(what, "")

    def _typed_code(self) -> str:
        """The code as typed the first time: now and then one digit is wrong."""
        code = self.meeting.survivor.code
        if not code or self.rng.random() > 0.02:
            return code
        return code[:-1] + str((int(code[-1]) + 1) % 10)

    def _judge(self, asked: Prompt) -> str:
        """The choice that fits what was experienced, on the question's own scale."""
        chance = self.rng.random()
        names = {choice.name for choice in asked.choices}
        if chance < DONT_KNOW and "dont_know" in names:
            return "dont_know"
        if chance < WONT_SAY and "wont_say" in names:
            return "wont_say"
        if chance < LEFT_EMPTY and not asked.required:
            return ""
        if "flag" in asked.eval:
            return self._flag(asked)
        felt = self._felt(asked.eval["measures"])
        ruler = self.scales[asked.path]
        if set(ruler.values) == {"yes", "no"}:
            good = self.rng.random() < min(max(felt / 100, 0.03), 0.97)
            return next(name for name, number in ruler.values.items() if (number == ruler.best) == good)
        share = min(max(felt + self.rng.gauss(0, ITEM_SPREAD), 0.0), 100.0) / 100
        if ruler.best == ruler.low:
            share = 1 - share
        wanted = ruler.low + share * (ruler.high - ruler.low)
        return min(ruler.values, key=lambda name: abs(ruler.values[name] - wanted))

    def _flag(self, asked: Prompt) -> str:
        """Bribes and threats are rare, and come with bad service."""
        raised = asked.eval["flag"]
        chance = 0.004 + max(0.0, 45.0 - self._quality) / 45.0 * 0.25
        others = [
            choice.name for choice in asked.choices if choice.name in ("yes", "no") and choice.name != raised
        ]
        return raised if self.rng.random() < chance else others[0]

    @property
    def _quality(self) -> float:
        provider = self.meeting.provider
        known = self.truth.providers.get(provider["name"]) if provider and self.meeting.listed else None
        return known.quality if known else 55.0

    def _felt(self, indicator: str) -> float:
        provider = self.meeting.provider
        known = self.truth.providers.get(provider["name"]) if provider and self.meeting.listed else None
        true = known.on(indicator) if known else 55.0
        return true + self.meeting.survivor.leniency + self._mood + self.truth.tilt(self.meeting.collector)

    def _service(self, asked: Prompt) -> str:
        """Needs and help with services: half are needed, most are asked for, fewer are received."""
        weights = {
            "needed": {"yes": 45, "no": 52, "wont_say": 3},
            "asked": {"yes": 72, "no": 24, "dont_know": 3, "wont_say": 1},
            "received": {"yes": 34, "partly": 26, "no": 36, "dont_know": 3, "wont_say": 1},
        }[asked.eval["is"]]
        names = [choice.name for choice in asked.choices]
        return self.rng.choices(names, weights=[weights.get(name, 0) for name in names])[0]

    def _compensation_dates(self) -> Mapping[str, date | None]:
        """Application, order and payment, each blank where it had not come by the day of the interview."""
        today = self.meeting.start.date()
        applied = today - timedelta(days=self.rng.randint(20, 540))
        ordered = applied + timedelta(days=self.rng.randint(45, 400))
        paid = ordered + timedelta(days=self.rng.randint(14, 180))
        return {
            "applied_on": applied,
            "ordered_on": ordered if ordered <= today else None,
            "paid_on": paid if paid <= today else None,
        }
