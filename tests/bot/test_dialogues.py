"""The golden conversations, talked without Rasa and through it: both must say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from speaking import AtTheDesk, Speaker, ThroughRasa, buttons, shown, without_receipts

from bot.outbox import KeyPair, Outbox, open_row
from bot.runtime import Running
from bot.settings import Settings
from xlsforms import read_instance

TALKS = sorted((Path(__file__).parents[1] / "conversations").glob("*.yml"))
CODE = "5835098051"  # well-formed (number mod 97 = 1), on nobody's roll


def talk(speaker: Speaker, script: dict[str, Any]) -> list[str]:
    """Everything the bot showed, turn by turn, after checking what the script expects of each."""
    said: list[str] = []
    offered: dict[str, str] = {}
    for number, turn in enumerate(script["turns"], start=1):
        if "presses" in turn:
            replies = speaker.press(offered[turn["presses"]])
        else:
            replies = speaker.say(turn["she"].replace("{code}", CODE), intent=turn.get("intent"))
        text = shown(replies)
        for expected in turn.get("bot", []):
            assert expected in text, f"turn {number} ({turn}) showed:\n{text}"
        for unwanted in turn.get("not", []):
            assert unwanted not in text, f"turn {number} ({turn}) showed:\n{text}"
        offered = buttons(replies)
        said.append(without_receipts(text))
    return said


def check_end(script: dict[str, Any], outbox: Outbox, keys: KeyPair) -> None:
    rows = outbox.take(0, 10)
    kinds = {"saved": ["evaluation"], "withdrawn": ["withdrawal"]}.get(script["ends"], [])
    assert [row.kind for row in rows] == kinds
    if rows:
        answers = read_instance(open_row(rows[0], keys.private)).answers
        expected = script.get("answers", {})
        assert {path: answers.get(path) for path in expected} == expected
        outbox.acknowledge([row.id for row in rows])


@pytest.fixture(params=TALKS, ids=lambda path: path.stem)
def script(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(request.param.read_text(encoding="utf-8"))
    return found


def test_a_golden_conversation_goes_as_written(
    person: AtTheDesk, script: dict[str, Any], outbox: Outbox, keys: KeyPair
) -> None:
    talk(person, script)
    check_end(script, outbox, keys)
    assert (person.opened is None) == (script["ends"] not in ("open", "withdrawn"))


@pytest.mark.rasa
def test_a_golden_conversation_goes_the_same_through_rasa(
    person: AtTheDesk, running_bot: Running, rasa_settings: Settings, script: dict[str, Any], keys: KeyPair
) -> None:
    without_rasa = talk(person, script)
    assert talk(ThroughRasa(running_bot), script) == without_rasa
    with Outbox(rasa_settings.outbox_url) as outbox:
        check_end(script, outbox, keys)
