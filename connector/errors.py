"""Everything that can go wrong in the connector, grouped by what to do next; every message is ready to print.

ConnectorError
├── RetryLater      the service or the store cannot answer just now: the next run tries again, nothing is lost
├── GiveUp          credentials, permission, a wrong id: a person must change something first
├── SkipRecord      one record cannot be read: it goes to the quarantine with this reason, the rest goes on
└── RegistryError   providers.csv or collectors.csv is wrong: correct the named row

A run catches these once, in `connector.sync`; a failing source never stops the others.
"""

from __future__ import annotations

__all__ = ["ConnectorError", "GiveUp", "RegistryError", "RetryLater", "SkipRecord"]


class ConnectorError(Exception):
    """Root of the connector's errors."""


class RetryLater(ConnectorError):  # noqa: N818 - named by what to do
    """Raised when a service is unreachable, overloaded or answers in pieces.

    `after` is how many seconds the service itself asked to be left alone (None: it did not say); `unreachable` says
    that nobody answered at all, so that asking again at once is of little use.
    """

    def __init__(self, message: str, *, after: float | None = None, unreachable: bool = False) -> None:
        super().__init__(message)
        self.after = after
        self.unreachable = unreachable


class GiveUp(ConnectorError):  # noqa: N818 - named by what to do
    """Raised when trying again changes nothing until a person acts."""


class SkipRecord(ConnectorError):  # noqa: N818 - named by what to do
    """Raised when one record cannot be understood."""


class RegistryError(ConnectorError):
    """Raised when the registry of providers or collectors is malformed."""
