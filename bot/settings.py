"""What the bot is told from outside: which forms it offers, and where its drafts and its outbox are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import WordsError

__all__ = ["SETTINGS", "Settings"]

# The environment variable of each setting, in the one place that names them.
SETTINGS = {
    "forms": "SHAKTI_BOT_FORMS",
    "drafts_url": "SHAKTI_BOT_DRAFTS_URL",
    "drafts_key": "SHAKTI_DRAFTS_KEY",
    "outbox_url": "SHAKTI_BOT_OUTBOX_URL",
    "outbox_public_key": "SHAKTI_OUTBOX_PUBLIC_KEY",
    "region": "SHAKTI_BOT_REGION",
}


@dataclass(frozen=True)
class Settings:
    """What the action server must know. `forms`: workbooks or XForms, in the order they are offered."""

    forms: tuple[Path, ...]
    drafts_url: str
    drafts_key: str = field(repr=False)
    outbox_url: str
    outbox_public_key: str
    region: str | None = None

    def environment(self) -> dict[str, str]:
        """These settings as environment variables."""
        given = {
            "forms": os.pathsep.join(str(path.resolve()) for path in self.forms),
            "drafts_url": self.drafts_url,
            "drafts_key": self.drafts_key,
            "outbox_url": self.outbox_url,
            "outbox_public_key": self.outbox_public_key,
            "region": self.region or "",
        }
        return {SETTINGS[name]: value for name, value in given.items()}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, without: Sequence[str] = ()) -> Settings:
        """The settings of `environ`; `without` names those this process must not know, and which stay empty.

        Raises WordsError naming the variable that is missing.
        """
        found = {
            name: "" if name in without else environ.get(variable, "") for name, variable in SETTINGS.items()
        }
        optional = ("region", *without)
        missing = [SETTINGS[name] for name, value in found.items() if not value and name not in optional]
        if missing:
            raise WordsError(f"The environment variable {missing[0]} is not set; the bot needs it.")
        forms = tuple(map(Path, found.pop("forms").split(os.pathsep)))
        region = found.pop("region") or None
        return cls(forms=forms, region=region, **found)
