"""One form, two ways: what a chat delivers and what a Collect file holds agree field by field."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from bot.clerk import open_clerk
from bot.drafts import new_drafts_key
from bot.outbox import Outbox, new_key_pair
from bot.settings import Settings
from bot.terminal import interview
from bot.turns import Message
from connector import ChatSource, CollectSource, Source, Submission, new_code
from xlsforms import Form, load_form

REPOSITORY = Path(__file__).resolve().parents[2]
TALKS = REPOSITORY / "shakti" / "demo" / "talks"
CODE = new_code(12_345_678)

# What must differ: who wrote it down, when, and under which number.
OF_THE_WAY = {"mode", "collector", "collector_office", "start", "end", "receipt", "meta/instanceID"}

BEFORE_THE_FORM = 4  # hello, the language, a safe time, which form


@pytest.fixture(scope="module")
def form() -> Form:
    return load_form(REPOSITORY / "xlsforms" / "duty_bearer_evaluation.xlsx")


def said(language: str) -> list[str]:
    """The replies of the scripted person."""
    text = (TALKS / f"{language}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [line.replace("{code}", CODE) for line in lines]


def the_one(source: Source) -> Submission:
    found = [one for page in source.pages(None) for one in page.submissions]
    assert len(found) == 1
    return found[0]


def by_chat(language: str, form: Form, folder: Path) -> Submission:
    keys = new_key_pair()
    settings = Settings(
        forms=(
            REPOSITORY / "xlsforms" / "duty_bearer_evaluation.xlsx",
            REPOSITORY / "xlsforms" / "services_checkin.xlsx",
        ),
        drafts_url=f"sqlite:///{folder}/drafts.db",
        drafts_key=new_drafts_key(),
        outbox_url=f"sqlite:///{folder}/outbox.db",
        outbox_public_key=keys.public,
    )
    with open_clerk(settings) as clerk:
        for line in said(language):
            clerk.handle("a-long-random-name-of-one-conversation", Message(text=line))
    with Outbox(settings.outbox_url) as outbox:
        return the_one(ChatSource(outbox, private_key=keys.private, forms=[form]))


def by_phone(language: str, form: Form, folder: Path) -> Submission:
    """The same replies to the same form, put down by an enumerator: her code comes first, and nothing is sent."""
    replies = said(language)[BEFORE_THE_FORM:-1]
    skip = {"en": "skip", "bn": "বাদ দিন"}[language]
    consented = 3
    typed = [*replies[:consented], "c04", *replies[consented:]]
    xml = interview(
        form,
        iter(["" if reply == skip else reply for reply in typed]),
        lambda _: None,
        language=form.language(language),
        now=lambda: dt.datetime.now(dt.UTC).astimezone(),
        instance_id="uuid:5b0e3a53-0000-4000-8000-000000000001",
    )
    place = folder / "instances" / "Services feedback_2026-11-23"
    place.mkdir(parents=True)
    (place / f"{place.name}.xml").write_text(xml, encoding="utf-8")
    return the_one(CollectSource(folder / "instances", forms=[form]))


@pytest.mark.parametrize("language", ["en", "bn"])
def test_a_chat_and_a_collect_file_agree_field_by_field(language: str, form: Form, tmp_path: Path) -> None:
    chat, phone = by_chat(language, form, tmp_path), by_phone(language, form, tmp_path)
    assert (chat.form_id, chat.form_version) == (phone.form_id, phone.form_version)
    assert (chat.mode, phone.mode) == ("chat", "enumerator")
    assert without_way(chat) == without_way(phone)
    assert len(without_way(chat)) >= 20
    assert phone.answers["collector"] == "c04"
    assert "collector" not in chat.answers


def without_way(one: Submission) -> dict[str, str]:
    return {path: text for path, text in one.answers.items() if path not in OF_THE_WAY}


def test_a_different_reply_would_be_seen(form: Form, tmp_path: Path) -> None:
    english, bengali = by_chat("en", form, tmp_path), by_phone("bn", form, tmp_path)
    changed = {**without_way(bengali), "core/respect": "1"}
    assert without_way(english) == without_way(bengali)
    assert without_way(english) != changed
