"""Four places where forms arrive, all of which can misbehave, one real store, and the history of what was done to them."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from connector_worlds import KEYS, instance_id, instance_xml
from sync_history import PLACES, PLATFORMS, Face, History

from bot.outbox import Outbox, new_key_pair
from connector import (
    CentralSource,
    ChatSource,
    CollectSource,
    Held,
    KoboSource,
    Page,
    Patience,
    RunReport,
    Source,
    Store,
    sync,
)
from connector.submission import FormVersion
from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_assets import Asset
from shakti.demo.kobo_server import KoboServer
from shakti.demo.trouble import Kind, SetClock
from shakti.demo.wire import Response
from xlsforms import Form

__all__ = ["CENTRAL_REVIEWS", "KOBO_REVIEWS", "Crash", "Servers", "World", "happen"]

PAIR = new_key_pair()
TOKEN, EMAIL, PASSWORD = "a" * 40, "reader@example.org", "a long passphrase"
AT_ONCE = Patience(tries=2, sleep=lambda _seconds: None)
KOBO_REVIEWS = {"approved": "approved", "not_approved": "rejected", "on_hold": "on_hold", "none": "none"}
CENTRAL_REVIEWS = {"approved": "approved", "hasIssues": "on_hold", "rejected": "rejected", None: "none"}
BEGIN = dt.datetime(2026, 11, 20, 10, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))
STEP = dt.timedelta(
    seconds=30
)  # an interview's length says which version it is: the store keeps it in half minutes
LENGTHS = 1400


class Crash(BaseException):
    """The process is gone: nothing of ours may catch this."""


@dataclass(frozen=True)
class Meanwhile:
    """Something is done at the platform right after it made an answer, before the next request."""

    do: Callable[[], None]

    def meet(self, answer: Callable[[], Response]) -> Response:
        response = answer()
        self.do()
        return response


class Servers:
    """Both platforms with the form in service, on one clock. Started once: each world empties them first."""

    def __init__(self, workbook: Path, form: Form) -> None:
        self.form = form
        self.clock = SetClock()
        self.kobo = KoboServer(clock=self.clock, token=TOKEN)
        self.central = CentralServer(clock=self.clock, email=EMAIL, password=PASSWORD)
        self.asset: Asset = self.kobo.platform.assets[self.kobo.deploy(workbook)]
        self.central.deploy(workbook)

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._stack.enter_context(self.kobo)
        self._stack.enter_context(self.central)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def empty(self) -> None:
        """No submission anywhere, all is calm, everything may be read."""
        for stored in list(self.asset.rows.values()):
            self.asset.drop(stored)
        self.asset.history.clear()
        rows = self.central.project.forms[self.form.form_id].submissions
        for root in list(rows):
            if rows[root].deleted_at is None:
                self.central.delete(root)
            self.central.purge(root)
        self.calm()
        self.kobo.requests.clear()
        self.central.requests.clear()

    def calm(self) -> None:
        """No trouble waits any more, and everything may be read."""
        for server in (self.kobo, self.central):
            server.trouble.calm()
            server.permission.regain()

    def trouble(self, place: str, *kinds: Kind, after: int = 0) -> None:
        """These happen at the platform, the first one after so many requests that go well."""
        server = self.kobo if place == "kobo" else self.central
        for kind in kinds:
            good = itertools.count()
            server.trouble.next(kind, on=lambda _request, good=good: next(good) >= after)


class Checkpoints:
    """Dies at the n-th checkpoint that is passed (n = None: never)."""

    def __init__(self, die_at: int | None = None) -> None:
        self._left = die_at

    def passed(self, _name: str) -> None:
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            raise Crash

    def watching(self, clock: Callable[[], dt.datetime]) -> Callable[[], dt.datetime]:
        """The clock, which a run looks at before each page is stored: one more checkpoint."""

        def look() -> dt.datetime:
            self.passed("clock")
            return clock()

        return look


@dataclass(frozen=True)
class Mortal:
    """A source that passes checkpoints around everything the real one does."""

    real: Source
    checkpoints: Checkpoints

    @property
    def name(self) -> str:
        return self.real.name

    def pages(self, cursor: dict[str, Any] | None) -> Iterator[Page]:
        yield from self._watched(self.real.pages(cursor))

    def sweep(self, held: Held) -> Iterator[Page]:
        yield from self._watched(self.real.sweep(held))

    def form_version(self, native_form: str, native_version: str) -> FormVersion:
        self.checkpoints.passed("form")
        return self.real.form_version(native_form, native_version)

    def committed(self, page: Page) -> None:
        self.checkpoints.passed("before acknowledging")
        self.real.committed(page)
        self.checkpoints.passed("after acknowledging")

    def _watched(self, pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            self.checkpoints.passed("asked")
            yield page


@dataclass
class World:
    """The places, the store behind `store_url`, and what was done. `folder` is empty at first; close at the end."""

    servers: Servers
    folder: Path
    store_url: str
    eager: bool = True
    history: History = field(default_factory=History)

    def __post_init__(self) -> None:
        self.servers.empty()
        self.clock = SetClock(self.servers.clock.now)
        self.inbox = self.folder / "instances"
        self.inbox.mkdir()
        self.outbox = Outbox(f"sqlite:///{self.folder / 'outbox.db'}", public_key=PAIR.public)
        self._instances = itertools.count(1)
        self._edits = itertools.count(100_000)
        self._versions = itertools.count(1)
        self._files = itertools.count(1)
        self.originals: dict[int, str] = {}
        self.current: dict[
            tuple[str, int], int
        ] = {}  # (place, instance) -> number of its newest version's id
        self.pending: dict[
            tuple[str, int], tuple[Face, Any]
        ] = {}  # it has its times and is not to be seen yet
        self.unseen: dict[int, Face] = {}  # rows of KoboToolbox that the account may not view
        self.ghosts: dict[int, Face] = {}
        self.meddled = False
        self.interviews: set[int] = set()
        self.broken: dict[str, tuple[int, Face, str]] = {}
        self.divided: set[int] = set()  # some version of it says no to being stored
        self._open()

    def close(self) -> None:
        self._shut()
        self.outbox.close()
        self.servers.empty()

    # the process

    def _open(self) -> None:
        self.store = Store(self.store_url, keys=KEYS)
        self.sources = self._sources()

    def _shut(self) -> None:
        self._close(self.sources)
        self.store.close()

    def _close(self, sources: Sequence[Any]) -> None:
        for source in sources[:2]:
            source.close()

    def restart(self) -> None:
        """A new process: nothing is remembered but what is in the database."""
        self._shut()
        self._open()

    def _sources(self, *, lists_always: bool = False) -> tuple[Any, ...]:
        servers = self.servers
        # Lazily as in service, where a project is larger than a page: listed when something says so, or when it is due.
        seldom = {} if not (self.eager or lists_always) else {"sweep_every": dt.timedelta(0)}
        return (
            KoboSource(
                servers.kobo.url,
                token=TOKEN,
                asset=servers.asset.uid,
                name=f"kobo:{servers.asset.uid}",
                patience=AT_ONCE,
                page_rows=3,
                overlap_rows=4,
                now=self.clock,
                **seldom,
            ),
            CentralSource(
                servers.central.url,
                email=EMAIL,
                password=PASSWORD,
                project=servers.central.project.id,
                form=servers.form.form_id,
                name=f"central:{servers.form.form_id}",
                patience=AT_ONCE,
                page_rows=3,
                now=self.clock,
                **seldom,
            ),
            CollectSource(self.inbox, forms=[servers.form], files_per_page=3),
            ChatSource(self.outbox, private_key=PAIR.private, forms=[servers.form], rows_per_page=3),
        )

    def run(
        self,
        *,
        die_at: int | None = None,
        order: Sequence[int] = (0, 1, 2, 3),
        allow_deletions: bool = False,
        listing: bool = False,
    ) -> tuple[RunReport, ...] | None:
        """One run over all places in this order; None when it died. What it may have noticed is written down."""
        before = self.stored()
        checkpoints = Checkpoints(die_at)
        sources = [Mortal(self.sources[at], checkpoints) for at in order]
        self._apply_permission()
        self.meddled = False
        at_first = {place: dict(faces) for place, faces in self.history.shown.items()}
        reports: tuple[RunReport, ...] | None = None
        try:
            reports = sync(
                self.store, sources, now=checkpoints.watching(self.clock), allow_deletions=allow_deletions
            )
        except Crash:
            self.restart()
        lazy = () if self.eager or listing else PLATFORMS
        ended = {_place(report.source) for report in reports or () if report.ok and not self.meddled}
        whole = ended.difference(lazy)
        for place in PLACES:
            if place in whole:
                self.history.wholly_read(place)
            else:
                self.history.half_read(place, at_first[place])
        self._nothing_is_lost(before)
        if len(whole) == len(PLACES):
            self.check()
            self.history.all_read()
        return reports

    def complete_run(self) -> None:
        """All is calm and permitted: every place is read to its end."""
        self.servers.calm()
        self.permit_rows()
        lazy, self.sources = self.sources, self._sources(lists_always=True)
        reports = self.run(allow_deletions=True, listing=True)
        self._close(self.sources)
        self.sources = lazy
        assert reports is not None
        assert [report.error for report in reports] == [None] * 4

    @contextmanager
    def read_by_another(self) -> Iterator[None]:
        """While the block lasts another process reads the places; it may be killed anywhere."""
        before = self.stored()
        at_first = {place: dict(faces) for place, faces in self.history.shown.items()}
        self._apply_permission()
        yield
        for place in PLACES:
            self.history.half_read(place, at_first[place])
        self._nothing_is_lost(before)

    # what the store shows

    def stored(self) -> dict[int, tuple[int, str, str]]:
        """{instance: (version, review, mode)} of the store's evaluations; each instance once."""
        rows = self.store.evaluations()
        found = {
            int(row["provider"][1:]): (row["seconds"] // STEP.seconds, row["review"], row["mode"])
            for row in rows
        }
        assert len(found) == len(rows), f"doubled: {Counter(row['provider'] for row in rows)}"
        assert found.keys() <= self.history.delivered
        return found

    def _nothing_is_lost(self, before: dict[int, Any]) -> None:
        now = self.stored()
        lost = before.keys() - now.keys() - self.history.unsettled
        assert not lost, f"stored before the run and gone after it: {lost}"
        waiting = {row.id for row in self.outbox.take(0, 10_000)}
        for number in self.interviews - self.history.unsettled - self.history.erased - self.divided:
            if all(number not in self.history.noticed[place] for place in PLACES[:3]):
                assert f"i{number}" in waiting or number in now, f"interview {number} was saved and is gone"

    def check(self) -> None:
        """The store equals the fold of the history."""
        found = self.stored()
        for number in self.history.delivered:
            allowed = {
                (one.version, one.review, one.mode) if one else None for one in self.history.outcomes(number)
            }
            assert found.get(number) in allowed, (
                f"instance {number}: the store shows {found.get(number)}, the history says {allowed}"
            )
        assert {one.native_id for one in self.store.quarantined()} == set(self.broken)
        self._check_sightings()

    def _check_sightings(self) -> None:
        """Where each instance is still seen; left out where an interrupted run leaves it open."""
        every = [self.history.outcomes(number) for number in self.history.delivered]
        if self.divided or any(len(outcomes) > 1 for outcomes in every):
            return
        kinds = Counter(one.kinds for outcomes in every for one in outcomes if one is not None)
        assert self.store.sightings_summary() == dict(kinds)

    # what people do

    def instances(self, place: str, *, deleted: bool = False) -> list[int]:
        """The instances the place shows now, in order; a ghost is none: nothing can be done to it."""
        faces = self.history.shown[place]
        return sorted(
            n for n, face in faces.items() if face.deleted == deleted and not self.is_ghost(place, n)
        )

    def is_ghost(self, place: str, number: int) -> bool:
        """Whether what the place shows of the instance is a failed commit's remains."""
        return place == "kobo" and self.history.shown[place].get(number, ...) is self.ghosts.get(number)

    def submit(self, place: str, *, consent: bool = True) -> int:
        """A new instance arrives at the place."""
        number, version = next(self._instances), 0
        self.originals[number] = self._xml(number, number, version, consent)
        if not consent:
            self.divided.add(number)
        self._deliver(place, number, consent)
        return number

    def also_at(self, place: str, number: int) -> None:
        """The same instance, as it was filled in, arrives at another place too (or again where it was deleted)."""
        consent = "<consent>yes</consent>" in self.originals[number]
        self._deliver(place, number, consent)

    def again(self, place: str, number: int) -> None:
        """The same bytes once more: a client that did not hear the answer."""
        if place == "chat":
            self._put(number)
        elif place == "kobo" and self.current["kobo", number] == number:
            self.servers.kobo.submit(self.originals[number])
        elif place == "collect":
            (self.inbox / f"{next(self._files):04d}_copy.xml").write_text(
                self.originals[number], encoding="utf-8"
            )

    def edit(self, place: str, number: int, *, consent: bool = True) -> None:
        """A new version of the instance at this place."""
        new, version = next(self._edits), next(self._versions)
        xml = self._xml(new, number, version, consent, deprecated=self.current[place, number])
        face = self.history.shown[place][number]
        if place == "kobo":
            self.servers.kobo.submit(xml)
        elif place == "central":
            self.servers.central.submit(xml)
            face = replace(face, review="none", time=self._milliseconds())
        else:
            self._file(xml)
        self.current[place, number] = new
        if not consent:
            self.divided.add(number)
            self.history.unsettled.add(number)
        self.history.show(place, number, replace(face, version=version, consent=consent))

    def review(self, place: str, number: int, state: str | None) -> None:
        """The platform's owner judges the instance."""
        face = self.history.shown[place][number]
        if place == "kobo":
            self.servers.kobo.review(_root(number), str(state))
            face = replace(face, review=KOBO_REVIEWS[str(state)])
        else:
            self.servers.central.review(instance_id(number), state)
            face = replace(face, review=CENTRAL_REVIEWS[state], time=self._milliseconds())
        self.history.show(place, number, face)

    def delete(self, place: str, number: int) -> None:
        """It is deleted on the platform: without a trace on KoboToolbox (but for a ghost), softly on Central."""
        if place == "kobo":
            self.servers.kobo.delete(_root(number))
            self.history.hide("kobo", number)
            if number in self.ghosts:
                self.history.show("kobo", number, self.ghosts[number])
        else:
            self.servers.central.delete(instance_id(number))
            self.history.show("central", number, replace(self._central(number), deleted=True))

    def restore(self, number: int) -> None:
        """Central's owner takes a deletion back."""
        self.servers.central.restore(instance_id(number))
        self.history.show("central", number, replace(self._central(number), deleted=False))

    def purge(self, number: int) -> None:
        """Central forgets what was deleted 30 days ago."""
        self.servers.central.purge(instance_id(number))
        self.history.hide("central", number)

    def attach(self, number: int) -> None:
        """A photo arrives after its form: nothing that counts changes."""
        self.servers.kobo.attach(_root(number), f"{next(self._files)}.png", b"png")

    def haunt(self) -> None:
        """KoboToolbox answers 500 and keeps the row listed; the client's second try makes another row of that root."""
        number = next(self._instances)
        self.originals[number] = self._xml(number, number, 0, True)
        self.servers.kobo.haunt(self.originals[number])
        self.ghosts[number] = Face(0, True, time=self._seconds())
        self.history.show("kobo", number, self.ghosts[number])

    def resync(self) -> None:
        """KoboToolbox fills its listing from its database again: ghosts go."""
        self.servers.kobo.resync()
        for number, ghost in self.ghosts.items():
            if self.history.shown["kobo"].get(number) is ghost:
                self.history.hide("kobo", number)
            elif self.unseen.get(number) is ghost:
                del self.unseen[number]
        self.ghosts.clear()

    def submit_late(self, place: str) -> None:
        """A new instance has its number and its times, and its transaction has not ended."""
        number = next(self._instances)
        self.originals[number] = self._xml(number, number, 0, True)
        server: Any = self._server(place)
        moment = self._seconds() if place == "kobo" else self._milliseconds()
        self.pending[place, number] = (Face(0, True, time=moment), server.begin(self.originals[number]))

    def commit(self, place: str, number: int) -> None:
        """And now it is seen, with the number and the times it had."""
        face, pending = self.pending.pop((place, number))
        pending.commit()
        self.current[place, number] = number
        self.history.show(place, number, face)

    def forbid_row(self, number: int) -> None:
        """The account may no longer view this row of KoboToolbox: the listing just has one less."""
        self.unseen[number] = self.history.hide("kobo", number)

    def permit_rows(self) -> None:
        """The account may view every row again."""
        for number, face in self.unseen.items():
            self.history.show("kobo", number, face)
        self.unseen.clear()

    def _apply_permission(self) -> None:
        permission = self.servers.kobo.permission
        permission.rows = None
        if self.unseen:
            permission.only(*(_root(number) for number in self.history.shown["kobo"]))

    def meanwhile(self, place: str, after: int, do: Callable[[], None]) -> None:
        """This is done while the next run reads the platform, if it asks often enough."""

        def meddle() -> None:
            self.meddled = True
            do()
            self._apply_permission()

        self.servers.trouble(place, Meanwhile(meddle), after=after)

    def withdraw(self, number: int) -> None:
        """The survivor takes it back with her receipt."""
        self.outbox.put(
            "withdrawal",
            form_id=self.servers.form.form_id,
            form_version=self.servers.form.version,
            instance_xml=instance_xml(next(self._edits), receipt=_receipt(number)),
            receipt=_receipt(number),
            day=dt.date(2026, 11, 23),
            id=f"w{number}",
        )
        self.history.withdraw(number)

    def half_copied(self, number_of_bytes: int) -> None:
        """A file arrives in the folder while it is still being copied."""
        number = next(self._instances)
        text = self._xml(number, number, 0, True)
        name = f"{next(self._files):04d}.xml"
        cut = text.encode()[: min(number_of_bytes, len(text) - 1)]
        (self.inbox / name).write_bytes(cut)
        self.originals[number] = text
        self.current["collect", number] = number
        self.broken[name] = (number, Face(0, True), text)

    def whole_at_last(self, name: str) -> None:
        """The copying ends."""
        number, face, text = self.broken.pop(name)
        (self.inbox / name).write_text(text, encoding="utf-8")
        self.history.show("collect", number, face)

    # inside

    def _xml(
        self, own: int, number: int, version: int, consent: bool, *, deprecated: int | None = None
    ) -> str:
        return instance_xml(
            own,
            deprecated=deprecated,
            consent="yes" if consent else "no",
            provider=f"p{number}",
            receipt=_receipt(number),
            start=BEGIN.isoformat(timespec="milliseconds"),
            end=(BEGIN + STEP * (version % LENGTHS)).isoformat(timespec="milliseconds"),
        )

    def _deliver(self, place: str, number: int, consent: bool) -> None:
        xml, moment = self.originals[number], None
        if place == "kobo":
            self.servers.kobo.submit(xml)
            moment = self._seconds()
        elif place == "central":
            self.servers.central.submit(xml)
            moment = self._milliseconds()
        elif place == "collect":
            self._file(xml)
        else:
            self._put(number)
        self.current[place, number] = number
        self.history.show(place, number, Face(0, consent, time=moment))

    def _put(self, number: int) -> None:
        self.outbox.put(
            "evaluation",
            form_id=self.servers.form.form_id,
            form_version=self.servers.form.version,
            instance_xml=self.originals[number],
            receipt=_receipt(number),
            day=dt.date(2026, 11, 20),
            id=f"i{number}",
        )
        self.interviews.add(number)

    def _file(self, xml: str) -> None:
        (self.inbox / f"{next(self._files):04d}.xml").write_text(xml, encoding="utf-8")

    def _central(self, number: int) -> Face:
        return self.history.shown["central"][number]

    def _server(self, place: str) -> KoboServer | CentralServer:
        return self.servers.kobo if place == "kobo" else self.servers.central

    def _seconds(self) -> dt.datetime:
        return self.servers.clock.now.replace(microsecond=0)

    def _milliseconds(self) -> dt.datetime:
        now = self.servers.clock.now
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def happen(world: World, rng: random.Random) -> None:
    """One thing that people do, drawn at random."""
    kind = rng.choice(
        ["submit", "submit", "edit", "edit", "review", "delete", "elsewhere", "restore", "withdraw"]
    )
    if kind == "submit":
        world.submit(rng.choice(PLACES), consent=rng.random() < 0.9)
    elif kind == "edit":
        _to_one(rng, world, ("kobo", "central", "collect"), world.edit)
    elif kind == "review":
        _to_one(
            rng, world, ("kobo",), lambda place, n: world.review(place, n, rng.choice(sorted(KOBO_REVIEWS)))
        )
    elif kind == "delete" and rng.random() < 0.5:
        _to_one(rng, world, PLATFORMS, world.delete)
    elif kind == "restore":
        _to_one(rng, world, ("central",), lambda _place, n: world.restore(n), deleted=True)
    elif kind == "withdraw" and rng.random() < 0.2:
        _to_one(rng, world, PLACES, lambda _place, n: world.withdraw(n))
    elif kind == "elsewhere":
        _to_one(rng, world, PLATFORMS, lambda _place, n: _also_on_a_phone(world, n))


def _to_one(
    rng: random.Random,
    world: World,
    places: Sequence[str],
    do: Callable[[str, int], None],
    *,
    deleted: bool = False,
) -> None:
    every = [(place, n) for place in places for n in world.instances(place, deleted=deleted)]
    if every:
        do(*rng.choice(every))


def _also_on_a_phone(world: World, number: int) -> None:
    if ("collect", number) not in world.current:
        world.also_at("collect", number)


def _place(source: str) -> str:
    return source.partition(":")[0]


def _root(number: int) -> str:
    return instance_id(number).removeprefix("uuid:")


def _receipt(number: int) -> str:
    return f"{4_711_000_000 + number}"
