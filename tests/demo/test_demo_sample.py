"""The sample: invented interviews through the real forms, the same for the same seed, delivered four ways."""

from __future__ import annotations

import csv
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from demo_replay import send

from bot.outbox import Outbox, new_key_pair, open_row
from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from shakti.demo.planning import World, last_quarters, plan_evaluations, quarter
from shakti.demo.sample import EVALUATION, NOT_LISTED, Sample, _draw_people, deliver, make_sample
from shakti.demo.survivors import Interviewer, Meeting, draw_codes, interviewer
from shakti.demo.truth import ProviderTruth, Truth, draw_truth
from xlsforms import Form, FormError, begin, finish, load_form, marks, read_instance, scale, set_answer

XLSFORMS = Path(__file__).resolve().parent.parent.parent / "xlsforms"
TODAY = date(2026, 11, 23)
SIZE = 60
Rows = list[dict[str, str]]


def rows(name: str) -> Rows:
    with (XLSFORMS / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def forms() -> dict[str, Form]:
    return {name: load_form(XLSFORMS / f"{name}.xlsx") for name in (EVALUATION, "services_checkin")}


@pytest.fixture(scope="module")
def sample(forms: dict[str, Form]) -> Sample:
    return small(forms, seed=7)


def small(forms: Mapping[str, Form], *, seed: int) -> Sample:
    registry = (rows("providers"), rows("collectors"))
    return make_sample(forms, *registry, seed=seed, today=TODAY, evaluations=SIZE)


def answers_of(xml: str) -> dict[str, str]:
    return read_instance(xml).answers


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    forms: dict[str, Form], sample: Sample
) -> None:
    assert small(forms, seed=7) == sample
    other = small(forms, seed=8)
    assert {item.xml for item in other.items}.isdisjoint(item.xml for item in sample.items)


def test_every_instance_can_be_read_and_has_an_id_of_its_own(sample: Sample) -> None:
    for item in sample.items:
        instance = read_instance(item.xml)
        assert (instance.form_id, instance.version) == (item.form_id, item.form_version)
        assert instance.instance_id == item.instance_id
        assert instance.answers["today"] == item.day.isoformat()
        assert instance.answers["start"].endswith("+05:30")
    assert len({item.instance_id for item in sample.items}) == len(sample.items)


def test_the_sample_says_that_it_is_one(sample: Sample) -> None:
    assert sample.note == "Sample data: invented, not about real people"


def test_progress_is_told_after_each_interview(forms: dict[str, Form]) -> None:
    told: list[tuple[int, int]] = []
    make_sample(
        forms,
        rows("providers"),
        rows("collectors"),
        seed=1,
        today=TODAY,
        evaluations=20,
        checkins=2,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(done, 22) for done in range(1, 23)]


def test_codes_are_ten_digits_that_leave_one() -> None:
    codes = draw_codes(500, random.Random(3))
    assert len(set(codes)) == 500
    assert all(len(code) == 10 and int(code) % 97 == 1 for code in codes)


def test_codes_in_instances_are_on_the_roll_or_nobodys_or_missing(sample: Sample) -> None:
    given = [answers_of(item.xml).get("survivor_code", "") for item in sample.items if item.refusal is None]
    on_roll = sum(code in sample.roll for code in given)
    assert 0.7 < on_roll / len(given) < 0.97
    assert any(code == "" for code in given)
    assert any(code and code not in sample.roll for code in given)


def test_whoever_refuses_is_asked_nothing_more(sample: Sample) -> None:
    refused = [item for item in sample.items if item.refusal in ("adult", "consent")]
    assert {item.refusal for item in sample.items} == {None, "practice", "adult", "consent"}
    for item in refused:
        assert "provider" not in answers_of(item.xml)
        assert item.mode == "enumerator"
        assert answers_of(item.xml)[item.refusal or ""] == "no"


@dataclass(frozen=True)
class Plan:
    """A full plan, without the interviews."""

    world: World
    meetings: list[Meeting]


@pytest.fixture(scope="module")
def plan() -> Plan:
    providers = tuple(row for row in rows("providers") if row["name"] != NOT_LISTED)
    collectors = tuple(rows("collectors"))
    rng = random.Random(5)
    truth = draw_truth(providers, collectors, ("respect",), rng)
    people = _draw_people(providers, rng, scale=1)
    world = World(providers, collectors, truth, people, last_quarters(TODAY))
    return Plan(world, plan_evaluations(world, rng, total=3400, form_id=EVALUATION))


def test_a_full_plan_is_uneven_as_life_is(plan: Plan) -> None:
    assert len(plan.meetings) == 3400
    kept = [meeting for meeting in plan.meetings if meeting.refusal is None]
    people = defaultdict(set)
    for meeting in kept:
        if meeting.survivor.on_roll and meeting.provider and meeting.listed:
            people[meeting.provider["name"]].add(meeting.survivor.code)
    sizes = [len(codes) for codes in people.values()]
    assert len(kept) >= 3150
    assert len(sizes) >= 120
    assert sum(size >= 40 for size in sizes) >= 15
    assert sum(size < 10 for size in sizes) >= 40
    assert len(plan.world.truth.providers) > len(sizes)  # some are never evaluated
    peers = Counter(
        (row["role"], row["district"])
        for row in plan.world.providers
        if len(people.get(row["name"], ())) >= 10
    )
    for district in ("303", "304"):
        assert peers["social_worker", district] >= 8
        assert peers["panchayat_member", district] >= 8


def test_nobody_asks_about_the_own_office_or_outside_a_posting(plan: Plan) -> None:
    offices = {row["name"]: row["office"] for row in plan.world.collectors}
    for meeting in plan.meetings:
        assert meeting.provider
        day = meeting.start.date()
        assert meeting.collector is None or offices[meeting.collector] != meeting.provider["office"]
        if plan.world.window.of(meeting.provider):
            assert meeting.provider["from"] <= day.isoformat() <= (meeting.provider["to"] or "9999")
        assert date(2026, 1, 1) <= day < TODAY


def test_one_survivor_speaks_twice_about_a_provider_in_one_quarter(plan: Plan) -> None:
    heard = Counter(
        (meeting.survivor.code, meeting.provider["name"], quarter(meeting.start.date()))
        for meeting in plan.meetings
        if meeting.survivor.on_roll and meeting.provider and meeting.listed and meeting.refusal is None
    )
    assert max(heard.values()) == 2


def test_the_window_is_four_quarters_that_end_with_yesterdays() -> None:
    assert (last_quarters(TODAY).first, last_quarters(TODAY).last) == (date(2026, 1, 1), date(2026, 11, 22))
    assert last_quarters(date(2027, 1, 1)).first == date(2026, 1, 1)
    assert last_quarters(date(2027, 1, 2)).first == date(2026, 4, 1)


def world_of(quality: float, form: Form, *, collector: float = 0.0) -> Interviewer:
    provider = ProviderTruth(quality, {}, excellent=False)
    truth = Truth({"sw_303_002": provider}, {"c07": collector})
    return interviewer(form, truth, random.Random(11))


def mean_answer(form: Form, quality: float, meeting: Meeting) -> float:
    """The mean of all indicators on 0-100, over forty interviews."""
    held = world_of(quality, form)
    rulers = {mark.path: scale(mark) for mark in marks(form) if mark.measures and not mark.flag}
    found = []
    for number in range(40):
        answers = answers_of(held.hold(meeting, instance_id=f"uuid:{number}").xml)
        for path, ruler in rulers.items():
            if ruler and answers.get(path) in ruler.values:
                share = (ruler.values[answers[path]] - ruler.low) / (ruler.high - ruler.low)
                found.append(100 * (share if ruler.best == ruler.high else 1 - share))
    return sum(found) / len(found)


@pytest.fixture
def meeting(plan: Plan) -> Meeting:
    return next(
        replace(one, collector="c07", refusal=None, listed=True)
        for one in plan.meetings
        if one.provider and one.provider["name"] == "sw_303_002" and one.survivor.on_roll
    )


def test_a_better_truth_gives_better_answers_and_a_face_kinder_ones(
    forms: dict[str, Form], meeting: Meeting
) -> None:
    form = forms[EVALUATION]
    neutral = replace(meeting, survivor=replace(meeting.survivor, leniency=0.0))
    poor, fair, good = (mean_answer(form, quality, neutral) for quality in (25, 55, 85))
    assert fair - poor > 18
    assert good - fair > 18
    in_chat = mean_answer(form, 55, replace(neutral, collector=None))
    assert 2 < fair - in_chat < 6


def test_a_chat_and_a_phone_give_instances_that_agree_field_by_field(
    forms: dict[str, Form], meeting: Meeting
) -> None:
    form = forms[EVALUATION]
    phone = answers_of(world_of(70, form).hold(meeting, instance_id="uuid:phone").xml)
    now = meeting.start
    state = begin(form, now=now, language="bn", instance_id="uuid:chat")
    state = set_answer(form, state, "mode", "chat", now=now)
    asked = {question.path for question in form.questions if question.kind in ("select_one", "text")}
    for path, text in phone.items():
        if path in asked and path != "collector":
            state = set_answer(form, state, path, text, now=now)
    chat = answers_of(finish(form, state, now=now))
    only_phone = {"collector", "collector_office"}
    differ = {"mode", "end", "receipt", "meta/instanceID"}
    assert phone.keys() - chat.keys() == only_phone
    assert chat.keys() <= phone.keys()
    assert {path for path in chat if chat[path] != phone[path]} == differ


@dataclass(frozen=True)
class Places:
    """Where a sample is delivered to."""

    kobo: KoboServer
    central: CentralServer
    outbox: Outbox
    private_key: str
    collect: Path
    kobo_rows: dict[str, dict[str, object]]
    counts: Mapping[str, int]


@pytest.fixture(scope="module")
def delivered(
    sample: Sample, forms: dict[str, Form], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Places]:
    folder, keys = tmp_path_factory.mktemp("delivered"), new_key_pair()
    now = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    with (
        KoboServer(clock=lambda: now, token="t") as kobo,
        CentralServer(clock=lambda: now, email="a@example.org", password="p") as central,
        Outbox(f"sqlite:///{folder}/outbox.db", public_key=keys.public) as outbox,
    ):
        uids = [kobo.deploy(XLSFORMS / f"{name}.xlsx") for name in forms]
        for name in forms:
            central.deploy(XLSFORMS / f"{name}.xlsx")
        counts = deliver(
            sample, kobo=kobo, central=central, collect_dir=folder / "collect", outbox=outbox
        ).counts
        headers = {"Authorization": "Token t"}
        pages = [
            send("GET", f"{kobo.url}/api/v2/assets/{uid}/data/?limit=1000", headers=headers) for uid in uids
        ]
        found = {row["meta/rootUuid"]: row for page in pages for row in page.json["results"]}
        yield Places(kobo, central, outbox, keys.private, folder / "collect", found, counts)


def test_every_instance_arrives_where_it_was_sent(sample: Sample, delivered: Places) -> None:
    def alive(source: str) -> set[str]:
        return {
            item.instance_id
            for item in sample.items
            if source in item.sources and not (item.deleted and item.platform == source)
        }

    in_central = {
        one.root
        for form in delivered.central.project.forms.values()
        for one in form.submissions.values()
        if one.deleted_at is None
    }
    assert set(delivered.kobo_rows) == alive("kobo")
    assert in_central == alive("central")
    taken = delivered.outbox.take(0, 1000)
    assert {read_instance(open_row(row, delivered.private_key)).instance_id for row in taken} == alive("chat")
    assert {row.form_id for row in taken} <= {EVALUATION, "services_checkin"}
    for source in ("kobo", "central", "collect", "chat"):
        assert delivered.counts[source] == sample.counts[source] > 0


def test_the_collect_folder_looks_as_collect_leaves_it(sample: Sample, delivered: Places) -> None:
    files = sorted((delivered.collect / "instances").glob("*/*.xml"))
    assert all(file.stem == file.parent.name for file in files)
    found, broken = set(), 0
    for file in files:
        try:
            found.add(read_instance(file.read_bytes()).instance_id)
        except FormError:
            broken += 1
    assert broken == 2
    assert found == {item.instance_id for item in sample.items if "collect" in item.sources} | {"uuid:other"}


def test_an_instance_that_goes_two_ways_says_the_same_on_both(sample: Sample, delivered: Places) -> None:
    twice = [item for item in sample.items if len(item.sources) > 1]
    assert twice
    for item in twice:
        assert item.sources[0] == "collect"
        row = delivered.kobo_rows.get(item.instance_id)
        if row and not item.edit:
            answers = {path: text for path, text in answers_of(item.xml).items() if path in row}
            assert answers == {path: row[path] for path in answers}
            assert len(answers) == len(answers_of(item.xml))


def test_what_happened_on_the_platforms_shows_there(sample: Sample, delivered: Places) -> None:
    central = {
        one.root: one
        for form in delivered.central.project.forms.values()
        for one in form.submissions.values()
    }
    for item in sample.items:
        row, stored = delivered.kobo_rows.get(item.instance_id), central.get(item.instance_id)
        if item.edit and row:
            assert row["core/respect"] == item.edit["core/respect"]
            assert row["meta/deprecatedID"] == item.instance_id
        if item.edit and stored:
            assert (stored.review_state, len(stored.versions)) == ("edited", 2)
        if item.review == "rejected" and row:
            assert row["_validation_status"]["uid"] == "validation_status_not_approved"  # type: ignore[index]
        if item.review == "rejected" and stored:
            assert stored.review_state == "rejected"
        if item.deleted and stored:
            assert stored.deleted_at is not None
    for what in ("edited", "rejected", "deleted"):
        assert delivered.counts[what] == sample.counts[what] > 0
