"""The demonstration: the main job from the forms to the lists, on invented data, with everything real but the people."""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.clerk import open_clerk
from bot.errors import BotError, NotRunningError
from bot.outbox import Outbox
from bot.runtime import Running, new_sender, train
from bot.turns import Message, Reply
from connector import RunReport
from reports import write_all
from shakti import assembly
from shakti.commands.bot import MODELS, settings_of
from shakti.commands.data import show_lists, show_method, sync_once
from shakti.commands.keys import fresh_keys
from shakti.commands.status import show_sightings
from shakti.config import Config, read_config
from shakti.demo.central_server import CentralServer
from shakti.demo.kobo_server import KoboServer
from shakti.demo.sample import NOTE, Sample, deliver, make_sample
from shakti.screen import Screen
from xlsforms import Form, FormError
from xlsforms.checks import check

REPOSITORY = Path(__file__).resolve().parents[2]
TALKS = Path(__file__).parent / "talks"
LANGUAGES = ("bn", "en")

NO_RASA = (
    "Rasa is not installed, so the two conversations are talked without it, through the same bot/conversation: "
    "install Python 3.10 (3.8 and 3.9 do too) and run make setup-bot."
)

Say = Callable[[str], list[Reply]]


@dataclass(frozen=True)
class Place:
    """Where the demonstration keeps what: a folder that is its own and made anew."""

    folder: Path
    config: Config
    environment: Mapping[str, str]

    @property
    def collect(self) -> Path:
        assert self.config.sources.collect is not None
        return self.config.path(self.config.sources.collect.folder)


def run_demo(out: Path, *, seed: int, evaluations: int, rasa: Path | None, screen: Screen) -> None:
    """Everything, with progress on stderr; what it started is stopped, whatever happens.

    `rasa` is the Python of Rasa's environment; None talks the conversations without it.
    """
    if rasa is None:
        screen.warn(NO_RASA)
    today = dt.datetime.now().astimezone().date()
    with ExitStack() as stack:
        kobo, central = stack.enter_context(_kobo()), stack.enter_context(_central())
        place = _prepare(out, kobo, central, screen)
        forms = _check_forms(place, screen)
        ready = _start_rasa(place, rasa, stack, screen)
        sample = _invent(place, forms, seed=seed, today=today, evaluations=evaluations, screen=screen)
        _deliver(place, sample, kobo, central, screen)
        _talk(place, sample, ready, stack, screen)
        _sync(place, sample, screen)
        _report(place, forms, today, screen)
    screen.next(
        f"open {out / 'leaders.html'}; then: set -a; . {out / 'keys.env'}; set +a; "
        f"shakti status --config {out / 'config.yml'}"
    )


def _kobo() -> KoboServer:
    """A server of ours that speaks KoboToolbox's API, on this machine only."""
    return KoboServer(clock=_utc, token="sample-token")  # noqa: S106 - invented, lives as long as the run


def _central() -> CentralServer:
    """A server of ours that speaks ODK Central's API, on this machine only."""
    return CentralServer(clock=_utc, email="viewer@example.org", password="sample-password")  # noqa: S106 - same


def _utc() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _prepare(out: Path, kobo: KoboServer, central: CentralServer, screen: Screen) -> Place:
    """An empty folder with its own config.yml and keys; both forms deployed on both servers."""
    with screen.step("Preparing an empty store, keys, and two local platforms"):
        _make_empty(out)
        forms = [REPOSITORY / form for form in Config().forms]
        assets = [kobo.deploy(form) for form in forms]
        for form in forms:
            central.deploy(form)
        config = _write_config(out, kobo.url, assets, central.url, central.project.id)
        keys, text_private = fresh_keys(config.secrets)
        _write_keys(out, keys, text_private)
        environment = {
            **keys,
            "KOBO_TOKEN": "sample-token",
            "CENTRAL_EMAIL": "viewer@example.org",
            "CENTRAL_PASSWORD": "sample-password",
        }
    return Place(out, config, environment)


MARK = ".shakti-demo"


def _make_empty(out: Path) -> None:
    """The folder, empty. One that holds something else than an earlier demonstration is never touched."""
    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise FormError(f"{out} holds files that no demonstration made; name another folder with --out.")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / MARK).write_text(NOTE + "\n", encoding="utf-8")


def _write_config(out: Path, kobo_url: str, assets: list[str], central_url: str, project: int) -> Config:
    defaults = Config()
    registry = defaults.registry
    text = f"""# {NOTE}. Made by `shakti demo`: the two platforms named here stop with it, the store and the lists stay.
sample: true
database: sqlite:///store.db
forms: [{", ".join(str(REPOSITORY / form) for form in defaults.forms)}]
registry: {{providers: {REPOSITORY / registry.providers}, collectors: {REPOSITORY / registry.collectors}}}
sources:
  kobo: {{url: "{kobo_url}", assets: [{", ".join(assets)}]}}
  central: {{url: "{central_url}", project: {project}, forms: [{", ".join(Path(form).stem for form in defaults.forms)}]}}
  collect: {{folder: collect}}
  chat: {{outbox: "sqlite:///outbox.db"}}
bot: {{drafts: "sqlite:///drafts.db"}}
reports: {{folder: .}}
"""
    path = out / "config.yml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def _write_keys(out: Path, keys: Mapping[str, str], text_private: str) -> None:
    path = out / "keys.env"
    path.touch(mode=0o600)
    lines = [f"export {name}={value}" for name, value in keys.items()]
    path.write_text(
        "\n".join(
            [f"# {NOTE}. Keys of this demonstration alone.", *lines, f"# opens free text: {text_private}", ""]
        ),
        encoding="utf-8",
    )


def _check_forms(place: Place, screen: Screen) -> tuple[Form, ...]:
    with screen.step("Checking the forms") as step:
        for path in place.config.forms:
            errors = [finding for finding in check(Path(path)) if finding.level == "error"]
            if errors:
                raise FormError(f"{path}: {errors[0]}")
        forms = assembly.load_forms(place.config)
        step.note(
            ", ".join(f"{form.form_id} {form.version} ({len(form.questions)} questions)" for form in forms)
        )
    return forms


def _start_rasa(place: Place, rasa: Path | None, stack: ExitStack, screen: Screen) -> Future[Running] | None:
    """Rasa trained, and starting in the background while survivors are invented; None where it is not installed."""
    if rasa is None:
        return None
    with screen.step("Training Rasa (nothing to do when the model is there)") as step:
        model = train(rasa, REPOSITORY / MODELS)
        step.note(model.name)
    pool = stack.enter_context(ThreadPoolExecutor(1))
    running = Running(rasa, model, settings_of(place.config, place.environment), place.folder / "bot")
    stack.callback(running.stop)
    return pool.submit(running.__enter__)


def _invent(
    place: Place, forms: tuple[Form, ...], *, seed: int, today: dt.date, evaluations: int, screen: Screen
) -> Sample:
    with screen.step("Simulated survivors answer the forms") as step:
        sample = make_sample(
            {form.form_id: form for form in forms},
            _rows(place.config.path(place.config.registry.providers)),
            _rows(place.config.path(place.config.registry.collectors)),
            seed=seed,
            today=today,
            evaluations=evaluations,
            progress=step.progress,
        )
        counts = sample.counts
        step.note(
            f"{counts['evaluations']:,} evaluations and {counts['checkins']:,} service check-ins; {counts['twice']} arrive "
            f"twice, {counts['refused']} are practice, minors or without consent, {counts['malformed']} files are broken"
        )
    return sample


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _deliver(place: Place, sample: Sample, kobo: KoboServer, central: CentralServer, screen: Screen) -> None:
    with screen.step("They reach the platforms, the folder and the outbox") as step:
        place.collect.mkdir(parents=True)
        with assembly.open_outbox(place.config, place.environment) as outbox:
            delivered = deliver(
                sample,
                kobo=kobo,
                central=central,
                collect_dir=place.collect,
                outbox=outbox,
                progress=step.progress,
            )
        step.note(", ".join(f"{name} {count:,}" for name, count in delivered.counts.items()))


def _talk(
    place: Place, sample: Sample, ready: Future[Running] | None, stack: ExitStack, screen: Screen
) -> None:
    """One scripted evaluation in Bengali and one in English: through Rasa, or without it where it is not installed."""
    if ready is None:
        how, opened = "without Rasa", stack.enter_context(_shell(place))
    else:
        with screen.step("Waiting for the action server and Rasa, on this machine's own address"):
            running = ready.result()
        how, opened = "through Rasa", partial(_channel, running)
    for language, code in zip(LANGUAGES, sample.roll, strict=False):
        with screen.step(f"Talking an evaluation {how} ({language})") as step:
            before = _waiting(place)
            lines = _script(language, code=code)
            last = talk(opened(), lines)
            if _waiting(place) != before + 1:
                raise NotRunningError(
                    f"The conversation in {language} did not end with a saved evaluation: {last}"
                )
            step.note(f"{len(lines)} messages; the last reply: {last.splitlines()[0]}")


def talk(say: Say, lines: list[str]) -> str:
    """Say every line of a script and give the last reply."""
    replies: list[Reply] = []
    for line in lines:
        replies = say(line)
    if not replies:
        raise BotError("The conversation ended without a reply.")
    return replies[-1].text


def _channel(running: Running) -> Say:
    sender = new_sender()
    return lambda line: running.send(sender, line)


@contextmanager
def _shell(place: Place) -> Iterator[Callable[[], Say]]:
    """The same conversation, drafts and outbox in this process, where there is no Rasa."""
    with open_clerk(settings_of(place.config, place.environment)) as clerk:

        def opened() -> Say:
            sender = new_sender()
            return lambda line: list(clerk.handle(sender, Message(text=line)).replies)

        yield opened


def _script(language: str, *, code: str) -> list[str]:
    """The lines of a scripted person; lines beginning with # are the author's remarks."""
    text = (TALKS / f"{language}.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [line.replace("{code}", code) for line in lines]


def _waiting(place: Place) -> int:
    with assembly.open_outbox(place.config, place.environment) as outbox:
        return _count(outbox)


def _count(outbox: Outbox) -> int:
    """How many rows wait; the demonstration's outbox is small enough to be read whole."""
    return len(outbox.take(0, 1_000_000))


def _sync(place: Place, sample: Sample, screen: Screen) -> None:
    """Into the store, twice: the second run must find nothing new."""
    with assembly.open_store(place.config, place.environment) as store:
        store.add_codes(sample.roll)
    with screen.step("Reading the four sources into the store"):
        _refuse_failures(sync_once(place.config, place.environment, screen))
    with screen.step("Reading them again: nothing may be new") as step:
        again = sync_once(place.config, place.environment, screen, quiet=True)
        _refuse_failures(again)
        changed = sum(one.counts.new + one.counts.edited + one.counts.deleted for one in again)
        if changed:
            raise FormError(f"A second reading changed {changed} records; it must change none.")
        step.note("nothing new, edited or deleted")


def _refuse_failures(reports: tuple[RunReport, ...]) -> None:
    for report in reports:
        if report.error is not None:
            raise report.error


def _report(place: Place, forms: tuple[Form, ...], today: dt.date, screen: Screen) -> None:
    with assembly.open_store(place.config, place.environment) as store:
        with screen.step("Scoring"):
            ratings = assembly.score(place.config, store)
        registry, seen = store.registry(), store.sightings_summary()
    releases = assembly.release(place.config, ratings, registry, forms, cutoff=today, sample=True)
    paths = write_all(releases.outward, releases.programme, place.folder, place.config.reports.language)
    show_sightings(seen, screen)
    show_method(ratings, screen)
    show_lists(releases, paths, screen)
    screen.say(f"{NOTE}.")
