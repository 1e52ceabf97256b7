"""How the parts are put together from config.yml and the environment: the one place where they meet."""

from __future__ import annotations

import datetime as dt
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
from reports import GateSettings, Label, Release, gate, names
from shakti.config import Config, ConfigError
from xlsforms import Form, every_choice, load_form

Environment = Mapping[str, str]

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
    """The store, brought up to date with its newest tables."""
    keys = Keys.from_hex(
        pseudonym=config.secret(config.secrets.pseudonym_key_env, environment),
        text_public=config.secret(config.secrets.text_public_key_env, environment),
    )
    with Store(config.database_url(config.database), keys=keys) as store:
        store.migrate()
        yield store


@contextmanager
def open_sources(
    config: Config, environment: Environment, forms: Iterable[Form]
) -> Iterator[tuple[Source, ...]]:
    """Every source that config.yml names, closed at the end."""
    forms = tuple(forms)
    with ExitStack() as stack:
        yield (
            *_kobo(config, environment, stack),
            *_central(config, environment, stack),
            *_collect(config, forms),
            *_chat(config, environment, forms, stack),
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
        stack.enter_context(open_outbox(config, environment)), private_key=private_key, forms=forms
    )


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
    evaluations = scoring.table(store.evaluations(), scales)
    return scoring.rate(
        evaluations,
        units_of(store.registry()),
        settings_of(config),
        rng=np.random.default_rng(config.scoring.seed),
        as_of=as_of,
    )


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
