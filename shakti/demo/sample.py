"""The sample: a year of invented interviews held through the real forms, and how they reach the platforms.

Sample data: invented, not about real people.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from bot.outbox import Outbox
from shakti.demo.central_server import CentralServer
from shakti.demo.instances import edited
from shakti.demo.kobo_server import KoboServer
from shakti.demo.planning import People, World, last_quarters, plan_checkins, plan_evaluations
from shakti.demo.survivors import Interviewer, Meeting, draw_codes, draw_survivors, interviewer
from shakti.demo.truth import Row, Truth, draw_truth
from xlsforms import Form, marks

NOTE = "Sample data: invented, not about real people"
EVALUATION, CHECKIN = "duty_bearer_evaluation", "services_checkin"
NOT_LISTED = "not_listed"
ROLL, WITHOUT_CODE, UNKNOWN_CODE = 750, 160, 80  # people at full size
FULL_SIZE = 3400
SOURCES = {"kobo": 0.50, "central": 0.26, "collect": 0.24}  # of the interviews an enumerator held
# What happens to a full sample afterwards: numbers of instances.
TWICE, EDITED, DELETED = 100, 20, 8
REVIEWED = {"approved": 40, "rejected": 12, "on_hold": 6}
KOBO_REVIEW = {"approved": "approved", "rejected": "not_approved", "on_hold": "on_hold"}
CENTRAL_REVIEW = {"approved": "approved", "rejected": "rejected", "on_hold": "hasIssues"}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Item:
    """One finished interview and its way: `sources` it is delivered by, and what happens to it on its platform.

    `edit` are answers replaced later, `review` approved, rejected or on_hold. Times are aware.
    """

    form_id: str
    form_version: str
    title: str
    instance_id: str
    xml: str
    receipt: str
    mode: str
    refusal: str | None
    finished_at: datetime
    sent_at: datetime
    sources: tuple[str, ...]
    edit: Mapping[str, str] = field(default_factory=dict)
    edit_id: str = ""
    review: str | None = None
    deleted: bool = False

    @property
    def day(self) -> date:
        """The day of the interview, where it was held."""
        return self.finished_at.date()

    @property
    def platform(self) -> str | None:
        """The platform that owns it, if any."""
        return next((source for source in self.sources if source in ("kobo", "central")), None)


@dataclass(frozen=True)
class Sample:
    """Everything that will be delivered, the truth behind it, and the programme's roll of codes.

    `malformed` are files of the Collect folder that cannot be read: name and content.
    """

    note: str
    seed: int
    today: date
    truth: Truth
    roll: tuple[str, ...]
    items: tuple[Item, ...]
    malformed: tuple[tuple[str, bytes], ...]

    @property
    def counts(self) -> dict[str, int]:
        """How much there is of what, each instance once; `kept` are those the store must hold as evaluations."""
        evaluations = [item for item in self.items if item.form_id == EVALUATION]
        counts = Counter(source for item in self.items for source in item.sources)
        return dict(counts) | {
            "instances": len(self.items),
            "evaluations": len(evaluations),
            "checkins": len(self.items) - len(evaluations),
            "refused": sum(item.refusal is not None for item in evaluations),
            "kept": sum(item.refusal is None and not item.deleted for item in evaluations),
            "twice": sum(len(item.sources) > 1 for item in self.items),
            "edited": sum(bool(item.edit) for item in self.items),
            "rejected": sum(item.review == "rejected" for item in self.items),
            "deleted": sum(item.deleted for item in self.items),
            "malformed": len(self.malformed),
        }


@dataclass(frozen=True)
class Delivered:
    """How many deliveries went where: one instance that goes two ways counts twice."""

    counts: Mapping[str, int]


def make_sample(
    forms: Mapping[str, Form],
    providers: Sequence[Row],
    collectors: Sequence[Row],
    *,
    seed: int,
    today: date,
    evaluations: int = FULL_SIZE,
    checkins: int | None = None,
    progress: Progress | None = None,
) -> Sample:
    """Hold the interviews: simulated survivors answer the forms through the engine.

    `forms` by form id; rows as the CSV files have them. `checkins` defaults to 300 for a full sample. The same seed
    and day give the same bytes. `progress(done, total)` is called after each interview.
    """
    rng = random.Random(seed)  # noqa: S311 - invented people
    listed = tuple(row for row in providers if row["name"] != NOT_LISTED)
    indicators = dict.fromkeys(mark.measures for mark in marks(forms[EVALUATION]) if mark.measures)
    truth = draw_truth(listed, collectors, indicators, rng)
    people = _draw_people(listed, rng, scale=max(evaluations / FULL_SIZE, 0.1))
    world = World(listed, tuple(collectors), truth, people, last_quarters(today))
    meetings = plan_evaluations(world, rng, total=evaluations, form_id=EVALUATION)
    wanted = round(evaluations * 300 / FULL_SIZE) if checkins is None else checkins
    meetings += plan_checkins(world, rng, total=wanted, form_id=CHECKIN)
    meetings.sort(key=lambda meeting: meeting.start)
    interviewers = {form_id: interviewer(form, truth, rng) for form_id, form in forms.items()}
    items = []
    for done, meeting in enumerate(meetings, start=1):
        items.append(_item(interviewers[meeting.form_id], meeting, today))
        if progress is not None:
            progress(done, len(meetings))
    items = _with_events(items, rng, scale=evaluations / FULL_SIZE)
    roll = tuple(survivor.code for survivor in people.on_roll)
    return Sample(NOTE, seed, today, truth, roll, tuple(items), _malformed(items))


def deliver(
    sample: Sample,
    *,
    kobo: KoboServer,
    central: CentralServer,
    collect_dir: Path,
    outbox: Outbox,
    progress: Progress | None = None,
) -> Delivered:
    """Bring the sample where it belongs: two platforms (with both forms deployed), a Collect folder, the outbox.

    Then the platforms' own events happen: edits, reviews, deletions.
    """
    counts: Counter[str] = Counter()
    for done, item in enumerate(sorted(sample.items, key=lambda item: item.sent_at), start=1):
        for source in item.sources:
            counts[source] += 1
            if source == "kobo":
                kobo.submit(item.xml, submitted_at=item.sent_at)
            elif source == "central":
                central.submit(item.xml, created_at=item.sent_at)
            elif source == "collect":
                _write_instance(collect_dir, item)
            else:
                _put(outbox, item)
        if progress is not None:
            progress(done, len(sample.items))
    for name, content in sample.malformed:
        counts["malformed"] += 1
        _write(collect_dir, name, content)
    for item in sample.items:
        counts.update(_happen(item, kobo, central))
    return Delivered(dict(counts))


def _draw_people(providers: Sequence[Row], rng: random.Random, *, scale: float) -> People:
    blocks = sorted({(row["district"], row["block"]) for row in providers})
    known, unknown = max(round(ROLL * scale), 10 * len(blocks)), round(UNKNOWN_CODE * scale)
    codes = draw_codes(known + unknown, rng)
    nobody = [""] * round(WITHOUT_CODE * scale)
    return People(
        on_roll=tuple(draw_survivors(codes[:known], blocks, rng, on_roll=True)),
        without_code=tuple(draw_survivors(nobody, blocks, rng, on_roll=False)),
        unknown_code=tuple(draw_survivors(codes[known:], blocks, rng, on_roll=False)),
    )


def _item(interviewer: Interviewer, meeting: Meeting, today: date) -> Item:
    form, rng = interviewer.form, interviewer.rng
    instance_id = _new_id(rng)
    held = interviewer.hold(meeting, instance_id=instance_id)
    finished = meeting.start + timedelta(seconds=meeting.seconds)
    # Phones send when they have a network; everything has arrived by the evening before the sample's day.
    delay = timedelta(minutes=rng.randint(1, 60 * 30))
    latest = datetime.combine(today, datetime.min.time(), meeting.start.tzinfo) - timedelta(minutes=1)
    if meeting.mode == "chat":
        sources: tuple[str, ...] = ("chat",)
    else:
        sources = tuple(rng.choices(tuple(SOURCES), weights=tuple(SOURCES.values())))
    return Item(
        form_id=form.form_id,
        form_version=form.version,
        title=form.title,
        instance_id=instance_id,
        xml=held.xml,
        receipt=held.receipt or str(rng.randint(10**9, 10**10 - 1)),
        mode=meeting.mode,
        refusal=meeting.refusal,
        finished_at=finished,
        sent_at=max(finished, min(finished + delay, latest)),
        sources=sources,
    )


def _with_events(items: list[Item], rng: random.Random, *, scale: float) -> list[Item]:
    """Some instances go two ways; on the platforms some are edited, reviewed or deleted, no instance twice."""
    changed = list(items)
    free = [number for number, item in enumerate(items) if item.platform and item.refusal is None]
    rng.shuffle(free)
    for number in free[: max(2, round(TWICE * scale))]:
        changed[number] = replace(items[number], sources=("collect", *items[number].sources))
    rng.shuffle(free)

    def take(count: int) -> list[int]:
        wanted = max(1, round(count * scale))
        taken, free[:] = free[:wanted], free[wanted:]
        return taken

    for number in take(DELETED):
        changed[number] = replace(changed[number], deleted=True)
    for review, count in REVIEWED.items():
        for number in take(count):
            changed[number] = replace(changed[number], review=review)
    evaluations = [number for number in free if items[number].form_id == EVALUATION]
    for number in evaluations[: max(1, round(EDITED * scale))]:
        answers = {"core/respect": str(rng.randint(1, 5)), "comment": "Corrected by the office (sample)"}
        changed[number] = replace(changed[number], edit=answers, edit_id=_new_id(rng))
    return changed


def _malformed(items: Sequence[Item]) -> tuple[tuple[str, bytes], ...]:
    """Three files nobody can read: cut off by a full card, with a DOCTYPE, and of a form that is not ours."""
    whole = items[0].xml.encode()
    doctype = (
        b'<!DOCTYPE data [<!ENTITY x "y">]><data id="duty_bearer_evaluation" version="2026112301">&x;</data>'
    )
    other = b'<data id="household_survey" version="1"><meta><instanceID>uuid:other</instanceID></meta></data>'
    return (
        ("Cut off_2026-01-05_10-00-00", whole[: len(whole) // 2]),
        ("With a doctype_2026-01-05_10-05-00", doctype),
        ("Another form_2026-01-05_10-10-00", other),
    )


def _happen(item: Item, kobo: KoboServer, central: CentralServer) -> list[str]:
    """What the platform's people do to an instance."""
    if item.platform is None:
        return []
    server = kobo if item.platform == "kobo" else central
    root = item.instance_id if item.platform == "central" else item.instance_id.removeprefix("uuid:")
    done = []
    if item.edit:
        server.submit(edited(item.xml, new_id=item.edit_id, answers=item.edit))
        done.append("edited")
    if item.review:
        names = KOBO_REVIEW if item.platform == "kobo" else CENTRAL_REVIEW
        server.review(root, names[item.review])
        done.append(item.review)
    if item.deleted:
        server.delete(root)
        done.append("deleted")
    return done


def _put(outbox: Outbox, item: Item) -> None:
    outbox.put(
        "evaluation",
        form_id=item.form_id,
        form_version=item.form_version,
        instance_xml=item.xml,
        receipt=item.receipt,
        day=item.day,
        id=item.instance_id.removeprefix("uuid:"),
    )


def _write_instance(collect_dir: Path, item: Item) -> None:
    """The instance where Collect leaves it: a folder named by title and time, a file of the same name inside."""
    _write(collect_dir, f"{item.title}_{item.finished_at:%Y-%m-%d_%H-%M-%S}", item.xml.encode())


def _write(collect_dir: Path, name: str, content: bytes) -> None:
    folder, number = collect_dir / "instances" / name, 1
    while folder.exists():
        number += 1
        folder = collect_dir / "instances" / f"{name}_{number}"
    folder.mkdir(parents=True)
    (folder / f"{folder.name}.xml").write_bytes(content)


def _new_id(rng: random.Random) -> str:
    return f"uuid:{uuid.UUID(int=rng.getrandbits(128), version=4)}"
