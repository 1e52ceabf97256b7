"""Forms as markdown tables, and interviews over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from talking import NOW, Talk, WriteForm

from xlsforms import Form, begin, load_form


@pytest.fixture
def write_form(tmp_path: Path) -> WriteForm:
    """Loads a form written as a markdown table; other arguments are attached lists, `providers="name,…"`."""

    def write(markdown: str, **lists: str) -> Form:
        for name, text in lists.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        path = tmp_path / "form.md"
        path.write_text(
            "\n".join(line.strip() for line in markdown.strip().splitlines()) + "\n", encoding="utf-8"
        )
        return load_form(path)

    return write


@pytest.fixture
def talk(write_form: WriteForm) -> Callable[..., Talk]:
    """Begins an interview over a form written as a markdown table."""

    def start(
        markdown: str, *, language: str | None = None, instance_id: str = "uuid:test", **lists: str
    ) -> Talk:
        form = write_form(markdown, **lists)
        return Talk(form, begin(form, now=NOW, language=language, instance_id=instance_id))

    return start
