"""Both forms in ODK's own form client and a real browser: the same questions as in chat, and answers that count alike."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from real_browser import Browse

import scoring
from bot.outbox import Outbox, new_key_pair
from connector import (
    ChatSource,
    CollectSource,
    Keys,
    Registry,
    Source,
    Store,
    Submission,
    new_code,
    read_collectors,
    read_providers,
    sync,
)
from xlsforms import (
    Form,
    Refused,
    begin,
    finish,
    load_form,
    prompt,
    read_instance,
    set_answer,
    set_language,
    value,
)

pytestmark = pytest.mark.nightly

FORMS = Path(__file__).resolve().parents[2] / "xlsforms"
ZONE = "Asia/Kolkata"
NOW = dt.datetime(2026, 11, 20, 10, 0, tzinfo=ZoneInfo(ZONE))
CODE, WRONG_CODE = new_code(12_345_678), "1234567890"
MEDIA = {name: (FORMS / name).read_text(encoding="utf-8") for name in ("providers.csv", "collectors.csv")}

# What must differ: who wrote it down, when, and under which number.
OF_THE_WAY = {"mode", "collector", "collector_office", "start", "end", "receipt", "meta/instanceID"}

OPENED = [("practice", "no"), ("adult", "yes"), ("consent", "yes")]
EVALUATION = [
    ("survivor_code", CODE),
    ("role", "social_worker"),
    ("district", "303"),
    ("block", "303_b01"),
    ("provider", "sw_303_001"),
    ("core/availability", "5"),
    ("core/timeliness", "4"),
    ("core/information", "dont_know"),
    ("core/respect", "1"),
    ("core/confidentiality", "yes"),
    ("core/non_discrimination", "no"),
    ("core/outcome", "3"),
    ("care/bribe_asked", "yes"),
    ("care/threatened", "wont_say"),
    ("sw/follow_up", "2"),
    ("sw/home_visit_privacy", "yes"),
    ("comment", "তিনি প্রতি সপ্তাহে এসেছেন & listened <always>."),
]
SERVICES = [
    ("survivor_code", CODE),
    ("district", "303"),
    ("block", "303_b02"),
    ("legal_aid/legal_aid_needed", "no"),
    ("compensation/compensation_needed", "yes"),
    ("compensation/compensation_asked", "yes"),
    ("compensation/applied_on", "2026-01-05"),
    ("compensation/ordered_on", "2026-03-17"),
    ("compensation/compensation_received", "partly"),
    ("compensation/paid_on", "2026-09-30"),
    ("health/health_needed", "yes"),
    ("health/health_asked", "dont_know"),
    ("health/health_received", "yes"),
    ("livelihood/livelihood_needed", "wont_say"),
]


@dataclass
class Walk:
    """One interview, held by the engine while it writes down what a person would do and see in the browser."""

    form: Form
    state: dict[str, Any]
    steps: list[dict[str, Any]] = field(default_factory=list)
    expected: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, path: str, name: str) -> None:
        """Answers as the browser shall; an answer that the engine refuses is given all the same."""
        place, asked = list(self.open()).index(path), prompt(self.form, self.state, path)
        labels = {one.name: self.label(path, one.name, one.label) for one in asked.choices}
        said = []
        try:
            self.state = set_answer(self.form, self.state, path, name, now=NOW)
        except Refused as refusal:
            said = [refusal.message]
        self._step(
            {"question": asked.label, "place": place, "answer": labels.get(name, name)},
            list(labels.values()),
            said,
        )

    def language(self, name: str) -> None:
        self.state = set_language(self.form, self.state, name)
        self._step({"language": self.form.language(name)})

    def picture(self, name: str) -> None:
        self._step({"picture": name})

    def send(self) -> None:
        self._step({"send": True}, said=[message for path in self.open() if (message := self.missing(path))])

    def label(self, path: str, name: str, label: str) -> str:
        """Attached lists have one label for all languages on a phone; chat reads the columns of each language."""
        if self.form.question(path).choice_names:
            return label
        return next(row["label"] for text in MEDIA.values() for row in rows(text) if row["name"] == name)

    def open(self) -> Iterator[str]:
        """The paths of what is on the page: asked or told, and relevant."""
        for one in self.form.questions:
            if one.kind not in ("calculate", "hidden"):
                try:
                    prompt(self.form, self.state, one.path)
                except KeyError:
                    continue
                yield one.path

    def missing(self, path: str) -> str:
        """What the form says about an empty question that must be answered, else ''."""
        if value(self.form, self.state, path):
            return ""
        try:
            set_answer(self.form, self.state, path, "", now=NOW)
        except Refused as refusal:
            return refusal.message
        return ""

    def _step(
        self, step: dict[str, Any], offered: list[str] | None = None, said: list[str] | None = None
    ) -> None:
        asked = [prompt(self.form, self.state, path) for path in self.open()]
        self.steps.append(step)
        self.expected.append(
            {
                "shown": [without_receipt(one.label) for one in asked],
                "hints": [one.hint or "" for one in asked],
                "offered": offered or [],
                "said": said or [],
            }
        )


@dataclass(frozen=True)
class Filled:
    """A form that was filled in the browser: what was to be seen, what was seen, and the instance."""

    walk: Walk
    seen: list[dict[str, Any]]
    sent: str
    abroad: list[str]
    errors: list[str]


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def without_receipt(text: str) -> str:
    return re.sub(r"\b[0-9]{10}\b", "(receipt)", " ".join(text.split()))


def begun(name: str, instance: str) -> Walk:
    form = load_form(FORMS / f"{name}.xlsx")
    return Walk(form, begin(form, now=NOW, instance_id=f"uuid:{instance}"))


@pytest.fixture(scope="module")
def in_browser(browse: Browse) -> Callable[[Walk], Filled]:
    """Repeats a walk in the browser."""

    def fill(walk: Walk) -> Filled:
        plan = {
            "now": NOW.isoformat(),
            "zone": ZONE,
            "form": walk.form.xform,
            "media": MEDIA,
            "steps": walk.steps,
        }
        result = browse("fill.mjs", plan)
        return Filled(walk, result["steps"], result["sent"], result["abroad"], result["errors"])

    return fill


@pytest.fixture(scope="module")
def evaluation(in_browser: Callable[[Walk], Filled]) -> Filled:
    """An evaluation of a social worker, begun in Bengali, with two wrong answers on the way, ended in English."""
    walk = begun("duty_bearer_evaluation", "0b0b0b0b-0000-4000-8000-000000000001")
    walk.send()
    walk.picture("evaluation_bn_too_early")
    for path, name in OPENED:
        walk.answer(path, name)
    walk.answer("collector", "c01")  # of the same office as the social worker
    walk.answer("survivor_code", WRONG_CODE)
    for path, name in EVALUATION[:5]:
        walk.answer(path, name)
    walk.picture("evaluation_bn_refused")
    walk.answer("collector", "c04")
    for path, name in EVALUATION[4:12]:
        walk.answer(path, name)
    walk.picture("evaluation_bn")
    walk.language("hi")
    walk.picture("evaluation_hi")
    walk.language("en")
    for path, name in EVALUATION[12:]:
        walk.answer(path, name)
    walk.picture("evaluation_en")
    walk.send()
    return in_browser(walk)


@pytest.fixture(scope="module")
def services(in_browser: Callable[[Walk], Filled]) -> Filled:
    """A check-in, filled in Bengali, with a date that cannot be and a service that is taken back."""
    walk = begun("services_checkin", "0b0b0b0b-0000-4000-8000-000000000002")
    for path, name in [*OPENED, ("collector", "c04"), *SERVICES[:7]]:
        walk.answer(path, name)
    walk.answer("compensation/ordered_on", "2025-12-31")  # before it was applied for
    for path, name in SERVICES[7:]:
        walk.answer(path, name)
    walk.answer("education/education_needed", "yes")
    walk.answer("education/education_asked", "yes")
    walk.answer("education/education_needed", "no")
    walk.picture("services_bn")
    walk.language("en")
    walk.picture("services_en")
    walk.send()
    return in_browser(walk)


@pytest.fixture(params=["evaluation", "services"])
def filled(request: pytest.FixtureRequest) -> Filled:
    result: Filled = request.getfixturevalue(request.param)
    return result


def test_the_page_shows_after_every_answer_what_the_chat_would_ask(filled: Filled) -> None:
    for step, expected, seen in zip(filled.walk.steps, filled.walk.expected, filled.seen, strict=True):
        assert [without_receipt(label) for label, _ in seen["shown"]] == expected["shown"], step


def test_every_hint_stands_under_its_question(filled: Filled) -> None:
    # The client puts the guidance for the enumerator right behind the hint.
    for step, expected, seen in zip(filled.walk.steps, filled.walk.expected, filled.seen, strict=True):
        for (_, hint), ours in zip(seen["shown"], expected["hints"], strict=True):
            assert hint.startswith(ours), step


def test_every_question_offers_the_choices_of_the_chat_in_the_same_order(filled: Filled) -> None:
    for step, expected, seen in zip(filled.walk.steps, filled.walk.expected, filled.seen, strict=True):
        assert seen["offered"] == expected["offered"], step


def test_what_the_chat_refuses_the_page_refuses_in_the_same_words(filled: Filled) -> None:
    for step, expected, seen in zip(filled.walk.steps, filled.walk.expected, filled.seen, strict=True):
        assert [message for message in expected["said"] if message not in seen["said"]] == [], step
    assert any(expected["said"] for expected in filled.walk.expected)


def test_the_receipt_stays_the_same_on_the_page_and_is_the_one_that_is_sent(filled: Filled) -> None:
    shown = {
        number
        for seen in filled.seen
        for label, _ in seen["shown"]
        for number in re.findall(r"\b[0-9]{10}\b", label)
    }
    assert shown == {read_instance(filled.sent).answers["receipt"]}


def test_no_words_are_cut_off_on_a_small_phone(filled: Filled) -> None:
    assert {words for seen in filled.seen for words in seen["clipped"]} == set()


def test_the_page_works_without_errors_and_asks_no_other_machine(filled: Filled) -> None:
    assert (filled.errors, filled.abroad) == ([], [])


@dataclass(frozen=True)
class Both:
    """The same answers, delivered by the browser (a file in a Collect folder) and by chat, in one store."""

    browser: Submission
    chat: Submission
    store: Store


@pytest.fixture
def both(filled: Filled, tmp_path: Path) -> Iterator[Both]:
    form, keys = filled.walk.form, new_key_pair()
    folder = tmp_path / "instances" / "Services feedback_2026-11-20"
    folder.mkdir(parents=True)
    assert filled.sent is not None, "the browser did not let the form go"
    (folder / f"{folder.name}.xml").write_text(filled.sent, encoding="utf-8")
    registry = Registry(
        providers=read_providers(FORMS / "providers.csv"),
        collectors=read_collectors(FORMS / "collectors.csv"),
    )
    with (
        Outbox(f"sqlite:///{tmp_path}/outbox.db", public_key=keys.public) as outbox,
        Store(
            f"sqlite:///{tmp_path}/store.db", keys=Keys.from_hex(pseudonym="11" * 32, text_public=keys.public)
        ) as store,
    ):
        put_by_chat(form, outbox)
        sources: list[Source] = [
            CollectSource(tmp_path / "instances", forms=[form]),
            ChatSource(outbox, private_key=keys.private, forms=[form]),
        ]
        browser, chat = (the_one(source) for source in sources)
        store.migrate()
        store.set_registry(registry)
        store.add_codes([CODE])
        reports = sync(store, sources, now=lambda: NOW)
        assert [report.error for report in reports] == [None, None]
        assert store.quarantined() == []
        yield Both(browser, chat, store)


def put_by_chat(form: Form, outbox: Outbox) -> None:
    """The same answers in a conversation, without the detours."""
    state = begin(form, now=NOW, instance_id="uuid:0b0b0b0b-0000-4000-8000-000000000003")
    state = set_answer(form, state, "mode", "chat", now=NOW)
    rest = (
        EVALUATION
        if form.form_id == "duty_bearer_evaluation"
        else [*SERVICES, ("education/education_needed", "no")]
    )
    for path, name in [*OPENED, *rest]:
        state = set_answer(form, state, path, name, now=NOW)
    outbox.put(
        "evaluation",
        form_id=form.form_id,
        form_version=form.version,
        instance_xml=finish(form, state, now=NOW),
        receipt=value(form, state, "receipt"),
        day=NOW.date(),
        id=state["id"],
    )


def the_one(source: Source) -> Submission:
    found = [one for page in source.pages(None) for one in page.submissions]
    assert len(found) == 1
    return found[0]


def test_the_browser_and_the_chat_agree_field_by_field(both: Both) -> None:
    browser, chat = both.browser, both.chat
    assert (browser.form_id, browser.form_version) == (chat.form_id, chat.form_version)
    assert (browser.mode, chat.mode) == ("enumerator", "chat")
    assert without_way(browser) == without_way(chat)
    assert len(without_way(browser)) >= 18
    assert browser.answers["collector"] == "c04"
    assert re.fullmatch("[0-9]{10}", browser.answers["receipt"])
    assert browser.answers["start"].startswith("2026-11-20T10:00")


def without_way(one: Submission) -> dict[str, str]:
    return {path: text for path, text in one.answers.items() if path not in OF_THE_WAY}


@pytest.mark.parametrize("filled", ["evaluation"], indirect=True)
def test_an_evaluation_from_the_browser_is_stored_and_scored_like_one_from_chat(both: Both) -> None:
    stored = {row["mode"]: row for row in both.store.evaluations()}
    browser, chat = stored["enumerator"], stored["chat"]
    assert len(both.store.evaluations()) == 2
    assert browser["provider"] == "sw_303_001"
    assert list(browser["flags"]) == ["bribe"]
    assert browser["collector"] is not None
    assert not browser["own_office"]
    of_the_way = {"evaluation", "mode", "collector", "seconds"}
    assert {k: v for k, v in browser.items() if k not in of_the_way} == {
        k: v for k, v in chat.items() if k not in of_the_way
    }
    assert browser["values"]["respect"] == 1.0
    assert browser["verified"]
    table = scoring.table(both.store.evaluations(), scales(both.store))
    assert len(table) == 2
    assert table.indicators["respect"].tolist() == [0.0, 0.0]
    assert table.indicators["bribe"].tolist() == [0.0, 0.0]
    assert table.indicators["availability"].tolist() == [100.0, 100.0]


def scales(store: Store) -> dict[str, dict[str, scoring.Scale]]:
    return {
        version: {
            name: scoring.Scale(low=one.low, high=one.high, best=one.best) for name, one in found.items()
        }
        for version, found in store.scales().items()
    }


@pytest.mark.parametrize("filled", ["services"], indirect=True)
def test_a_check_in_from_the_browser_is_stored_like_one_from_chat(both: Both) -> None:
    rows = {
        mode: [row for row in both.store.services() if row["mode"] == mode] for mode in ("enumerator", "chat")
    }
    without_mode = {mode: [{**row, "mode": ""} for row in found] for mode, found in rows.items()}
    assert without_mode["enumerator"] == without_mode["chat"]
    paid = next(row for row in rows["enumerator"] if row["service"] == "compensation")
    assert (paid["days_to_order"], paid["days_to_payment"]) == (71, 197)
