"""Everything that can go wrong in scoring, in one small tree; every message is ready to print.

ScoringError
├── TableError      a row that was handed over cannot be read: it names the row, the column, the reason
├── RegistryError   the list of those who are rated contradicts itself
└── SettingsError   a threshold or a prior lies outside its range
"""

from __future__ import annotations

__all__ = ["RegistryError", "ScoringError", "SettingsError", "TableError"]


class ScoringError(ValueError):
    """Root of scoring's errors: the input is wrong, and a person must correct it."""


class TableError(ScoringError):
    """Raised when a row of evaluations cannot be read."""


class RegistryError(ScoringError):
    """Raised when the registry names one provider twice."""


class SettingsError(ScoringError):
    """Raised when a setting lies outside its range."""
