"""Everything that can go wrong in reports, in one small tree; every message is ready to print.

ReportError
├── GateError    a threshold lies below the floor, or an audience is not known
├── WordsError   a word is asked for which the table of words does not hold
└── WriteError   a report could not be written; what was there before is still there
"""

from __future__ import annotations

__all__ = ["GateError", "ReportError", "WordsError", "WriteError"]


class ReportError(ValueError):
    """Root of the reports' errors: a person must correct what was asked for."""


class GateError(ReportError):
    """Raised when figures are asked for that the gate never lets pass."""


class WordsError(ReportError):
    """Raised when words.csv lacks a key or a language."""


class WriteError(ReportError):
    """Raised when a file could not be written; the files of the last time stay as they were."""
