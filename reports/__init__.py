"""What people receive: lists made from releases, which have passed the one gate; start reading at `reports.release`."""

from __future__ import annotations

from reports.errors import GateError, ReportError, WordsError, WriteError
from reports.files import write_all
from reports.names import Label, Name, names
from reports.records import Figures, GateSettings, Line, Release
from reports.release import gate

__all__ = [
    "Figures",
    "GateError",
    "GateSettings",
    "Label",
    "Line",
    "Name",
    "Release",
    "ReportError",
    "WordsError",
    "WriteError",
    "gate",
    "names",
    "write_all",
]
