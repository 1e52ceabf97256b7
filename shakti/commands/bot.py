"""`shakti bot`: train Rasa, run the conversation, see what the bot understands."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from bot.errors import RasaMissingError, WordsError
from bot.runtime import Running, find_rasa_python, new_sender, train, understand
from bot.settings import Settings
from shakti import assembly
from shakti.commands.options import CONFIG, AsJson, ConfigPath
from shakti.config import Config, ConfigError, read_config
from shakti.screen import Screen

app = typer.Typer(no_args_is_help=True, help="Train, run and try the chat.")

MODELS = Path("bot/rasa/models")

Models = Annotated[Path, typer.Option("--models", help="The folder of trained models.")]


@app.command(name="train")
def train_model(
    models: Models = MODELS,
    force: Annotated[bool, typer.Option("--force", help="Train even when nothing changed.")] = False,
) -> None:
    """Train Rasa on bot/rasa; does nothing when the model of the present sources is there.

    Example: shakti bot train
    """
    screen = Screen()
    with screen.step("Training Rasa") as step:
        model = train(rasa_python(), models, force)
        step.note(str(model))
    screen.next("shakti bot run")


def rasa_python() -> Path:
    """The Python of Rasa's environment; RasaMissingError says how to get one."""
    found = find_rasa_python()
    if found is None:
        raise RasaMissingError(
            "Rasa is not installed: install Python 3.10 (3.8 and 3.9 do too) and run make setup-bot."
        )
    return found


@app.command()
def run(
    config_path: ConfigPath = CONFIG,
    models: Models = MODELS,
    *,
    port: Annotated[int | None, typer.Option("--port", help="Rasa's port (default: bot.port).")] = None,
    action_port: Annotated[
        int | None, typer.Option("--action-port", help="The action server's (default: bot.actions_port).")
    ] = None,
    web: Annotated[
        int | None, typer.Option("--web", help="Serve the chat page on this port, for a proxy that adds TLS.")
    ] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Let the page work without TLS, to try it on this machine.")
    ] = False,
    talk: Annotated[bool, typer.Option("--talk", help="Talk to it here in the terminal.")] = False,
) -> None:
    """Start the action server and Rasa on this machine only, until stopped; with --web the chat page too.

    Example: shakti bot run --talk

    Example: shakti bot run --web 8080 --plain-http, then open http://127.0.0.1:8080
    """
    screen = Screen()
    config = read_config(config_path)
    settings = settings_of(config, os.environ)
    model = train(rasa_python(), models)
    running = Running(
        rasa_python(),
        model,
        settings,
        config.path("data/bot"),
        port=port or config.bot.port,
        action_port=action_port or config.bot.actions_port,
        web_port=web,
        plain_http=plain_http,
    )
    with running:
        if web is not None:
            screen.say(f"The chat page is at http://127.0.0.1:{running.web_port}.")
        screen.say(f"The chat listens on 127.0.0.1:{running.port}; stop with Ctrl-C.")
        if talk:
            _talk(running, screen)
        else:
            _wait_for_a_signal()
    screen.next("shakti sync")


def settings_of(config: Config, environment: assembly.Environment) -> Settings:
    """What the action server is told."""
    if config.sources.chat is None:
        raise ConfigError(
            "config.yml names no sources.chat.outbox; add it, the bot keeps finished interviews there."
        )
    return Settings(
        forms=tuple(config.path(form) for form in config.forms),
        drafts_url=config.database_url(config.bot.drafts),
        drafts_key=config.secret(config.secrets.drafts_key_env, environment),
        outbox_url=config.database_url(config.sources.chat.outbox),
        outbox_public_key=config.secret(config.secrets.outbox_public_key_env, environment),
        region=config.bot.state,
    )


def _talk(running: Running, screen: Screen) -> None:
    sender = new_sender()
    screen.say("Say hello. An empty line or Ctrl-D ends.")
    for line in sys.stdin:
        if not line.strip():
            return
        for reply in running.send(sender, line.strip()):
            screen.say(reply.text)
            for button in reply.buttons:
                screen.say(f"  [{button.title}]")


def _wait_for_a_signal() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


@app.command(name="understand")
def understand_sentences(
    file: Annotated[Path, typer.Option("--file", help="Sentences, one a line.")],
    models: Models = MODELS,
    as_json: AsJson = False,
) -> None:
    """Say what the bot makes of sentences: the classifier's intent, and the reading it goes by.

    Example: shakti bot understand --file sentences.txt --json
    """
    screen = Screen()
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WordsError(
            f"{file} cannot be read ({error}); it must be a UTF-8 text with one sentence a line."
        ) from error
    found = understand([line for line in lines if line.strip()], train(rasa_python(), models), rasa_python())
    if as_json:
        for one in found:
            screen.raw(json.dumps(one, ensure_ascii=False))
        return
    screen.table(
        "What the bot understands",
        ["text", "intent", "confidence", "reading"],
        [[one["text"], one["intent"], f"{one['confidence']:.2f}", one["reading"] or ""] for one in found],
    )
    screen.next("shakti bot run --talk")
