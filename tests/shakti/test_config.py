"""config.yml: what is right is read whole, what is wrong gets one clear sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from shakti.config import Config, ConfigError, read_config

REPOSITORY = Path(__file__).resolve().parents[2]


def written(folder: Path, text: str) -> Path:
    path = folder / "config.yml"
    path.write_text(text, encoding="utf-8")
    return path


def keys_of(section: type, prefix: str = "") -> list[str]:
    found = []
    for name, field in section.model_fields.items():  # type: ignore[attr-defined]
        inner = [
            part
            for part in (field.annotation, *getattr(field.annotation, "__args__", ()))
            if hasattr(part, "model_fields")
        ]
        found += keys_of(inner[0], f"{prefix}{name}.") if inner else [name]
    return found


def test_the_projects_own_file_is_read_and_keeps_every_default() -> None:
    config = read_config(REPOSITORY / "config.yml")
    defaults = Config()
    assert config.scoring == defaults.scoring
    assert config.release == defaults.release
    assert config.secrets == defaults.secrets
    assert config.forms == defaults.forms


def test_every_key_stands_in_the_projects_file_with_a_comment() -> None:
    lines = (REPOSITORY / "config.yml").read_text(encoding="utf-8").splitlines()
    for key in keys_of(Config):
        if key == "root":
            continue
        own = [line for line in lines if line.lstrip(" #").startswith(f"{key}:")]
        assert own, f"{key} is missing in config.yml"
        assert any("#" in line.split(":", 1)[1] for line in own) or own[0].rstrip().endswith(":"), (
            f"{key} has no comment"
        )


def test_every_key_does_something() -> None:
    code = "".join(
        path.read_text(encoding="utf-8")
        for path in (REPOSITORY / "shakti").rglob("*.py")
        if path.name != "config.py"
    )
    idle = [key for key in keys_of(Config) if key != "root" and f".{key}" not in code]
    assert idle == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("databse: x", "'databse' is not a known key; did you mean 'database'."),
        ("bot: {prot: 1}", "'bot.prot' is not a known key; did you mean 'port'."),
        (
            "sources: {kobo: {urls: x, assets: [a]}}",
            "'sources.kobo.urls' is not a known key; did you mean 'url'.",
        ),
        ("zzz: 1", "'zzz' is not a known key; known here are bot, database"),
        ("root: /x", "'root' is not a known key"),
        ("release: {k_outward: 3}", "never fewer than 10 survivors"),
        ("release: {k_programme: 4}", "never fewer than 5 survivors"),
        ("release: {k_outward: 10, k_programme: 11}", "may not be stricter"),
        ("bot: {port: 99999}", "'bot.port' is 99999"),
        ("sources: {kobo: {url: x}}", "'sources.kobo.assets' is missing"),
        ("forms: 3", "'forms' must be a list"),
        ("reports: {language: fr}", "'reports.language' is 'fr'"),
        ("schedule: {every_minutes: '5'}", "'schedule.every_minutes' is '5'"),
        ("a: [", "is not valid YAML: line 1"),
        ("- a", "must hold keys and values"),
    ],
)
def test_a_wrong_file_gets_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(written(tmp_path, text))
    message = str(caught.value)
    assert sentence in message
    assert "\n" not in message
    assert message.endswith(".")


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not there; copy config\.yml"):
        read_config(tmp_path / "nowhere.yml")


def test_relative_paths_are_seen_from_the_file(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, "database: sqlite:///data/x.db"))
    assert config.database_url(config.database) == f"sqlite:///{tmp_path.resolve() / 'data/x.db'}"
    assert config.database_url("postgresql+psycopg://me@db/x") == "postgresql+psycopg://me@db/x"
    assert config.path("forms/a.xlsx") == tmp_path.resolve() / "forms/a.xlsx"


def test_an_empty_secret_names_its_variable(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, ""))
    assert config.secret("A_KEY", {"A_KEY": " abc "}) == "abc"
    with pytest.raises(ConfigError, match="A_KEY is empty; set it"):
        config.secret("A_KEY", {})


def test_no_secret_stands_in_the_projects_file() -> None:
    content = yaml.safe_load((REPOSITORY / "config.yml").read_text(encoding="utf-8"))
    for name, value in content["secrets"].items():
        assert name.endswith("_env")
        assert value.isupper()
