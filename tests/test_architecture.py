"""The rooms of the design and who may know whom, read out of the imports themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "xlsforms": set(),
    "scoring": set(),
    "bot": {"xlsforms"},
    "connector": {"xlsforms"},
    "reports": {"scoring", "connector"},
    "shakti": {"xlsforms", "bot", "connector", "scoring", "reports"},
}

# The one extra arrow: the outbox's schema is the bot's, the connector's chat source reads it.
EXTRA_ARROWS = {("connector/chat.py", "bot.outbox")}

# A library enters through these files and no others.
DOORS = {
    "requests": ("connector/session.py",),
    "httpx": ("bot/gateway.py",),
    "sqlalchemy": ("connector/store", "connector/migrations", "bot/outbox.py", "bot/drafts.py"),
    "alembic": ("connector/store", "connector/migrations"),
    "rasa_sdk": ("bot/actions.py",),
    "apscheduler": ("connector/schedule.py",),
    "pyxform": ("xlsforms/workbook.py",),
    "openpyxl": ("xlsforms/workbook.py",),
    "nacl": ("connector/seal.py", "bot/outbox.py", "bot/drafts.py"),
    "smtplib": ("reports/mail.py",),
    "yaml": ("shakti/config.py",),
    "rasa": (),
    "elementpath": (),  # tests alone ask it
    "pandas": (),
}

# These run inside Rasa's environment and import nothing of ours.
RASA_SIDE = "bot/rasa/"


def sources(folder: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(python_files(REPOSITORY / folder)):
        name = path.relative_to(REPOSITORY).as_posix()
        yield name, ast.parse(path.read_text(encoding="utf-8"), filename=name)


def python_files(folder: Path) -> Iterator[Path]:
    """Our own files: the installed environments below a room are not entered (60,000 files)."""
    for path in folder.iterdir():
        if path.suffix == ".py":
            yield path
        elif path.is_dir() and path.name != ".venv":
            yield from python_files(path)


def imported(tree: ast.Module) -> Iterator[str]:
    """Every absolute module name that is imported anywhere in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def arrows() -> Iterator[tuple[str, str]]:
    for room in MAY_IMPORT:
        for name, tree in sources(room):
            if not name.startswith(RASA_SIDE):
                yield from ((name, module) for module in imported(tree))


def forbidden_arrows(pairs: Iterator[tuple[str, str]]) -> list[str]:
    found = set()
    for name, module in pairs:
        room, target = name.split("/")[0], module.split(".")[0]
        if target not in MAY_IMPORT or target == room or target in MAY_IMPORT[room]:
            continue
        if any(name == file and (module + ".").startswith(door + ".") for file, door in EXTRA_ARROWS):
            continue
        if any(name == file and door.startswith(module + ".") for file, door in EXTRA_ARROWS):
            continue
        found.add(f"{name} imports {module}")
    return sorted(found)


def wrong_doors(pairs: Iterator[tuple[str, str]]) -> list[str]:
    found = set()
    for name, module in pairs:
        doors = DOORS.get(module.split(".")[0])
        if doors is not None and not any(name == door or name.startswith(door) for door in doors):
            found.add(f"{name} imports {module}")
    return sorted(found)


def test_every_room_imports_only_the_rooms_it_may_know() -> None:
    assert forbidden_arrows(arrows()) == []


def test_every_library_enters_by_its_own_door() -> None:
    assert wrong_doors(arrows()) == []


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("scoring/items.py", "connector.store"),
        ("xlsforms/form.py", "bot"),
        ("connector/kobo.py", "bot.outbox"),
        ("connector/chat.py", "bot.drafts"),
        ("reports/page.py", "xlsforms"),
    ],
)
def test_a_forbidden_arrow_is_seen(name: str, module: str) -> None:
    assert forbidden_arrows(iter([(name, module)])) == [f"{name} imports {module}"]


@pytest.mark.parametrize(
    ("name", "module"), [("connector/kobo.py", "requests"), ("shakti/cli.py", "sqlalchemy.orm")]
)
def test_a_library_by_the_wrong_door_is_seen(name: str, module: str) -> None:
    assert wrong_doors(iter([(name, module)])) == [f"{name} imports {module}"]


def test_the_one_extra_arrow_is_allowed() -> None:
    assert forbidden_arrows(iter([("connector/chat.py", "bot.outbox.Outbox")])) == []


def test_what_runs_inside_rasa_imports_nothing_of_ours() -> None:
    found = [
        f"{name} imports {module}"
        for name, tree in sources("bot/rasa")
        for module in imported(tree)
        if module.split(".")[0] in MAY_IMPORT
    ]
    assert found == []


def test_every_module_opens_with_one_sentence_that_says_what_it_knows() -> None:
    silent = [
        name
        for room in MAY_IMPORT
        for name, tree in sources(room)
        if not (ast.get_docstring(tree) or "").strip() and "/versions/" not in name
    ]
    assert silent == []


def test_no_module_does_work_at_import_time() -> None:
    """At the top level stand definitions and constants: no bare calls, loops or with-blocks."""
    found = []
    for room in MAY_IMPORT:
        for name, tree in sources(room):
            # Alembic runs env.py as a script: its call at the end is its entry point.
            if name.endswith("migrations/env.py"):
                continue
            for node in tree.body:
                works = isinstance(node, (ast.For, ast.While, ast.With)) or (
                    isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
                )
                if works:
                    found.append(f"{name}:{node.lineno}")
    assert found == []
