"""A store and a small form for the sources' contract; what a filled form looks like is the connector tests' own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "connector"))

from connector_worlds import FORM, KEYS, write_workbook
from source_worlds import MAKERS, World

from connector import Store
from xlsforms import Form, load_form


@pytest.fixture(scope="session")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small form as a workbook, as it is deployed on the platforms."""
    path = tmp_path_factory.mktemp("form") / "small_evaluation.xlsx"
    write_workbook(FORM, path)
    return path


@pytest.fixture(scope="session")
def form(workbook: Path) -> Form:
    return load_form(workbook)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: migrating anew for each test would take most of the time."""
    path = tmp_path_factory.mktemp("template") / "shakti.db"
    with Store(f"sqlite:///{path}", keys=KEYS) as store:
        store.migrate()
    return path


@pytest.fixture
def make_store(template: Path, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens the test's database, as often as asked: a second one is a restarted program."""
    shutil.copy(template, tmp_path / "shakti.db")
    with ExitStack() as opened:
        yield lambda: opened.enter_context(Store(f"sqlite:///{tmp_path / 'shakti.db'}", keys=KEYS))


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    return make_store()


@pytest.fixture
def worlds(tmp_path: Path, workbook: Path, form: Form) -> Iterator[Callable[[str], World]]:
    """Makes the world of one kind of source; servers run until the test ends. Pages are small."""
    with ExitStack() as open_things:
        yield lambda kind: MAKERS[kind](open_things, tmp_path, workbook, form)


@pytest.fixture(params=sorted(MAKERS))
def world(request: pytest.FixtureRequest, worlds: Callable[[str], World]) -> World:
    return worlds(request.param)
