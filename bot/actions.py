"""The bridge from Rasa: its one action hands each message to the clerk and gives back what he says.

    python -m bot.actions --port 5055

runs the action server on this machine's own address only. Its settings come by environment variables
(`bot.settings`), so that no key stands on a command line.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.endpoint import create_app
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher
from sanic import Sanic

from bot.clerk import Clerk, open_clerk
from bot.conversation import Message
from bot.settings import Settings
from bot.understand import trusted

__all__ = ["ActionBack", "ActionTurn", "message_of", "serve"]

KEEP_ALIVE_SECONDS = (
    120  # Sanic's 5 s closed connections Rasa was about to write to: 125 of 300 answers were lost
)
LARGEST_REQUEST = 1_000_000  # bytes: Rasa sends its whole tracker with every message


class ActionTurn(Action):  # type: ignore[misc]  # rasa_sdk carries no types
    """Every intent leads here. It speaks all replies itself, so nothing is said that did not happen."""

    def __init__(self, clerk: Clerk) -> None:
        self._clerk = clerk

    def name(self) -> str:
        """As the domain calls it."""
        return "action_turn"

    async def run(
        self,
        dispatcher: CollectingDispatcher,
        tracker: Tracker,
        domain: dict[str, Any],  # noqa: ARG002  as rasa_sdk calls it
    ) -> list[dict[str, Any]]:
        """Hand the message to the clerk in a thread (a commit may wait for a lock), and say what he says."""
        handled = await asyncio.to_thread(
            self._clerk.handle,
            tracker.sender_id,
            message_of(tracker.latest_message),
            open_interview=tracker.get_slot("interview"),
        )
        for reply in handled.replies:
            said = reply.to_json()
            more = said.pop("more", None)
            dispatcher.utter_message(**said, json_message=more)  # our channel joins the two again
        return [SlotSet("interview", handled.interview)]


class ActionBack(ActionTurn):
    """The same under the name that Rasa insists on for the intent "back"."""

    def name(self) -> str:
        """As Rasa calls it."""
        return "action_back"


def message_of(latest: Mapping[str, Any]) -> Message:
    """The message in Rasa's tracker. Button payloads come in the metadata that our own channel wrote."""
    metadata = latest.get("metadata") or {}
    intent = latest.get("intent") or {}
    payload = metadata.get("payload")
    return Message(
        text=None if payload else latest.get("text"),
        payload=payload,
        intent=None if payload else trusted(intent.get("name"), intent.get("confidence") or 0.0),
        id=metadata.get("id") or latest.get("message_id"),
    )


def serve(settings: Settings, port: int) -> None:
    """Run the action server on 127.0.0.1 until it is stopped."""
    # rasa-sdk warns with every call that Rasa 3.6 is older than it; tried and found to work (docs/decisions).
    logging.getLogger("rasa_sdk.utils").setLevel(logging.ERROR)
    with open_clerk(settings) as clerk:
        executor = ActionExecutor()
        executor.register_action(ActionTurn(clerk))
        executor.register_action(ActionBack(clerk))
        app = create_app(executor, cors_origins=[])
        app.config.update(
            KEEP_ALIVE_TIMEOUT=KEEP_ALIVE_SECONDS, REQUEST_MAX_SIZE=LARGEST_REQUEST, ACCESS_LOG=False
        )
        app.prepare(host="127.0.0.1", port=port, access_log=False, motd=False, single_process=True)
        Sanic.serve_single(primary=app)


def main() -> None:
    """The action server as a program of its own."""
    parser = argparse.ArgumentParser(description="Answer Rasa's one action.")
    parser.add_argument("--port", type=int, default=5055)
    port = parser.parse_args().port
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    os.umask(0o077)
    serve(Settings.from_environment(os.environ), port)


if __name__ == "__main__":
    main()
