"""What is taken out of a submission, and nothing else: only what the form marks with `eval:` reaches the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from connector.errors import SkipRecord
from connector.seal import Keys, is_code
from connector.submission import FormVersion, Submission
from xlsforms import Mark, scale

__all__ = [
    "Evaluation",
    "Refusal",
    "Service",
    "day_of",
    "evaluation_of",
    "is_refused",
    "quarter_of",
    "refusal",
    "require_name",
]

TEXTS = ("comment", "good_practice", "idea", "missing_provider")
GATES = ("consent", "adult")
SERVICE_ANSWERS = ("needed", "asked", "received")
RESERVED = ("dont_know", "wont_say", "other")
LONGEST_NAME = 64  # of a choice, a provider, an instance id; the store's columns are as wide
SECONDS_STEP = 30  # a finer duration helps to tell interviews apart and says nothing more about their quality
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


@dataclass(frozen=True)
class Evaluation:
    """What the store keeps of one submission: pseudonyms, the day, coded values, sealed texts."""

    provider: str | None
    role: str | None
    place: str | None
    survivor: str | None
    collector: str | None
    receipt: str | None
    day: dt.date
    quarter: str
    seconds: int | None
    values: Mapping[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)


Refusal = Literal["no_consent", "not_adult", "practice"]


def is_refused(submission: Submission, form: FormVersion) -> bool:
    """Whether the row may not be stored; see `refusal`."""
    return refusal(submission, form) is not None


def refusal(submission: Submission, form: FormVersion) -> Refusal | None:
    """Why the row may not be stored: only practice, not an adult, or no consent; None when it may.

    Raises SkipRecord when the form does not ask: a row whose consent nobody asked for never enters by default.
    """
    gates = {mark.is_: mark for mark in form.marks if mark.is_ in (*GATES, "practice")}
    missing = [gate for gate in GATES if gate not in gates]
    if missing:
        raise SkipRecord(
            f"The form {form.form_id} {form.version} has no question marked eval:is={missing[0]}; add it to the "
            "workbook and deploy it again, nothing of this version is taken in."
        )
    answered = {gate: submission.answers.get(mark.path) for gate, mark in gates.items()}
    if answered.get("practice") == "yes":
        return "practice"
    if answered["adult"] != "yes":
        return "not_adult"
    return None if answered["consent"] == "yes" else "no_consent"


def evaluation_of(submission: Submission, form: FormVersion, keys: Keys) -> Evaluation:
    """The part of a submission that is stored. Raises SkipRecord when it cannot be dated."""
    marked = _marked_answers(submission.answers, form.marks)
    for what in ("provider", "role", "place"):
        require_name(marked.get(what, ""), f"The answer marked eval:is={what}")
    day = _day(submission)
    return Evaluation(
        provider=marked.get("provider"),
        role=marked.get("role"),
        place=marked.get("place"),
        survivor=_survivor(marked.get("survivor_code"), keys),
        collector=_collector(submission.collector or marked.get("collector"), keys),
        receipt=keys.receipt(marked["receipt"]) if marked.get("receipt") else None,
        day=day,
        quarter=quarter_of(day),
        seconds=_seconds(submission.answers),
        values=_values(submission.answers, form.marks),
        flags=_flags(submission.answers, form.marks),
        services=_services(submission.answers, form.marks, day),
        texts={name: keys.seal(marked[name]) for name in TEXTS if marked.get(name)},
    )


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
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise SkipRecord(f"{what} is longer than {LONGEST_NAME} characters or holds signs that no id has.")


def quarter_of(day: dt.date) -> str:
    """The quarter of a day, such as "2026Q4"; quarters sort as text."""
    return f"{day.year:04d}Q{(day.month - 1) // 3 + 1}"


def _marked_answers(answers: Mapping[str, str], marks: Iterable[Mark]) -> dict[str, str]:
    """The first answer for each `eval:is` that is not about a service."""
    found: dict[str, str] = {}
    for mark in marks:
        if mark.is_ and not mark.service and answers.get(mark.path):
            found.setdefault(mark.is_, answers[mark.path])
    return found


def _survivor(code: str | None, keys: Keys) -> str | None:
    """None for what is no code: the form checks it, but a chat or a hand-made file need not have."""
    return keys.survivor(code) if code and is_code(code) else None


def _collector(code: str | None, keys: Keys) -> str | None:
    return keys.collector(code) if code else None


def _values(answers: Mapping[str, str], marks: Iterable[Mark]) -> dict[str, float]:
    """Raw coded values; what she did not know, would not say, or was not asked is absent."""
    values: dict[str, float] = {}
    for mark in marks:
        value = _value(mark, answers.get(mark.path, "")) if mark.measures else None
        if mark.measures and value is not None:
            values[mark.measures] = value
    return values


def _value(mark: Mark, answer: str) -> float | None:
    if not answer or answer in RESERVED:
        return None
    of = scale(mark)
    if of is None:
        return None
    if answer in of.values:
        return of.values[answer]
    try:
        number = float(answer)
    except ValueError:
        return None
    return number if of.low <= number <= of.high else None


def _flags(answers: Mapping[str, str], marks: Iterable[Mark]) -> tuple[str, ...]:
    """The red flags raised, by the name of the indicator (or of the question)."""
    raised = {
        mark.measures or mark.path.rsplit("/", 1)[-1]
        for mark in marks
        if mark.flag and mark.flag in answers.get(mark.path, "").split()
    }
    return tuple(sorted(raised))


def _services(answers: Mapping[str, str], marks: Iterable[Mark], day: dt.date) -> tuple[Service, ...]:
    by_service: dict[str, dict[str, str]] = {}
    for mark in marks:
        if mark.service and mark.is_ and answers.get(mark.path):
            by_service.setdefault(mark.service, {})[mark.is_] = answers[mark.path]
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
    latest = (changed + dt.timedelta(days=1)).date()  # the device may stand a time zone ahead
    return day if day is not None and day <= latest else changed.date()


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
    moment = _moment(text[:10] if text else None)
    return moment.date() if moment else None


def _moment(text: str | None) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
