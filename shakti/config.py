"""What differs between places: config.yml, read once into frozen settings and refused with one sentence when it is wrong.

Secrets are never in the file. It holds the *names* of environment variables (keys ending in ``_env``); `Config.secret`
reads one at the edge and says which variable to set when it is empty.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

Language = Literal["bn", "hi", "en"]
Port = Annotated[int, Field(ge=1, le=65535)]


def _as_tuple(value: object) -> object:
    """YAML's lists, frozen."""
    return tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class ConfigError(Exception):
    """config.yml or the environment is wrong; the message says where, what, and what to do."""


class Section(BaseModel):
    """A part of the file: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Registry(Section):
    """Where the lists of providers and collectors lie (CSV, attached to the forms)."""

    providers: str = "xlsforms/providers.csv"
    collectors: str = "xlsforms/collectors.csv"


class Secrets(Section):
    """Names of the environment variables that hold the keys; `shakti keys new` makes the keys."""

    pseudonym_key_env: str = "SHAKTI_PSEUDONYM_KEY"
    text_public_key_env: str = "SHAKTI_TEXT_PUBLIC_KEY"
    outbox_public_key_env: str = "SHAKTI_OUTBOX_PUBLIC_KEY"
    outbox_private_key_env: str = "SHAKTI_OUTBOX_PRIVATE_KEY"
    drafts_key_env: str = "SHAKTI_DRAFTS_KEY"


class Kobo(Section):
    """A KoboToolbox server and the deployed assets to read; none before the first deployment."""

    url: str
    token_env: str = "KOBO_TOKEN"  # noqa: S105 - the name of a variable
    deploy_token_env: str = "KOBO_DEPLOY_TOKEN"  # noqa: S105 - the name of a variable
    erase_token_env: str = "KOBO_ERASE_TOKEN"  # noqa: S105 - the name of a variable
    forward_token_env: str = "KOBO_FORWARD_TOKEN"  # noqa: S105 - the name of a variable
    submissions_url: str | None = None
    assets: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Central(Section):
    """An ODK Central project and the forms to read."""

    url: str
    project: int
    email_env: str = "CENTRAL_EMAIL"
    password_env: str = "CENTRAL_PASSWORD"  # noqa: S105 - the name of a variable
    deploy_email_env: str = "CENTRAL_DEPLOY_EMAIL"
    deploy_password_env: str = "CENTRAL_DEPLOY_PASSWORD"  # noqa: S105 - the name of a variable
    app_user_token_env: str = "CENTRAL_APP_USER_TOKEN"  # noqa: S105 - the name of a variable
    erase_email_env: str = "CENTRAL_ERASE_EMAIL"
    erase_password_env: str = "CENTRAL_ERASE_PASSWORD"  # noqa: S105 - the name of a variable
    forms: Names


class Collect(Section):
    """A folder of instance files as ODK Collect leaves them; `aliases`: a KoboToolbox asset's uid to our form id."""

    folder: str
    aliases: dict[str, str] = Field(default_factory=dict)


class Chat(Section):
    """The bot's outbox of finished interviews; `forward` names the platform that gets a copy of each, if any."""

    outbox: str = "sqlite:///data/outbox.db"
    forward: Literal["kobo", "central"] | None = None


class Sources(Section):
    """Which sources are read; one that is absent is not read."""

    kobo: Kobo | None = None
    central: Central | None = None
    collect: Collect | None = None
    chat: Chat | None = None

    @model_validator(mode="after")
    def _forwards_to_one_that_is_there(self) -> Sources:
        to = self.chat.forward if self.chat else None
        if to is not None and getattr(self, to) is None:
            raise ValueError(
                f"chat.forward is {to}, but there is no sources.{to}; fill it in, or take forward out"
            )
        return self


class Bot(Section):
    """Where the conversation listens and keeps open interviews."""

    port: Port = 5005
    actions_port: Port = 5055
    drafts: str = "sqlite:///data/drafts.db"
    state: str = "19"


class Schedule(Section):
    """How often `shakti run` reads the sources."""

    every_minutes: Annotated[int, Field(ge=1, le=1440)] = 15


class Retention(Section):
    """How many days what nobody could use is kept. Never longer than free text, which is in it."""

    quarantine_days: Annotated[int, Field(ge=1, le=90)] = 90
    alert_days: Annotated[int, Field(ge=1, le=90)] = 30


class Scoring(Section):
    """How ratings are made; the defaults are the method's (docs/decisions, scoring/)."""

    seed: int = 20261123
    require_approved: bool = False
    quarters: Annotated[int, Field(ge=1, le=8)] = 4
    draws: Annotated[int, Field(ge=500, le=100_000)] = 2000


class Release(Section):
    """How many different survivors stand behind a figure before it is shown. Lower than the defaults is refused."""

    k_outward: int = 10
    k_programme: int = 5

    @model_validator(mode="after")
    def _never_below_the_floor(self) -> Release:
        if self.k_outward < 10:  # the floor of the design, section 6
            raise ValueError(
                f"k_outward is {self.k_outward}, but never fewer than 10 survivors may stand behind an outward figure; set 10 or more"
            )
        if self.k_programme < 5:
            raise ValueError(
                f"k_programme is {self.k_programme}, but never fewer than 5 survivors may stand behind a programme figure; set 5 or more"
            )
        if self.k_programme > self.k_outward:
            raise ValueError(
                f"k_programme ({self.k_programme}) is above k_outward ({self.k_outward}); inside the programme the threshold may not be stricter than outside"
            )
        return self


class Reports(Section):
    """Where lists are written and in which language pages speak."""

    folder: str = "out/reports"
    language: Language = "en"


class Config(Section):
    """The whole file. `root` is the folder that relative paths are read from: the file's own."""

    sample: bool = False
    database: str = "sqlite:///data/shakti.db"
    erasures: str = "data/erasures.list"
    forms: Names = (
        "xlsforms/duty_bearer_evaluation.xlsx",
        "xlsforms/services_checkin.xlsx",
    )
    registry: Registry = Registry()
    secrets: Secrets = Secrets()
    sources: Sources = Sources()
    renames: dict[str, dict[str, str]] = Field(default_factory=dict)
    bot: Bot = Bot()
    schedule: Schedule = Schedule()
    retention: Retention = Retention()
    scoring: Scoring = Scoring()
    release: Release = Release()
    reports: Reports = Reports()
    root: Path = Field(default=Path(), exclude=True)

    def path(self, relative: str) -> Path:
        """A path of the file, seen from where the file lies."""
        return self.root / relative

    def database_url(self, url: str) -> str:
        """A database address with a relative SQLite path made absolute from where the file lies."""
        prefix = "sqlite:///"
        if not url.startswith(prefix) or Path(url.removeprefix(prefix)).is_absolute():
            return url
        return f"{prefix}{(self.root / url.removeprefix(prefix)).resolve()}"

    def secret(self, name: str, environment: Mapping[str, str]) -> str:
        """The value of the environment variable that config.yml names; ConfigError when it is not set."""
        value = environment.get(name, "").strip()
        if not value:
            own = name in self.secrets.model_dump().values()
            how = "shakti keys new --out FILE makes all keys" if own else "config.yml names it under sources"
            raise ConfigError(f"The environment variable {name} is empty; set it ({how}) and start again.")
        return value


def read_config(path: Path) -> Config:
    """config.yml as frozen settings.

    Raises ConfigError with the key, what is wrong and the nearest known key or the allowed values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path} is not there; copy config.yml from the project or name another file with --config."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error}); check its permissions and that it is UTF-8 text."
        ) from error
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {_one_line(error)}.") from error
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} must hold keys and values such as 'database: …'; it holds {type(content).__name__}."
        )
    if "root" in content:
        raise ConfigError(
            f"{path}: 'root' is not a known key; relative paths are always read from the folder of the file."
        )
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        raise ConfigError(_explain(path, error)) from error
    return config.model_copy(update={"root": path.resolve().parent})


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    return where + str(getattr(error, "problem", None) or error).replace("\n", " ")


def _explain(path: Path, error: ValidationError) -> str:
    """The first fault of the file in one sentence."""
    faults = error.errors()
    # a misspelt key also leaves the right one missing: the misspelling is the better message
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{path}: '{where}' is not a known key; {_nearest(fault['loc'])}."
    if fault["type"] == "value_error":
        return f"{path}: {where}: {fault['ctx']['error']}."
    if fault["type"] == "missing":
        return f"{path}: '{where}' is missing; add it."
    if fault["type"] in ("tuple_type", "list_type"):
        return f"{path}: '{where}' must be a list such as [a, b]."
    given = fault.get("input")
    return f"{path}: '{where}' is {given!r}, but {_lower_first(fault['msg'])}."


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _nearest(location: tuple[int | str, ...]) -> str:
    known = _keys_at(location[:-1])
    close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    if close:
        return f"did you mean '{close[0]}'"
    return "known here are " + ", ".join(sorted(known))


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The known keys of the section at this place of the file."""
    model: type[BaseModel] = Config
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None:
            break
        inner = [
            kind
            for kind in _types_of(field.annotation)
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        if not inner:
            break
        model = inner[0]
    return [name for name in model.model_fields if name != "root"]


def _types_of(annotation: object) -> tuple[object, ...]:
    arguments: tuple[object, ...] = getattr(annotation, "__args__", ())
    return arguments or (annotation,)
