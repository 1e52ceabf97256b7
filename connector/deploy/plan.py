"""What a deployment would change, what it left behind, and the protocol a platform fulfils."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, Protocol

from connector.deploy.package import Attachment, Package
from connector.errors import ConnectorError, GiveUp, RetryLater
from connector.store import Deployment
from connector.submission import FormVersion

__all__ = ["InService", "Place", "Plan", "Platform"]


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
    def steps(self) -> tuple[str, ...]:
        """What would be done, in words; () when the platform is as it should be."""
        if not self.activates:
            return ()
        form = self.package.form
        how = "replace the form by" if self.native_form else "make a new form of"
        return (
            *([f"{how} {self.package.path} (version {form.version})"] if self.sends_form else []),
            *[f"put {one.name} there ({one.lines} entries)" for one in self.lists],
            "put it into service, so that phones get it",
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
