"""How the parts are put together from config.yml and the environment: the one place where they meet."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

import scoring
from bot.outbox import Outbox
from connector import (
    CentralSource,
    ChatSource,
    CollectSource,
    ErasureList,
    Keys,
    KoboSource,
    Provider,
    Registry,
    Source,
    Store,
    read_collectors,
    read_providers,
)
from connector.deploy import CentralPlatform, KoboPlatform, Platform
from connector.erasers import CentralEraser, Eraser, FolderEraser, KoboEraser, NoEraser
from connector.forwarding import CentralForwarder, Forwarder, Forwarding, KoboForwarder
from connector.store import Columns, Labels
from reports import GateSettings, Label, Release, gate, names
from shakti.config import Central, Config, ConfigError, Kobo
from xlsforms import Form, every_choice, load_form

Environment = Mapping[str, str]

LOCK = "data/scheduler.lock"  # held by the one scheduler of this machine

PLACES = (
    "district",
)  # asked in our forms to narrow the list of blocks; the block itself carries eval:is=place


@dataclass(frozen=True)
class Releases:
    """What the two audiences may see of one scoring."""

    outward: Release
    programme: Release


def load_forms(config: Config) -> tuple[Form, ...]:
    """The programme's forms. FormError when one is wrong."""
    media = config.path(config.registry.providers).parent
    return tuple(load_form(config.path(form), media=media) for form in config.forms)


def load_registry(config: Config) -> Registry:
    """Who can be evaluated and who collects. RegistryError when a list is wrong."""
    return Registry(
        providers=read_providers(config.path(config.registry.providers)),
        collectors=read_collectors(config.path(config.registry.collectors)),
    )


@contextmanager
def open_store(config: Config, environment: Environment) -> Iterator[Store]:
    """The store, brought up to date with its newest tables and with what was erased since its last backup."""
    keys = Keys.from_hex(
        pseudonym=config.secret(config.secrets.pseudonym_key_env, environment),
        text_public=config.secret(config.secrets.text_public_key_env, environment),
    )
    with Store(config.database_url(config.database), keys=keys) as store:
        store.migrate()
        erasure_list(config).settle(store, today=dt.datetime.now(dt.UTC).date())
        yield store


def erasure_list(config: Config) -> ErasureList:
    """The keyed hashes of what was erased."""
    return ErasureList(config.path(config.erasures))


def renames(config: Config, forms: Iterable[Form]) -> dict[str, dict[str, str]]:
    """The renamed questions of config.yml; ConfigError when one names a question the form does not have."""
    asked = {form.form_id: {question.path for question in form.questions} for form in forms}
    for form_id, moves in config.renames.items():
        if form_id not in asked:
            raise ConfigError(
                f"config.yml: renames.{form_id}: there is no such form; {_known(asked, like=form_id)}."
            )
        for old, new in moves.items():
            if new not in asked[form_id]:
                raise ConfigError(
                    f"config.yml: renames.{form_id}: the form has no question {new!r}; "
                    f"{_known(asked[form_id], like=new)}."
                )
            if old in asked[form_id]:
                raise ConfigError(
                    f"config.yml: renames.{form_id}: {old!r} is a question of the present form, so it was not renamed; "
                    "take the line out or give the path it had before."
                )
    return config.renames


def _known(names: Iterable[str], *, like: str = "") -> str:
    close = difflib.get_close_matches(like, list(names), n=1, cutoff=0.5) if like else []
    return f"did you mean {close[0]!r}" if close else "known are " + ", ".join(sorted(names))


@contextmanager
def open_sources(
    config: Config, environment: Environment, forms: Iterable[Form], store: Store
) -> Iterator[tuple[Source, ...]]:
    """Every source that config.yml names, closed at the end; `store` says what may be forwarded."""
    forms = tuple(forms)
    with ExitStack() as stack:
        yield (
            *_kobo(config, environment, stack),
            *_central(config, environment, stack),
            *_collect(config, forms),
            *(
                _forwarding(config, environment, chat, store, stack)
                for chat in _chat(config, environment, forms, stack)
            ),
        )


def source_names(config: Config) -> tuple[str, ...]:
    """The names of the sources that config.yml names, in the order in which they are read."""
    kobo, central = config.sources.kobo, config.sources.central
    return (
        *(f"kobo:{asset}" for asset in (kobo.assets if kobo else ())),
        *(f"central:{form}" for form in (central.forms if central else ())),
        *(("collect",) if config.sources.collect else ()),
        *(("chat",) if config.sources.chat else ()),
    )


def _kobo(config: Config, environment: Environment, stack: ExitStack) -> Iterator[Source]:
    kobo = config.sources.kobo
    if kobo is None:
        return
    token = config.secret(kobo.token_env, environment)
    for asset in kobo.assets:
        yield stack.enter_context(
            KoboSource(kobo.url, token=token, asset=asset, name=f"kobo:{asset}", token_name=kobo.token_env)
        )


def _central(config: Config, environment: Environment, stack: ExitStack) -> Iterator[Source]:
    central = config.sources.central
    if central is None:
        return
    email = config.secret(central.email_env, environment)
    password = config.secret(central.password_env, environment)
    for form in central.forms:
        yield stack.enter_context(
            CentralSource(
                central.url,
                email=email,
                password=password,
                project=central.project,
                form=form,
                name=f"central:{form}",
                password_name=central.password_env,
            )
        )


def _collect(config: Config, forms: tuple[Form, ...]) -> Iterator[Source]:
    collect = config.sources.collect
    if collect is None:
        return
    yield CollectSource(config.path(collect.folder), forms=forms, aliases=dict(collect.aliases))


def _chat(
    config: Config, environment: Environment, forms: tuple[Form, ...], stack: ExitStack
) -> Iterator[Source]:
    chat = config.sources.chat
    if chat is None:
        return
    private_key = config.secret(config.secrets.outbox_private_key_env, environment)
    yield ChatSource(
        stack.enter_context(open_outbox(config, environment)),
        private_key=private_key,
        forms=forms,
        alerts=dt.timedelta(days=config.retention.alert_days),
    )


def _forwarding(
    config: Config, environment: Environment, chat: Source, store: Store, stack: ExitStack
) -> Source:
    """The chat, with copies for the platform where config.yml asks for them."""
    kobo, central = config.sources.kobo, config.sources.central
    to = config.sources.chat.forward if config.sources.chat else None
    forwarder: Forwarder
    if to == "kobo" and kobo is not None:
        forwarder = stack.enter_context(
            KoboForwarder(
                kobo.url,
                token=config.secret(kobo.forward_token_env, environment),
                assets=kobo.assets,
                submissions_url=kobo.submissions_url,
                token_name=kobo.forward_token_env,
            )
        )
    elif to == "central" and central is not None:
        forwarder = stack.enter_context(
            CentralForwarder(
                central.url,
                token=config.secret(central.app_user_token_env, environment),
                project=central.project,
                token_name=central.app_user_token_env,
            )
        )
    else:
        return chat
    return Forwarding(chat, store, forwarder)


@contextmanager
def open_erasers(config: Config, environment: Environment) -> Iterator[dict[str, Eraser]]:
    """What can delete records at each source, by its name; where no account was given, it says how a person does it."""
    kobo, central, collect = config.sources.kobo, config.sources.central, config.sources.collect
    found: dict[str, Eraser] = {}
    with ExitStack() as stack:
        if kobo is not None:
            found |= {f"kobo:{uid}": _kobo_eraser(kobo, uid, environment, stack) for uid in kobo.assets}
        if central is not None:
            found |= {
                f"central:{form}": _central_eraser(central, form, environment, stack)
                for form in central.forms
            }
        if collect is not None:
            found["collect"] = FolderEraser(config.path(collect.folder))
        yield found


def _kobo_eraser(kobo: Kobo, asset: str, environment: Environment, stack: ExitStack) -> Eraser:
    name = kobo.erase_token_env
    token = environment.get(name, "").strip()
    if not token:
        return NoEraser(f"{_not_set(name)}, or {KoboEraser.by_hand(asset)}.")
    return stack.enter_context(KoboEraser(kobo.url, token=token, asset=asset, token_name=name))


def _central_eraser(central: Central, form: str, environment: Environment, stack: ExitStack) -> Eraser:
    name = central.erase_password_env
    email = environment.get(central.erase_email_env, "").strip()
    password = environment.get(name, "").strip()
    if not email or not password:
        empty = name if email else central.erase_email_env
        return NoEraser(f"{_not_set(empty)}, or {CentralEraser.by_hand(central.project, form)}.")
    return stack.enter_context(
        CentralEraser(
            central.url,
            email=email,
            password=password,
            project=central.project,
            form=form,
            password_name=name,
        )
    )


def _not_set(name: str) -> str:
    return f"This machine may not delete there. Set {name} to an account that may and run it again"


@contextmanager
def open_chat(config: Config, environment: Environment) -> Iterator[Source | None]:
    """The bot's outbox as a source; None when config.yml names none."""
    with ExitStack() as stack:
        yield next(_chat(config, environment, load_forms(config), stack), None)


@contextmanager
def open_platform(config: Config, environment: Environment, name: str) -> Iterator[Platform]:
    """The platform forms are deployed to, "kobo" or "central"; ConfigError when config.yml does not name it."""
    kobo, central = config.sources.kobo, config.sources.central
    if name == "kobo" and kobo is not None:
        token = config.secret(kobo.deploy_token_env, environment)
        with KoboPlatform(
            kobo.url, token=token, assets=kobo.assets, token_name=kobo.deploy_token_env
        ) as platform:
            yield platform
    elif name == "central" and central is not None:
        email = config.secret(central.deploy_email_env, environment)
        password = config.secret(central.deploy_password_env, environment)
        with CentralPlatform(
            central.url,
            email=email,
            password=password,
            project=central.project,
            password_name=central.deploy_password_env,
        ) as server:
            yield server
    else:
        raise ConfigError(
            f"config.yml names no sources.{name}; take the lines of its example there and fill in the address."
        )


@contextmanager
def open_outbox(config: Config, environment: Environment) -> Iterator[Outbox]:
    """The bot's outbox; ConfigError when config.yml names none."""
    if config.sources.chat is None:
        raise ConfigError(
            "config.yml names no sources.chat.outbox; add it, the bot keeps finished interviews there."
        )
    public_key = config.secret(config.secrets.outbox_public_key_env, environment)
    url = config.database_url(config.sources.chat.outbox)
    with Outbox(url, public_key=public_key) as outbox:
        yield outbox


def settings_of(config: Config) -> scoring.Settings:
    """The method's settings with what this programme changes."""
    return scoring.Settings(
        k_programme=config.release.k_programme,
        k_outward=config.release.k_outward,
        quarters=config.scoring.quarters,
        draws=config.scoring.draws,
        require_approved=config.scoring.require_approved,
    )


def score(config: Config, store: Store, *, as_of: str | None = None) -> scoring.Ratings:
    """Rate every provider of the registry with what is in the store now; `as_of` as `scoring.rate`."""
    scales = {
        version: {
            name: scoring.Scale(low=scale.low, high=scale.high, best=scale.best)
            for name, scale in indicators.items()
        }
        for version, indicators in store.scales().items()
    }
    evaluations = evaluations_of(store.columns(), scales)
    return scoring.rate(
        evaluations,
        units_of(store.registry()),
        settings_of(config),
        rng=np.random.default_rng(config.scoring.seed),
        as_of=as_of,
    )


def services(config: Config, store: Store, *, as_of: str | None) -> tuple[scoring.ServiceFigure, ...]:
    """What survivors say of the services over the quarters that end with `as_of`, in each district and over all."""
    areas = {one.block: one.district for one in store.registry().providers if one.block}
    return scoring.services(store.services(), areas, settings_of(config), as_of=as_of)


def evaluations_of(
    columns: Columns, scales: Mapping[str, Mapping[str, scoring.Scale]]
) -> scoring.Evaluations:
    """The store's columns as scoring reads them."""
    given = {
        name: scoring.Column(one.labels, one.code) if isinstance(one, Labels) else one
        for name, one in vars(columns).items()
    }
    return scoring.from_columns(given, scales)


def units_of(registry: Registry) -> tuple[scoring.Unit, ...]:
    """One unit for each provider: the latest posting says role, office and place."""
    latest: dict[str, Provider] = {}
    for one in registry.providers:
        known = latest.get(one.name)
        if known is None or (one.since or dt.date.min) >= (known.since or dt.date.min):
            latest[one.name] = one
    return tuple(
        scoring.Unit(
            provider=one.name,
            kind=one.kind,  # type: ignore[arg-type]  # read_providers refuses any other
            role=one.role,
            block=one.block,
            district=one.district,
            state=one.state,
            name=one.label_en,
            office=one.office,
            served=one.served,
        )
        for one in latest.values()
    )


def release(
    config: Config,
    ratings: scoring.Ratings,
    registry: Registry,
    forms: Iterable[Form],
    *,
    cutoff: dt.date,
    sample: bool = False,
) -> Releases:
    """What passes the gate, for both audiences."""
    settings = GateSettings(k_outward=config.release.k_outward, k_programme=config.release.k_programme)
    named = names(registry.providers)
    places = place_labels(forms)
    outward, programme = (
        gate(
            ratings,
            named,
            audience=audience,
            settings=settings,
            places=places,
            cutoff=cutoff,
            sample=sample,
        )
        for audience in ("outward", "programme")
    )
    return Releases(outward=outward, programme=programme)


def place_labels(forms: Iterable[Form]) -> dict[str, Label]:
    """Names of blocks and districts by their codes, as the forms themselves offer them."""
    found: dict[str, Label] = {}
    for form in forms:
        for question in form.questions:
            if question.eval.get("is") == "place" or question.path in PLACES:
                found |= _labels(form, question.path)
    return found


def _labels(form: Form, path: str) -> dict[str, Label]:
    spoken = {
        code: {choice.name: choice.label for choice in every_choice(form, path, code)}
        for code in ("en", "bn", "hi")
    }
    return {
        name: Label(en=label, bn=spoken["bn"].get(name, ""), hi=spoken["hi"].get(name, ""))
        for name, label in spoken["en"].items()
    }
