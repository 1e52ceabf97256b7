"""Our own workbooks as the sources without a server use them: an instance's form id and version → its marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connector.errors import SkipRecord
from connector.submission import FormVersion
from xlsforms import Form, marks

__all__ = ["LocalForms"]


class LocalForms:
    """The forms at hand, by id and version. `aliases` maps other ids (a KoboToolbox asset's uid) to ours."""

    def __init__(self, forms: Iterable[Form], aliases: Mapping[str, str] | None = None) -> None:
        self._aliases = dict(aliases or {})
        self._forms = {(form.form_id, form.version): form for form in forms}
        self._newest = dict(sorted(self._forms))

    def names(self, native_form: str, native_version: str) -> tuple[str, str]:
        """Our (form id, version) of an instance. SkipRecord when the form is not one of ours.

        A version that is not at hand is no error here: the store may know it from an earlier workbook.
        """
        if native_form in self._newest:
            return native_form, native_version
        form_id = self._aliases.get(native_form, "")
        if form_id in self._newest:
            # The platform replaced our version by its own: the newest workbook is the best that is known.
            return form_id, self._newest[form_id]
        raise SkipRecord(
            f"The instance was filled in with the form {native_form!r}, which is none of ours "
            f"({', '.join(self._newest) or 'no form is given'}); if it is one of them under KoboToolbox's name, "
            "let the `kobo` source read it, or name it in the source's aliases."
        )

    def has(self, native_form: str, native_version: str) -> bool:
        """Whether that very version is at hand."""
        try:
            return self.names(native_form, native_version) in self._forms
        except SkipRecord:
            return False

    def version(self, native_form: str, native_version: str) -> FormVersion:
        """The form's version with its marks. SkipRecord when that version is not at hand."""
        form_id, version = self.names(native_form, native_version)
        form = self._forms.get((form_id, version))
        if form is None:
            raise SkipRecord(
                f"The instance was filled in with version {version or '(none)'} of {form_id}, the workbook here is "
                f"version {self._newest[form_id]}; give that version's workbook once, and the record is read."
            )
        return FormVersion(form.form_id, form.version, marks(form), form.xform)
