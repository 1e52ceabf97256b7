"""The bot with real forms, real databases, and, where it is installed, a real Rasa."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from speaking import VISIT, AtTheDesk, Clock, counted_ids

from bot.clerk import Clerk
from bot.conversation import Conversation
from bot.drafts import Drafts, new_drafts_key
from bot.outbox import KeyPair, Outbox, new_key_pair
from bot.phrases import Words, load_words
from bot.runtime import Running, train
from bot.settings import Settings
from xlsforms import Form, load_form

REPO = Path(__file__).parents[2]
WORKBOOKS = tuple(
    REPO / "xlsforms" / f"{name}.xlsx" for name in ("duty_bearer_evaluation", "services_checkin")
)


@pytest.fixture(scope="session")
def words() -> Words:
    return load_words()


@pytest.fixture(scope="session")
def forms() -> tuple[Form, ...]:
    return tuple(load_form(workbook) for workbook in WORKBOOKS)


@pytest.fixture(scope="session")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Form:
    """A small form with every kind of question."""
    path = tmp_path_factory.mktemp("visit") / "visit.md"
    path.write_text(VISIT.strip() + "\n", encoding="utf-8")
    return load_form(path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def keys() -> KeyPair:
    return new_key_pair()


@pytest.fixture
def outbox(tmp_path: Path, keys: KeyPair) -> Iterator[Outbox]:
    with Outbox(f"sqlite:///{tmp_path}/outbox.db", public_key=keys.public, wait_seconds=0.1) as outbox:
        yield outbox


@pytest.fixture
def drafts(tmp_path: Path) -> Iterator[Drafts]:
    with Drafts(f"sqlite:///{tmp_path}/drafts.db", new_drafts_key(), wait_seconds=0.1) as drafts:
        yield drafts


@pytest.fixture
def desk(words: Words, drafts: Drafts, outbox: Outbox, clock: Clock) -> Callable[..., AtTheDesk]:
    """Sits somebody down to talk about the given forms."""

    def sit(*forms: Form) -> AtTheDesk:
        conversation = Conversation(forms, words, "19")
        return AtTheDesk(Clerk(conversation, drafts, outbox, clock=clock, new_id=counted_ids()))

    return sit


@pytest.fixture
def person(desk: Callable[..., AtTheDesk], forms: tuple[Form, ...]) -> AtTheDesk:
    """Somebody who talks about the real forms."""
    return desk(*forms)


@pytest.fixture
def visitor(desk: Callable[..., AtTheDesk], visit: Form) -> AtTheDesk:
    """Somebody who talks about the small form, in English, and has been asked its first question."""
    someone = desk(visit)
    someone.all("hello", "English", "yes")
    return someone


@pytest.fixture(scope="session")
def model(rasa_python: Path) -> Path:
    """Trained once and kept beside the sources, as `shakti bot train` does."""
    return train(rasa_python, REPO / "bot" / "rasa" / "models")


@pytest.fixture(scope="session")
def rasa_settings(tmp_path_factory: pytest.TempPathFactory, keys: KeyPair) -> Settings:
    folder = tmp_path_factory.mktemp("databases")
    return Settings(
        forms=WORKBOOKS,
        drafts_url=f"sqlite:///{folder}/drafts.db",
        drafts_key=new_drafts_key(),
        outbox_url=f"sqlite:///{folder}/outbox.db",
        outbox_public_key=keys.public,
        region="19",
    )


@pytest.fixture(scope="session")
def running_bot(
    rasa_python: Path, model: Path, rasa_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Rasa, the action server and the public door, started once for all tests that need them."""
    logs = tmp_path_factory.mktemp("logs")
    with Running(rasa_python, model, rasa_settings, logs, web_port=0, plain_http=True) as running:
        yield running
