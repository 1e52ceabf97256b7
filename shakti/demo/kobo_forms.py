"""What KoboToolbox makes of a workbook: its JSON content, the summary of it, and the renamed XForm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from shakti.demo.instances import Deployed, children, local, parse, write
from shakti.demo.shapes import XFORMS

Sheets = Mapping[str, Sequence[Mapping[str, str]]]
Content = dict[str, Any]

TRANSLATED = ("label", "hint", "guidance_hint", "constraint_message", "required_message")
SELECTS = ("select_one", "select_multiple")
FROM_FILE = ("select_one_from_file", "select_multiple_from_file")
YES = ("yes", "true", "true()")


class ImportRefusedError(Exception):
    """The workbook cannot be imported; `kind` is the error's name in the import's answer."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Title:
    """What the import takes out of the settings: the asset's name."""

    text: str


def content_of(sheets: Sheets, new_kuid: Callable[[], str]) -> tuple[Title, Content]:
    """The asset's content as KoboToolbox keeps it: rows of the three sheets, texts as lists by language.

    Extra sheets are dropped. Raises ImportRefusedError for a name used twice, even in two groups.
    """
    settings = dict(next(iter(sheets.get("settings", ())), {}))
    title = Title(str(settings.pop("form_title", "")))
    survey, choices = list(sheets.get("survey", ())), list(sheets.get("choices", ()))
    languages = _languages([*survey, *choices], settings.get("default_language", ""))
    rows = _survey_rows(survey, languages, new_kuid)
    content: Content = {"schema": "1", "survey": rows}
    content["choices"] = [_choice(row, languages, new_kuid) for row in choices if row.get("list_name")]
    if "form_id" in settings:
        settings["id_string"] = settings.pop("form_id")
    content["settings"] = _jsonb(settings)
    content["translated"] = sorted(
        {name for row in [*rows, *content["choices"]] for name in row} & set(TRANSLATED)
    )
    content["translations"] = list(languages)
    return title, content


def content_hash(content: Content) -> str:
    """A hash of the content; the random `$kuid`s make it differ for the same workbook imported twice."""
    return hashlib.sha1(json.dumps(content, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def summary_of(content: Content) -> dict[str, Any]:
    """The asset's summary: number of questions, their first labels, the columns and the languages."""
    # Rows that begin or end something are not counted; KoboToolbox counts neither the question called `end`.
    rows = [row for row in content["survey"] if not str(row["type"]).startswith(("begin", "end"))]
    languages = content["translations"]
    columns = dict.fromkeys(name for row in content["survey"] for name in row if not name.startswith("$"))
    return {
        "geo": any(row["type"] in ("geopoint", "geotrace", "geoshape") for row in rows),
        "labels": [row["label"][0] for row in rows if row.get("label")][:5],
        "columns": list(columns),
        "lock_all": False,
        "lock_any": False,
        "languages": languages,
        **({"row_count": len(rows)} if rows else {}),
        "name_quality": {"ok": 0, "bad": 0, "good": len(rows), "total": len(rows), "firsts": {}},
        "default_translation": languages[0] if languages else None,
    }


def renamed(xform: str, deployed: Deployed) -> str:
    """The XForm phones get: root element, id and version are KoboToolbox's, two hidden questions are added."""
    root = parse(xform)
    model = next(root.iter(f"{XFORMS}model"))
    data = next(children(next(model.iter(f"{XFORMS}instance"))))
    old, new = f"/{local(data)}/", f"/{deployed.uid}/"
    for element in root.iter(etree.Element):
        for name, value in element.attrib.items():
            if old in str(value):
                element.set(name, str(value).replace(old, new))
    data.tag = f"{XFORMS}{deployed.uid}"
    data.set("id", deployed.uid)
    data.set("version", deployed.version)
    formhub = etree.Element(f"{XFORMS}formhub")
    etree.SubElement(formhub, f"{XFORMS}uuid")
    data.insert(0, formhub)
    data.insert(len(data) - 1, etree.Element(f"{XFORMS}__version__"))
    for path, value in (("formhub/uuid", deployed.formhub_uuid), ("__version__", deployed.version_uid)):
        bind = etree.SubElement(model, f"{XFORMS}bind", {"nodeset": new + path, "type": "string"})
        bind.set("calculate", f"'{value}'")
    return write(root)


def _languages(rows: Sequence[Mapping[str, str]], default: str) -> tuple[str | None, ...]:
    """The languages in the order of their columns, the form's default first; (None,) without languages."""
    found = dict.fromkeys(
        name.partition("::")[2] or None
        for row in rows
        for name in row
        if name.partition("::")[0] in TRANSLATED
    )
    if default in found:
        found = dict.fromkeys([default, *found])
    return tuple(found) or (None,)


def _survey_rows(
    rows: Sequence[Mapping[str, str]], languages: tuple[str | None, ...], new_kuid: Callable[[], str]
) -> list[dict[str, Any]]:
    path: list[str] = []
    seen: set[str] = set()
    found = []
    for source in rows:
        if not source.get("type"):
            continue
        row = _type(str(source["type"])) | _texts(source, languages)
        row |= {n: v for n, v in source.items() if n.partition("::")[0] not in (*TRANSLATED, "type") and v}
        row["$kuid"] = new_kuid()
        if "required" in row:
            row["required"] = str(row["required"]).lower() in YES
        name = str(source.get("name", ""))
        if row["type"].startswith("end_"):
            path.pop()
        else:
            if name in seen:
                raise ImportRefusedError(f"Duplicate node name: {name}", "DuplicateNameException")
            seen.add(name)
            row |= {"$xpath": "/".join([*path, name]), "$autoname": name}
            if row["type"].startswith("begin_"):
                path.append(name)
        found.append(_jsonb(row))
    return found


def _type(text: str) -> dict[str, Any]:
    """`select_one role or_other` and `begin group` taken apart as KoboToolbox does."""
    head, _, rest = text.strip().partition(" ")
    if head in SELECTS and rest:
        return {"type": head, "select_from_list_name": rest.split()[0]}
    if head in FROM_FILE and rest:
        return {"type": head, "file": rest.strip()}
    if head in ("begin", "end") and rest:
        return {"type": f"{head}_{rest.strip()}"}
    return {"type": text.strip()}


def _choice(
    source: Mapping[str, str], languages: tuple[str | None, ...], new_kuid: Callable[[], str]
) -> dict[str, Any]:
    row: dict[str, Any] = {n: v for n, v in source.items() if n.partition("::")[0] not in TRANSLATED and v}
    row |= _texts(source, languages) | {"$kuid": new_kuid(), "$autovalue": str(source.get("name", ""))}
    return _jsonb(row)


def _texts(source: Mapping[str, str], languages: tuple[str | None, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column in TRANSLATED:
        texts = [
            source.get(f"{column}::{language}" if language else column) or None for language in languages
        ]
        if any(texts):
            found[column] = texts
    return found


def _jsonb(row: Mapping[str, Any]) -> dict[str, Any]:
    """Keys as PostgreSQL's jsonb gives them back: the shorter first."""
    return {name: row[name] for name in sorted(row, key=lambda name: (len(name), name))}
