"""Files that hold a secret: written once, for their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from shakti.config import ConfigError


def write_new(path: Path, content: str | bytes) -> None:
    """A file of its owner's alone; one that exists is never overwritten."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigError(
            f"{path} exists already and is not overwritten; name another file or move it away."
        ) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}); name another place.") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
