"""What could lead back to a person: device numbers, places, names in the survey or in the instance name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..conditions import named
from ..form import Form
from ..workbook import Row
from .book import Book, type_of
from .finding import Finding

# Row types that write down who or where somebody is; pyxform's older spellings included.
IDENTIFYING_TYPES = frozenset(
    {"deviceid", "device id", "get device id", "imei", "phonenumber", "phone number", "get phone number"}
    | {"username", "email", "simserial", "sim id", "get sim id", "subscriberid", "subscriber id"}
    | {"geopoint", "gps", "location", "geotrace", "geoshape", "start-geopoint", "background-geopoint"}
    | {"audit", "background-audio"}
)
IDENTIFYING_PRELOADS = frozenset(
    {"deviceid", "phonenumber", "username", "email", "simserial", "subscriberid"}
)
# Words within a question's name that ask for a person or a home, where the answer is written freely.
IDENTIFYING_WORDS = frozenset(
    {"surname", "phone", "mobile", "whatsapp", "aadhaar", "aadhar", "passport", "address", "village"}
    | {"birthdate", "dob", "voter", "pan"}
)
# A sent form keeps its instance name on the phone: it must not say whose it is or where she lives.
IDENTIFYING_MEANINGS = frozenset(
    {"survivor_code", "provider", "place", "collector", "missing_provider"}
    | {"comment", "good_practice", "idea"}
)
_PLACES = frozenset({"village", "block", "district", "place", "address", "hamlet", "ward", "town"})
_REFERENCE = re.compile(r"\$\{\s*([^}\s]+)\s*\}")


def find(book: Book) -> Iterator[Finding]:
    """Rows of the survey that identify, and an instance name that tells."""
    for row in book.survey:
        yield from _identifying(row)
    for name in sorted(_names_that_tell(book)):
        yield _told(name, book.settings.number if book.settings else None)


def find_in_xform(form: Form) -> Iterator[Finding]:
    """The same of a form that came as an XForm, without rows."""
    for path, bind in form.model.binds.items():
        if bind.preload == "property" and bind.preload_params.lower() in IDENTIFYING_PRELOADS:
            yield _recorded(None, bind.preload_params.lower())
        elif bind.type in IDENTIFYING_TYPES or path == "meta/audit":
            yield _recorded(None, bind.type)
    for path in sorted(_paths_that_tell(form)):
        yield _told(path.rpartition("/")[2], None)


def _told(name: str, row: int | None) -> Finding:
    return Finding(
        "error",
        "settings",
        row,
        f"The instance_name uses '{name}', and a phone keeps that name even after the form was sent.",
        "Use something neutral, such as concat('Evaluation ', today()).",
    )


def _identifying(row: Row) -> Iterator[Finding]:
    written = " ".join(row.cells.get("type", "").lower().split())
    if written in IDENTIFYING_TYPES:
        yield _recorded(row.number, written)
        return
    kind, _ = type_of(row)
    words = _words(row.cells.get("name", ""))
    asked = words & IDENTIFYING_WORDS or (words if words == {"name"} else set())
    if kind in ("text", "string", "integer", "int", "date") and asked:
        yield Finding(
            "warning",
            "survey",
            row.number,
            f"'{row.cells['name']}' seems to ask for something that names a person or a home.",
            "Take the question out, or ask with a list that many people share.",
        )


def _recorded(row: int | None, kind: str) -> Finding:
    return Finding(
        "error",
        "survey",
        row,
        f"A row of type '{kind}' records who or where somebody is.",
        "Take the row out: an evaluation must not lead back to a person.",
    )


def _names_that_tell(book: Book) -> set[str]:
    """The questions in the instance name, through calculations too, that could name a person, office or place."""
    by_name = {row.cells.get("name", ""): row for row in book.survey}
    waiting = _REFERENCE.findall(book.settings.cells.get("instance_name", "")) if book.settings else []
    found: set[str] = set()
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        row = by_name.get(name)
        if row is None or name in seen:
            continue
        seen.add(name)
        waiting += _REFERENCE.findall(row.cells.get("calculation", ""))
        if _tells(row):
            found.add(name)
    return found


def _paths_that_tell(form: Form) -> set[str]:
    """The same of an XForm, where every question is named by its path."""
    binds, root = form.model.binds, form.model.root
    questions = {question.path: question for question in form.questions}
    files = {source.id for source in form.model.lists if source.src is not None}
    lists = {control.path: control.itemset for control in form.model.controls if control.itemset is not None}
    waiting, seen, found = ["meta/instanceName"], set[str](), set[str]()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        waiting += named(binds[path].calculate, root, path) if path in binds else ()
        question = questions.get(path)
        if question is None:
            continue
        from_file = path in lists and any(f"'{file}'" in lists[path].nodeset for file in files)
        if from_file or question.kind == "text" or _means_or_names(question.eval.get("is"), path):
            found.add(path)
    return found


def _tells(row: Row) -> bool:
    written = row.cells.get("type", "").lower()
    return (
        written.startswith(("text", "select_one_from_file"))
        or written in IDENTIFYING_TYPES
        or _means_or_names(row.cells.get("bind::eval:is"), row.cells.get("name", ""))
    )


def _means_or_names(meaning: str | None, name: str) -> bool:
    return meaning in IDENTIFYING_MEANINGS or bool(_words(name) & (_PLACES | IDENTIFYING_WORDS))


def _words(name: str) -> set[str]:
    return set(re.split(r"[_\-. ]+", name.lower().rpartition("/")[2]))
