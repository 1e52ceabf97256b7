"""What is taken out of a submission, and nothing else: only what the form marks with `eval:` reaches the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from connector.errors import SkipRecord
from connector.ratings import Encoder, Layout, layout_of
from connector.seal import Keys, is_code
from connector.submission import FormVersion, Submission
from xlsforms import Mark, scale

__all__ = ["Evaluation", "Reader", "Refusal", "Service", "day_of", "quarter_of", "require_name"]

TEXTS = ("comment", "good_practice", "idea", "missing_provider")
NAMES = ("provider", "role", "place")
GATES = ("consent", "adult")
SERVICE_ANSWERS = ("needed", "asked", "received")
LONGEST_NAME = 64  # of a choice, a provider, an instance id; the store's columns are as wide
SECONDS_STEP = 30  # a finer duration helps to tell interviews apart and says nothing more about their quality
DAYS_KEPT = 1024  # thousands of interviews share a day: it is worked out once
LONGEST_SECONDS = 12 * 60 * 60  # a form left open overnight was not an interview of that length


@dataclass(frozen=True)
class Service:
    """One service in a check-in. `month` is "2026-11"; the days are whole days, None where a date is missing."""

    service: str
    needed: str
    asked: str
    received: str
    month: str
    days_to_order: int | None
    days_to_payment: int | None


class Evaluation(NamedTuple):
    """What the store keeps of one submission: pseudonyms, the day, coded values, sealed texts.

    `ratings` are the coded values as the form's `Layout` writes them.
    """

    provider: str | None
    role: str | None
    place: str | None
    survivor: str | None
    collector: str | None
    receipt: str | None
    day: dt.date
    quarter: str
    seconds: int | None
    ratings: str
    flags: tuple[str, ...]
    services: tuple[Service, ...]
    texts: Mapping[str, bytes]


Refusal = Literal["no_consent", "not_adult", "practice"]


class Reader:
    """Reads the submissions of one form version: what its marks say is worked out once, not for every row."""

    def __init__(self, form: FormVersion, keys: Keys) -> None:
        self.form = form
        self.layout = layout_of(form.marks)
        self._keys = keys
        self._gates = {mark.is_: mark.path for mark in form.marks if mark.is_ in (*GATES, "practice")}
        # For each part of the record the paths of its questions, the last first: the first answer counts.
        named = [(mark.is_, mark.path) for mark in form.marks if mark.is_ and not mark.service]
        self._named = tuple(reversed(named))
        self._rated = tuple(_rated(form.marks, self.layout))
        # Nearly always each indicator is one question, and each answer one of its choices.
        self._is_plain = len(self._rated) == len(self.layout.slots)
        self._paths = tuple(path for path, _, _ in self._rated)
        self._known = tuple(encoder.known for _, _, encoder in self._rated)
        self._flagged = tuple(
            (mark.path, mark.flag, mark.measures or mark.path.rsplit("/", 1)[-1])
            for mark in form.marks
            if mark.flag
        )
        self._services = tuple(
            (mark.service, mark.is_, mark.path) for mark in form.marks if mark.service and mark.is_
        )

    def refusal(self, submission: Submission) -> Refusal | None:
        """Why the row may not be stored: only practice, not an adult, or no consent; None when it may.

        Raises SkipRecord when the form does not ask: a row whose consent nobody asked for never enters by default.
        """
        gates, answers = self._gates, submission.answers
        for gate in GATES:
            if gate not in gates:
                raise SkipRecord(
                    f"The form {self.form.form_id} {self.form.version} has no question marked eval:is={gate}; add it to "
                    "the workbook and deploy it again, nothing of this version is taken in."
                )
        if "practice" in gates and answers.get(gates["practice"]) == "yes":
            return "practice"
        if answers.get(gates["adult"]) != "yes":
            return "not_adult"
        return None if answers.get(gates["consent"]) == "yes" else "no_consent"

    def survivor(self, submission: Submission) -> str | None:
        """The pseudonym of her code, None without a well-formed one."""
        return _survivor(self._parts(submission.answers).get("survivor_code"), self._keys)

    def receipt(self, submission: Submission) -> str | None:
        """The pseudonym of the receipt she was given, None without one."""
        receipt = self._parts(submission.answers).get("receipt")
        return self._keys.receipt(receipt) if receipt else None

    def read(self, submission: Submission, seal: Callable[[str], bytes]) -> Evaluation:
        """The part of a submission that is stored, its texts sealed by `seal`. Raises SkipRecord when it cannot be dated."""
        answers, keys = submission.answers, self._keys
        parts = self._parts(answers)
        get = parts.get
        for what in NAMES:
            if what in parts and not _is_name(parts[what]):
                require_name(parts[what], f"The answer marked eval:is={what}")
        collector, receipt, day = submission.collector or get("collector"), get("receipt"), _day(submission)
        return Evaluation(
            provider=get("provider"),
            role=get("role"),
            place=get("place"),
            survivor=_survivor(get("survivor_code"), keys),
            collector=keys.collector(collector) if collector else None,
            receipt=keys.receipt(receipt) if receipt else None,
            day=day,
            quarter=quarter_of(day),
            seconds=_seconds(answers),
            ratings=self._ratings(answers),
            flags=self._flags(answers),
            services=_services(self._services, answers, day) if self._services else (),
            texts={name: seal(parts[name]) for name in TEXTS if name in parts},
        )

    def _parts(self, answers: Mapping[str, str]) -> dict[str, str]:
        """The first answer for each `eval:is` that is not about a service."""
        return {what: answers[path] for what, path in self._named if answers.get(path)}

    def _ratings(self, answers: Mapping[str, str]) -> str:
        """Raw coded values; what she did not know, would not say, or was not asked is missing."""
        answer = answers.get
        if self._is_plain:
            codes = list(map(dict.get, self._known, map(answer, self._paths)))
            if None not in codes:
                return "".join(codes)  # type: ignore[arg-type]  # no None is left
        values = list(self.layout.blank)
        for path, position, encoder in self._rated:
            text = answer(path)
            if text:
                values[position] = encoder.code(text) or values[position]
        return "".join(values)

    def _flags(self, answers: Mapping[str, str]) -> tuple[str, ...]:
        """The red flags raised, by the name of the indicator (or of the question)."""
        raised = {name for path, flag, name in self._flagged if flag in answers.get(path, "").split()}
        return tuple(sorted(raised)) if raised else ()


def _rated(marks: Iterable[Mark], layout: Layout) -> Iterator[tuple[str, int, Encoder]]:
    """For each question that measures: its path, its indicator's position, what turns answers into codes."""
    position = {slot.name: index for index, slot in enumerate(layout.slots)}
    for mark in marks:
        of = scale(mark) if mark.measures in position else None
        if mark.measures and of is not None:
            index = position[mark.measures]
            yield mark.path, index, Encoder(layout.slots[index], of)


def day_of(submission: Submission) -> dt.date | None:
    """The day of the interview as the store would keep it; None when nothing dates it."""
    try:
        return _day(submission)
    except SkipRecord:
        return None


def require_name(text: str, what: str) -> None:
    """Raise SkipRecord for what cannot be a name or id: only a hand-made or damaged record has such a one.

    The text itself is not repeated: anything may stand in it.
    """
    if not _is_name(text):
        raise SkipRecord(f"{what} is longer than {LONGEST_NAME} characters or holds signs that no id has.")


@lru_cache(maxsize=DAYS_KEPT)
def quarter_of(day: dt.date) -> str:
    """The quarter of a day, such as "2026Q4"; quarters sort as text."""
    return f"{day.year:04d}Q{(day.month - 1) // 3 + 1}"


def _is_name(text: str) -> bool:
    return len(text) <= LONGEST_NAME and text.isprintable()


def _survivor(code: str | None, keys: Keys) -> str | None:
    """None for what is no code: the form checks it, but a chat or a hand-made file need not have."""
    return keys.survivor(code) if code and is_code(code) else None


def _services(
    asked: Iterable[tuple[str, str, str]], answers: Mapping[str, str], day: dt.date
) -> tuple[Service, ...]:
    by_service: dict[str, dict[str, str]] = {}
    for service, what, path in asked:
        if answers.get(path):
            by_service.setdefault(service, {})[what] = answers[path]
    return tuple(
        _service(name, found, day)
        for name, found in by_service.items()
        if any(found.get(answer) for answer in SERVICE_ANSWERS)
    )


def _service(name: str, found: Mapping[str, str], day: dt.date) -> Service:
    for answer in SERVICE_ANSWERS:
        require_name(found.get(answer, ""), f"The answer about {name} marked eval:is={answer}")
    return Service(
        service=name,
        needed=found.get("needed", ""),
        asked=found.get("asked", ""),
        received=found.get("received", ""),
        month=f"{day:%Y-%m}",
        days_to_order=_days_between(found.get("applied_on"), found.get("ordered_on")),
        days_to_payment=_days_between(found.get("ordered_on"), found.get("paid_on")),
    )


def _days_between(first: str | None, then: str | None) -> int | None:
    """Whole days; None when a date is missing or they stand in the wrong order."""
    start, end = _date(first), _date(then)
    if start is None or end is None or end < start:
        return None
    return (end - start).days


def _day(submission: Submission) -> dt.date:
    """The day of the interview: the device's `today`, else its `end`, else the server's.

    A device whose clock runs ahead of the server's is not believed; one that lags may have been offline.
    """
    answers, changed = submission.answers, submission.changed_at
    day = _date(answers.get("today")) or _date(answers.get("end"))
    if day is None and changed is None:
        raise SkipRecord("The record has no date: no answer to `today` or `end`, and no time of arrival.")
    if changed is None:
        return day or dt.date.min
    arrived = changed.date()
    if day is None or day <= arrived:
        return day or arrived
    return day if day <= arrived + dt.timedelta(days=1) else arrived  # the device may stand a time zone ahead


def _seconds(answers: Mapping[str, str]) -> int | None:
    """The length of the interview, rounded to half minutes; None when the device's clock makes no sense."""
    start, end = _moment(answers.get("start")), _moment(answers.get("end"))
    if start is None or end is None or (start.tzinfo is None) != (end.tzinfo is None):
        return None
    seconds = (end - start).total_seconds()
    if not 0 <= seconds <= LONGEST_SECONDS:
        return None
    return round(seconds / SECONDS_STEP) * SECONDS_STEP


def _date(text: str | None) -> dt.date | None:
    return _parsed_day(text[:10]) if text else None


@lru_cache(maxsize=DAYS_KEPT)
def _parsed_day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _moment(text: str | None) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
