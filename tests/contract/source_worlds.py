"""The places the sources read from, one maker for each kind: what people do there, and what goes wrong there.

A new source adds its maker to `MAKERS`, and the contract is asked of it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector_worlds import AT_ONCE, NOW, instance_id, instance_xml
from new_source_page import code_of_the_page

from bot.outbox import Outbox, new_key_pair
from connector import CentralSource, ChatSource, CollectSource, KoboSource, Source
from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from shakti.demo.trouble import SetClock, broken
from shakti.demo.wire import Request
from xlsforms import Form, read_instance

PAIR = new_key_pair()
TOKEN, EMAIL, PASSWORD = "a" * 40, "reader@example.org", "a long passphrase"


def nothing() -> None:
    """What cannot happen at a place."""


@dataclass(frozen=True)
class World:
    """Where people's filled forms arrive (`deliver` takes an instance's XML), and the source that reads it.

    `spoil` puts a record there that cannot be read (the 98th instance, where it has a name); `lose` takes the place
    away from the source and `regain` gives it back; `remove` deletes the number-th instance, None where nothing can
    be deleted. `requests` are what a server was asked; `secrets` must never be seen. `restarted` makes the source anew,
    as another process would.
    """

    source: Source
    deliver: Callable[[str], Any]
    spoil: Callable[[], Any]
    lose: Callable[[], Any]
    regain: Callable[[], Any]
    remove: Callable[[int], Any] | None = None
    edits: bool = True
    requests: list[Request] = field(default_factory=list)
    secrets: tuple[str, ...] = ()
    fail: Callable[[], Any] = nothing
    restarted: Callable[[], Source] | None = None


def kobo(stack: ExitStack, folder: Path, workbook: Path, form: Form) -> World:
    clock = SetClock(NOW)
    server = stack.enter_context(KoboServer(clock=clock, token=TOKEN))
    asset = server.deploy(workbook)

    def source() -> Source:
        reader = KoboSource(
            server.url, token=TOKEN, asset=asset, patience=AT_ONCE, page_rows=3, overlap_rows=2, now=clock
        )
        return stack.enter_context(reader)

    def spoil() -> None:
        root = server.submit(instance_xml(98))
        rows = server.platform.assets[asset].rows.values()
        next(one for one in rows if one.root == root).row["__version__"] = "vLost"

    return World(
        source(),
        server.submit,
        spoil,
        server.permission.lose,
        server.permission.regain,
        lambda number: server.delete(instance_id(number)),
        requests=server.requests,
        secrets=(TOKEN,),
        fail=lambda: server.trouble.next(*[broken(503)] * (AT_ONCE.tries + 1)),
        restarted=source,
    )


def central(stack: ExitStack, folder: Path, workbook: Path, form: Form) -> World:
    clock = SetClock(NOW)
    server = stack.enter_context(CentralServer(clock=clock, email=EMAIL, password=PASSWORD))
    form_id = server.deploy(workbook)

    def source() -> Source:
        reader = CentralSource(
            server.url,
            email=EMAIL,
            password=PASSWORD,
            project=server.project.id,
            form=form_id,
            patience=AT_ONCE,
            page_rows=3,
            now=clock,
        )
        return stack.enter_context(reader)

    def deliver(xml: str) -> None:
        clock.later(minutes=4)
        server.submit(xml)

    def spoil() -> None:
        deliver(instance_xml(98))
        server.encrypt(instance_id(98))

    return World(
        source(),
        deliver,
        spoil,
        server.permission.lose,
        server.permission.regain,
        lambda number: server.delete(instance_id(number)),
        requests=server.requests,
        secrets=(PASSWORD,),
        fail=lambda: server.trouble.next(*[broken(503)] * (AT_ONCE.tries + 1)),
        restarted=source,
    )


def collect(stack: ExitStack, folder: Path, workbook: Path, form: Form) -> World:
    inbox, away = folder / "instances", folder / "away"
    inbox.mkdir()
    numbers = itertools.count(1)

    def deliver(xml: str) -> None:
        (inbox / f"{next(numbers):04d}.xml").write_text(xml, encoding="utf-8")

    return World(
        CollectSource(inbox, forms=[form], files_per_page=3),
        deliver,
        lambda: deliver(instance_xml(98)[:-40]),
        lambda: inbox.rename(away),
        lambda: away.rename(inbox),
    )


def chat(stack: ExitStack, folder: Path, workbook: Path, form: Form) -> World:
    path, away = folder / "outbox.db", folder / "away.db"
    outbox = stack.enter_context(Outbox(f"sqlite:///{path}", public_key=PAIR.public))
    other = stack.enter_context(Outbox(f"sqlite:///{path}", public_key=new_key_pair().public))
    numbers = itertools.count(1)

    def deliver(xml: str, into: Outbox = outbox) -> None:
        into.put(
            "evaluation",
            form_id=form.form_id,
            form_version=form.version,
            instance_xml=xml,
            receipt="4711815000",
            day=dt.date(2026, 11, 20),
            id=f"interview-{next(numbers)}",
        )

    def lose() -> None:
        outbox.close()
        path.rename(away)
        path.write_bytes(b"no database at all" * 100)

    return World(
        ChatSource(outbox, private_key=PAIR.private, forms=[form], rows_per_page=3),
        deliver,
        lambda: deliver(instance_xml(98), other),  # sealed to a key that is not ours
        lose,
        lambda: (outbox.close(), away.replace(path)),
        edits=False,
        secrets=(PAIR.private,),
    )


def page(stack: ExitStack, folder: Path, workbook: Path, form: Form) -> World:
    """The source that docs/new-source.md writes."""
    path, away = folder / "export.jsonl", folder / "away.jsonl"
    path.touch()
    roots: dict[str, str] = {}

    def write(line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def deliver(xml: str) -> None:
        one = read_instance(xml)
        root = roots[one.instance_id] = roots.get(one.deprecated_id or "", one.instance_id)
        record = {
            "record": root,
            "instance": one.instance_id,
            "form": one.form_id,
            "version": one.version,
            "answers": one.answers,
        }
        write(json.dumps(record))

    def remove(number: int) -> None:
        write(
            json.dumps(
                {
                    "record": instance_id(number),
                    "instance": instance_id(number),
                    "form": form.form_id,
                    "version": form.version,
                    "deleted": True,
                    "answers": {},
                }
            )
        )

    source = code_of_the_page()["JsonLinesSource"](path, forms=[form], lines_per_page=3)
    return World(
        source,
        deliver,
        lambda: write('{"record": "uuid:98", "instance"'),
        lambda: path.rename(away),
        lambda: away.rename(path),
        remove,
    )


MAKERS: dict[str, Callable[[ExitStack, Path, Path, Form], World]] = {
    "kobo": kobo,
    "central": central,
    "collect": collect,
    "chat": chat,
    "page": page,
}
