"""What is sent to a platform: a workbook that was checked, its form, and the lists attached to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from connector.errors import GiveUp
from connector.store import Deployment
from connector.submission import FormVersion
from xlsforms import Form, Mark, load_form, marks
from xlsforms.checks import check

__all__ = ["Attachment", "Package", "meaning", "prepare"]

WORKBOOK = ".xlsx"  # the one kind both platforms take


@dataclass(frozen=True)
class Attachment:
    """A list that the form asks for by this name."""

    name: str
    content: bytes = field(repr=False)

    @property
    def md5(self) -> str:
        """The hash both platforms show of a file."""
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()

    @property
    def lines(self) -> int:
        """How many entries the list has, its header not counted."""
        return max(len(self.content.decode("utf-8", errors="replace").splitlines()) - 1, 0)


@dataclass(frozen=True)
class Package:
    """One form, ready to be sent. `warnings` are the check's, each a sentence."""

    path: Path
    form: Form
    workbook: bytes = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The hash of the workbook as a file."""
        return hashlib.sha256(self.workbook).hexdigest()

    @property
    def xform_sha256(self) -> str:
        """The hash of what the workbook says: one that was only saved again has the same."""
        return hashlib.sha256(self.form.xform.encode()).hexdigest()

    def was_sent(self, known: Deployment | None) -> bool:
        """Whether this form, as a file or in what it says, is what was sent last."""
        return known is not None and (known.workbook == self.sha256 or known.xform == self.xform_sha256)

    @property
    def form_version(self) -> FormVersion:
        """What the store keeps of it."""
        return FormVersion(self.form.form_id, self.form.version, marks(self.form), self.form.xform)


def prepare(path: Path, *, media: Path | None = None, checked: bool = True) -> Package:
    """Check a workbook and put together what is sent. `media` is the folder of its lists (default: its own).

    `checked` False leaves the check out, for when only the lists are sent. Raises GiveUp when the check finds an error, the form has no version, or the file is no .xlsx workbook.
    """
    if path.suffix.lower() != WORKBOOK:
        raise GiveUp(f"{path} is not an {WORKBOOK} workbook; save it as one, both platforms take that.")
    findings = check(path, media=media) if checked else ()
    errors = [str(finding) for finding in findings if finding.level == "error"]
    if errors:
        count = f"{len(errors)} errors" if len(errors) > 1 else "an error"
        raise GiveUp(
            f"{path} has {count} and nothing was sent; {errors[0]} `shakti forms check {path}` shows everything."
        )
    form = load_form(path, media=media)
    if not form.version:
        raise GiveUp(
            f"{path} has no version and nothing was sent; write one such as 2026112301 into the settings sheet."
        )
    folder = media or path.parent
    names = sorted(form.media or {})
    return Package(
        path,
        form,
        path.read_bytes(),
        tuple(Attachment(name, (folder / name).read_bytes()) for name in names),
        tuple(str(finding) for finding in findings if finding.level == "warning"),
    )


def meaning(found: Iterable[Mark]) -> frozenset[tuple[str | None, ...]]:
    """What the marks say to the other rooms, comparable between an XForm and KoboToolbox's own content."""
    return frozenset((m.path, m.is_, m.service, m.measures, m.best, m.flag) for m in found)
