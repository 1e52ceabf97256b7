"""How KoboToolbox keeps a form: its JSON content of a version → our form id, version and marks.

On deployment the form's id and version are replaced by the server's own; `content.settings` still holds ours, and the
survey rows still have their `bind::eval:` columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.errors import SkipRecord
from connector.submission import FormVersion
from xlsforms import Mark

__all__ = ["files_asked_for", "form_version_of"]

PREFIX = "bind::eval:"
FROM_FILE = "select_one_from_file"
FILES = frozenset({"image", "audio", "video", "file", "background-audio"})


def form_version_of(content: Mapping[str, Any], asset_content: Mapping[str, Any]) -> FormVersion:
    """The form of one version's content; settings it lacks are taken from the asset's present content.

    Raises SkipRecord when the form id is not there at all.
    """
    settings = {**(asset_content.get("settings") or {}), **(content.get("settings") or {})}
    form_id = str(settings.get("id_string") or "")
    if not form_id:
        raise SkipRecord(
            "The project on KoboToolbox does not say which form it is (no form_id in its settings); import our "
            "workbook into it and deploy it again."
        )
    lists = _choice_names(content.get("choices") or [])
    rows = content.get("survey") or []
    marks = tuple(_mark(row, lists) for row in rows if _has_marks(row))
    return FormVersion(form_id, str(settings.get("version") or ""), marks)


def files_asked_for(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of the questions that are answered with a file."""
    return tuple(_path(row) for row in content.get("survey") or [] if row.get("type") in FILES)


def _path(row: Mapping[str, Any]) -> str:
    return str(row.get("$xpath") or row.get("name") or row.get("$autoname"))


def _has_marks(row: Mapping[str, Any]) -> bool:
    return any(key.startswith(PREFIX) and row[key] not in (None, "") for key in row)


def _mark(row: Mapping[str, Any], lists: Mapping[str, tuple[str, ...]]) -> Mark:
    kind, _, written_list = str(row.get("type") or "").partition(" ")
    choices = lists.get(str(row.get("select_from_list_name") or written_list), ())
    ends = _ends(str(row.get("parameters") or ""))
    return Mark(
        path=_path(row),
        kind="select_one" if kind == FROM_FILE else kind,
        is_=_cell(row, "is"),
        service=_cell(row, "service"),
        measures=_cell(row, "measures"),
        best=_cell(row, "best"),
        flag=_cell(row, "flag"),
        choices=choices,
        low=ends[0] if ends else None,
        high=ends[1] if ends else None,
    )


def _ends(parameters: str) -> tuple[float, float] | None:
    """The ends of a range question: "start=0 end=10 step=1", in any order."""
    given = dict(part.split("=", 1) for part in parameters.replace(";", " ").split() if "=" in part)
    try:
        start, end = float(given["start"]), float(given["end"])
    except (KeyError, ValueError):
        return None
    return min(start, end), max(start, end)


def _cell(row: Mapping[str, Any], column: str) -> str | None:
    """A number in a cell may arrive as 5 or 5.0: the mark is its text as the sheet shows it."""
    value = row.get(PREFIX + column)
    if value in (None, ""):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _choice_names(choices: list[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for choice in choices:
        key = str(choice.get("list_name"))
        names[key] = (*names.get(key, ()), str(choice.get("name") or choice.get("$autovalue")))
    return names
