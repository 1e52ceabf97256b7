"""The code of docs/new-source.md, as it stands on the page."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "new-source.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
NAME = "json_lines_of_the_page"


@functools.cache
def code_of_the_page() -> dict[str, Any]:
    """What the page's blocks define, run one after another as one file."""
    source = "\n\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    module = sys.modules[NAME] = ModuleType(NAME)  # dataclasses look their module up
    exec(compile(source, str(PAGE), "exec"), module.__dict__)
    return module.__dict__
