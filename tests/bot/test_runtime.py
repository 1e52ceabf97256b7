"""Starting and stopping without Rasa: what can be said before anything runs."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path

import pytest
import yaml

from bot.drafts import new_drafts_key
from bot.errors import NotRunningError, RasaMissingError, WordsError
from bot.outbox import new_key_pair
from bot.runtime import RASA_PROJECT, TRAINED_FROM, Running, find_rasa_python, fingerprint, new_sender
from bot.settings import SETTINGS, Settings

OFTEN_NEEDED = ("stop", "danger", "need_help", "skip", "back", "affirm", "deny", "start_evaluation")
WAYS = ("en", "bn", "hi", "bn-Latn", "hi-Latn")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        forms=(tmp_path / "no_such_form.xlsx",),
        drafts_url=f"sqlite:///{tmp_path}/drafts.db",
        drafts_key=new_drafts_key(),
        outbox_url=f"sqlite:///{tmp_path}/outbox.db",
        outbox_public_key=new_key_pair().public,
    )


def test_without_rasa_one_sentence_says_what_to_install(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(RasaMissingError, match=r"install Python 3\.10 and run `make setup-bot`"):
        Running(None, tmp_path / "model", settings, tmp_path / "logs").__enter__()
    assert find_rasa_python(tmp_path) is None


@pytest.mark.parametrize("option", ["--port", "--action-port"])
def test_a_port_in_use_is_named_with_the_option_to_choose_another(
    settings: Settings, tmp_path: Path, option: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        asked = {"--port": {"port": port}, "--action-port": {"action_port": port}}[option]
        running = Running(Path(sys.executable), tmp_path / "model", settings, tmp_path / "logs", **asked)
        with pytest.raises(NotRunningError, match=rf"port {port} is used by another program.*{option}"):
            running.__enter__()
    assert running.processes == {}


def test_a_server_that_dies_while_starting_says_why_and_leaves_nothing_running(
    settings: Settings, tmp_path: Path
) -> None:
    running = Running(Path(sys.executable), tmp_path / "model", settings, tmp_path / "logs")
    with pytest.raises(NotRunningError, match=r"actions stopped while starting: .*no_such_form"):
        running.__enter__()
    assert running.processes == {}


def test_settings_travel_by_environment_and_hide_the_key(settings: Settings) -> None:
    assert Settings.from_environment(settings.environment()) == settings
    assert settings.drafts_key not in repr(settings)


def test_a_missing_setting_is_named(settings: Settings) -> None:
    environment = settings.environment()
    del environment[SETTINGS["drafts_key"]]
    with pytest.raises(WordsError, match="SHAKTI_DRAFTS_KEY is not set"):
        Settings.from_environment(environment)


def test_senders_are_long_random_and_take_no_escaping() -> None:
    senders = {new_sender() for _ in range(100)}
    assert len(senders) == 100
    assert all(len(sender) >= 32 and sender.replace("-", "").replace("_", "").isalnum() for sender in senders)


def test_the_fingerprint_changes_with_what_the_model_is_made_from_and_with_nothing_else(
    tmp_path: Path,
) -> None:
    (tmp_path / "data").mkdir()
    for name in TRAINED_FROM:
        shutil.copy(RASA_PROJECT / name, tmp_path / name)
    before = fingerprint(tmp_path)
    assert before == fingerprint()
    (tmp_path / "channel.py").write_text("# another door")
    assert fingerprint(tmp_path) == before
    (tmp_path / "data" / "nlu.yml").write_text("nlu: []")
    assert fingerprint(tmp_path) != before


# -- the Rasa project ----------------------------------------------------------------------------------------------


def project(name: str) -> dict:
    found: dict = yaml.safe_load((RASA_PROJECT / name).read_text(encoding="utf-8"))
    return found


def test_every_intent_has_examples_in_five_ways_of_writing_and_the_urgent_ones_many() -> None:
    examples: dict[tuple[str, str], int] = {}
    for block in project("data/nlu.yml")["nlu"]:
        if "intent" in block:
            key = (block["intent"], block["metadata"]["way"])
            examples[key] = examples.get(key, 0) + len(block["examples"].splitlines())
    intents = project("domain.yml")["intents"]
    assert set(examples) == {(intent, way) for intent in intents for way in WAYS}
    few = {key: n for key, n in examples.items() if n < (15 if key[0] in OFTEN_NEEDED else 5)}
    assert few == {}


def test_no_sentence_is_an_example_of_two_intents() -> None:
    owners: dict[str, set[str]] = {}
    for block in project("data/nlu.yml")["nlu"]:
        for line in block["examples"].splitlines() if "intent" in block else ():
            owners.setdefault(line.removeprefix("- ").casefold(), set()).add(block["intent"])
    assert {text: intents for text, intents in owners.items() if len(intents) > 1} == {}


def test_every_intent_and_the_fallback_lead_to_our_one_action() -> None:
    rules = {
        rule["steps"][0]["intent"]: [step["action"] for step in rule["steps"][1:]]
        for rule in project("data/rules.yml")["rules"]
    }
    intents = project("domain.yml")["intents"]
    assert set(rules) == {*intents, "nlu_fallback"}
    assert all(actions in (["action_turn"], ["action_back"]) for actions in rules.values())
    assert [intent for intent, actions in rules.items() if actions == ["action_back"]] == ["back"]


def test_the_only_slot_is_filled_by_the_action_alone_and_nothing_is_carried_over() -> None:
    domain = project("domain.yml")
    assert domain["slots"] == {
        "interview": {"type": "text", "influence_conversation": False, "mappings": [{"type": "custom"}]}
    }
    assert domain["session_config"] == {
        "session_expiration_time": 15,
        "carry_over_slots_to_new_session": False,
    }
    assert "responses" not in domain
    assert list(project("credentials.yml")) == ["channel.ShaktiInput"]
