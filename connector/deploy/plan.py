"""What a deployment would change, what it left behind, and the protocol a platform fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, Protocol

from connector.deploy.package import Attachment, Package
from connector.errors import ConnectorError, GiveUp, RetryLater
from connector.store import Deployment
from connector.submission import FormVersion

__all__ = ["InService", "NotInServiceError", "Place", "Plan", "Platform"]


class NotInServiceError(GiveUp):
    """Raised when lists cannot be brought to a form that is not in service there; other forms are not concerned."""


@dataclass(frozen=True)
class Plan:
    """What has to be done, found out by reading alone.

    `native_form` is "" for a form that is not there yet; `native_version` the version in service now or to be
    published; `replaces_draft`: somebody's draft (or what an interrupted run left) stands in its place.
    """

    package: Package
    native_form: str
    native_version: str = ""
    sends_form: bool = False
    lists: tuple[Attachment, ...] = ()
    activates: bool = False
    replaces_draft: bool = False
    notes: tuple[str, ...] = ()

    @property
    def sends(self) -> tuple[str, ...]:
        """What would be sent, in words; () when only the switch is missing, or nothing at all."""
        form = self.package.form
        how = "in place of the version before" if self.native_form else "as a new form"
        return (
            *([f"{self.package.path.name} (version {form.version}) {how}"] if self.sends_form else []),
            *[f"{one.name} ({one.lines} entries)" for one in self.lists],
        )


@dataclass(frozen=True)
class InService:
    """What was verified to be in service: the platform's names, and our form version with its marks."""

    native_form: str
    native_version: str
    form: FormVersion


class Platform(Protocol):
    """Where forms are deployed."""

    @property
    def target(self) -> str:
        """Server and project, as the store remembers it."""
        ...

    def plan(self, package: Package, known: Deployment | None, *, lists_only: bool = False) -> Plan:
        """What has to be done; reads only. GiveUp when it cannot be done, RetryLater when nobody answers."""
        ...

    def carry_out(self, plan: Plan) -> InService:
        """Do it and verify it. What fails says in what state the platform is left."""
        ...


class Place:
    """Where a deployment stands, said with whatever error ends it."""

    def __init__(self) -> None:
        self.words = "Nothing was changed there."

    def end(self, error: ConnectorError) -> NoReturn:
        """Raise the error again with the state of the platform behind it."""
        kind = RetryLater if isinstance(error, RetryLater) else GiveUp
        raise kind(f"{error} {self.words}") from error
