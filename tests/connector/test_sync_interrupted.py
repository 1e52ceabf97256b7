"""`shakti sync` as a process that is killed, starved and crowded: the next run finishes, and nothing is lost or doubled.

Seen red with: the cursor committed before its page's rows, the outbox acknowledged before the store's commit, and an
outbox that cannot be written to taken for a fault of the program.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
from connector_worlds import KEYS, TEXT_PUBLIC
from sync_history import PLACES
from sync_world import EMAIL, PAIR, PASSWORD, TOKEN, Servers, World, happen

from xlsforms import Form

WARM = Path(__file__).with_name("warm_shakti.py")
REPOSITORY = Path(__file__).resolve().parents[2]
LONGEST_RUN = 60.0


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code (or minus the signal), checkpoints passed, peak memory, what was printed."""

    status: int
    passed: int
    kilobytes: int
    said: str


class WarmShakti:
    """Runs the real command again and again without importing it anew."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "said.txt"
        environment = {
            **os.environ,
            "SHAKTI_PSEUDONYM_KEY": KEYS.pseudonym.hex(),
            "SHAKTI_TEXT_PUBLIC_KEY": TEXT_PUBLIC,
            "SHAKTI_OUTBOX_PUBLIC_KEY": PAIR.public,
            "SHAKTI_OUTBOX_PRIVATE_KEY": PAIR.private,
            "KOBO_TOKEN": TOKEN,
            "CENTRAL_EMAIL": EMAIL,
            "CENTRAL_PASSWORD": PASSWORD,
            "PYTHONPATH": str(REPOSITORY),
            "OPENBLAS_NUM_THREADS": "1",  # only a process without threads may be forked
            "OMP_NUM_THREADS": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, str(WARM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=REPOSITORY,
        )
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=LONGEST_RUN)
        self._process.stdout.close()

    def start(
        self, *arguments: str, die_at: int | None = None, only_commits: bool = False, limit: int | None = None
    ) -> int:
        """Begin a run; the child's process number."""
        order = {
            "arguments": arguments,
            "die_at": die_at,
            "only_commits": only_commits,
            "limit": limit,
            "log": str(self._log),
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._answer()["child"])

    def end(self) -> Ended:
        """Wait until the run has ended."""
        return Ended(**self._answer(), said=self._log.read_text(encoding="utf-8"))

    def run(self, *arguments: str, **options: Any) -> Ended:
        """One run from its beginning to its end."""
        self.start(*arguments, **options)
        return self.end()

    def _answer(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found


@pytest.fixture(scope="module")
def shakti(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmShakti]:
    with WarmShakti(tmp_path_factory.mktemp("warm")) as warm:
        yield warm


@pytest.fixture(scope="module")
def servers(workbook: Path, form: Form) -> Iterator[Servers]:
    with Servers(workbook, form) as both:
        yield both


@pytest.fixture
def make_world(servers: Servers, tmp_path: Path, workbook: Path) -> Iterator[Callable[[str], World]]:
    """A world in a folder of its own, with a config.yml that names all four of its places."""
    worlds: list[World] = []

    def make(store_url: str) -> World:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        worlds.append(World(servers, folder, store_url))
        write_config(worlds[-1], workbook)
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world: Callable[[str], World], sqlite_url: str) -> World:
    return make_world(sqlite_url)


def write_config(world: World, workbook: Path) -> None:
    folder, servers = world.folder, world.servers
    (folder / "providers.csv").write_text(
        "name,label,label_bn,label_hi,label_en,kind,office,role,block,district,state,from,to,served\n",
        encoding="utf-8",
    )
    (folder / "collectors.csv").write_text("name,label,office\n", encoding="utf-8")
    # Every JSON is YAML.
    settings = {
        "database": world.store_url,
        "forms": [str(workbook)],
        "registry": {"providers": "providers.csv", "collectors": "collectors.csv"},
        "sources": {
            "kobo": {"url": servers.kobo.url, "assets": [servers.asset.uid]},
            "central": {
                "url": servers.central.url,
                "project": servers.central.project.id,
                "forms": [servers.form.form_id],
            },
            "collect": {"folder": "instances"},
            "chat": {"outbox": "sqlite:///outbox.db"},
        },
    }
    (folder / "config.yml").write_text(json.dumps(settings), encoding="utf-8")


def submit_everywhere(world: World, many: int = 1) -> None:
    for place in PLACES:
        for _ in range(many):
            world.submit(place)


def arguments(world: World) -> tuple[str, ...]:
    return ("sync", "--allow-deletions", "--config", str(world.folder / "config.yml"))


def killed_at_random(shakti: WarmShakti, world: World, rng: random.Random, passed: int) -> Ended:
    """Half of the runs die at a checkpoint, the others after a while."""
    if rng.random() < 0.5:
        return shakti.run(*arguments(world), die_at=rng.randrange(passed))
    child = shakti.start(*arguments(world))
    time.sleep(rng.uniform(0, 1.2) ** 2)
    with suppress(ProcessLookupError):  # it was faster
        os.kill(child, signal.SIGKILL)
    return shakti.end()


def assault(shakti: WarmShakti, world: World, *, kills: int, seed: int) -> int:
    """Let things happen and kill the process that reads them, `kills` times; how many runs came through."""
    rng = random.Random(seed)
    passed, killed, survived = 150, 0, 0
    while killed < kills:
        for _ in range(rng.randrange(4)):
            happen(world, rng)
        with world.read_by_another():
            ended = killed_at_random(shakti, world, rng, passed)
        assert ended.status in (0, -signal.SIGKILL), ended.said
        if ended.status == 0:
            survived, passed = survived + 1, ended.passed
        else:
            killed += 1
    last = shakti.run(*arguments(world))
    assert last.status == 0, last.said
    world.complete_run()
    return survived


def test_a_process_killed_before_any_of_its_commits_loses_and_doubles_nothing(
    shakti: WarmShakti, world: World
) -> None:
    for commit in range(100):
        submit_everywhere(world)
        with world.read_by_another():
            ended = shakti.run(*arguments(world), die_at=commit, only_commits=True)
        if ended.status == 0:
            break
        assert ended.status == -signal.SIGKILL, ended.said
    assert commit > 8, "a run commits each source's rows, the ledger and the outbox"
    world.complete_run()
    assert len(world.stored()) == 4 * (commit + 1)


def test_a_process_killed_at_random_loses_and_doubles_nothing(shakti: WarmShakti, world: World) -> None:
    submit_everywhere(world, 3)
    assault(shakti, world, kills=6, seed=20261123)
    assert len(world.stored()) > 5


@pytest.mark.nightly
def test_500_kills_lose_and_double_nothing(
    shakti: WarmShakti, make_world: Callable[[str], World], store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_world(store_url)
    started = time.monotonic()
    survived = assault(shakti, world, kills=500, seed=random.SystemRandom().randrange(2**32))
    with capsys.disabled():
        sys.stdout.write(
            f"\n500 kills, {survived} runs came through, {len(world.history.delivered)} instances, "
            f"{len(world.stored())} evaluations, no difference, {time.monotonic() - started:.0f} s\n"
        )


def test_a_process_killed_while_it_makes_the_tables_is_no_harm(
    shakti: WarmShakti, make_world: Callable[[str], World], tmp_path: Path
) -> None:
    world = make_world(f"sqlite:///{tmp_path / 'new.db'}")
    submit_everywhere(world)
    for die_at in (0, 3, 17, 40, 71):
        assert shakti.run(*arguments(world), die_at=die_at).status == -signal.SIGKILL
    assert shakti.run(*arguments(world)).status == 0
    world.complete_run()
    assert len(world.stored()) == 4


def test_a_full_disk_is_said_and_the_next_run_finishes(shakti: WarmShakti, world: World) -> None:
    submit_everywhere(world, 15)
    with world.read_by_another():
        ended = shakti.run(*arguments(world), limit=40_000)
    assert ended.status == 3
    assert "The disk may be full" in ended.said
    assert "Traceback" not in ended.said
    assert shakti.run(*arguments(world)).status == 0
    world.complete_run()
    assert len(world.stored()) == 60


def test_a_run_waits_for_another_writer_that_lets_go(shakti: WarmShakti, world: World) -> None:
    submit_everywhere(world, 2)
    with sqlite3.connect(world.store_url.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        shakti.start(*arguments(world))
        time.sleep(0.5)
        other.execute("ROLLBACK")
    other.close()
    assert shakti.end().status == 0
    world.complete_run()


def test_an_outbox_that_the_bot_holds_is_said_and_stops_no_other_source(
    shakti: WarmShakti, world: World
) -> None:
    """Its rows are stored, and stay in the outbox until they can be acknowledged: delivered twice, counted once."""
    submit_everywhere(world, 2)
    with sqlite3.connect(world.folder / "outbox.db", isolation_level=None) as bot:
        bot.execute("BEGIN IMMEDIATE")
        with world.read_by_another():
            ended = shakti.run(*arguments(world))
        bot.execute("ROLLBACK")
    bot.close()
    assert ended.status == 3
    assert "outbox" in ended.said
    assert "Traceback" not in ended.said
    assert len(world.stored()) == 8
    assert shakti.run(*arguments(world)).status == 0
    world.complete_run()


@pytest.mark.nightly  # the program waits half a minute before it gives in
def test_a_writer_that_does_not_let_go_is_said(shakti: WarmShakti, world: World) -> None:
    submit_everywhere(world, 2)
    with sqlite3.connect(world.store_url.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        ended = shakti.run(*arguments(world))
        other.execute("ROLLBACK")
    other.close()
    assert ended.status == 3
    assert "Another program is writing to it" in ended.said
    assert shakti.run(*arguments(world)).status == 0
    world.complete_run()


def test_two_connectors_at_once_do_no_harm(shakti: WarmShakti, world: World, tmp_path: Path) -> None:
    submit_everywhere(world, 15)
    with WarmShakti(tmp_path) as second, world.read_by_another():
        shakti.start(*arguments(world))
        second.start(*arguments(world))
        ended = [shakti.end(), second.end()]
    assert {one.status for one in ended} <= {0, 3}, ended
    world.complete_run()
    assert len(world.stored()) == 60


@pytest.fixture
def empty_stores(sqlite_template: Path, tmp_path: Path) -> Callable[[], str]:
    """Gives the address of another empty store each time."""

    def make() -> str:
        return f"sqlite:///{shutil.copy(sqlite_template, tempfile.mkdtemp(dir=tmp_path))}"

    return make


def filled(make_world: Callable[[str], World], store_url: str, place: str, many: int) -> World:
    world = make_world(store_url)
    for _ in range(many):
        world.submit(place)
    return world


@pytest.mark.nightly
@pytest.mark.parametrize("place", PLACES)
def test_ten_times_the_rows_take_little_more_memory(
    shakti: WarmShakti,
    make_world: Callable[[str], World],
    empty_stores: Callable[[], str],
    place: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first run over 50,000 rows beside that over 5,000.

    A folder has no server that remembers for it: each run lists every file, which takes less than 2 kB for each.
    """
    peaks: dict[int, int] = {}
    for many in (5_000, 50_000):
        world = filled(make_world, empty_stores(), place, many)
        ended = shakti.run(*arguments(world))
        assert ended.status == 0, ended.said
        assert len(world.stored()) == many
        peaks[many] = ended.kilobytes
    with capsys.disabled():
        sys.stdout.write(f"\n{place}: peak memory in kB {peaks}\n")
    assert peaks[50_000] - peaks[5_000] < (90_000 if place == "collect" else 30_000)
