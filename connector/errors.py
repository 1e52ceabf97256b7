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
    """Raised when a service is unreachable, overloaded or answers in pieces."""


class GiveUp(ConnectorError):  # noqa: N818 - named by what to do
    """Raised when trying again changes nothing until a person acts."""


class SkipRecord(ConnectorError):  # noqa: N818 - named by what to do
    """Raised when one record cannot be understood."""


class RegistryError(ConnectorError):
    """Raised when the registry of providers or collectors is malformed."""
