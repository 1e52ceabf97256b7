"""ODK Central's catalogue of refusals: a status, a numbered code, a message and details."""

from __future__ import annotations

from typing import Any


class ProblemError(Exception):
    """Central says no. `code` is a number such as 404.1 whose whole part is the HTTP status."""

    def __init__(self, code: float, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.code, self.details = code, details

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.code)

    @property
    def json(self) -> dict[str, Any]:
        """The body: details are left out where there are none."""
        body: dict[str, Any] = {"message": str(self), "code": self.code}
        return body if self.details is None else body | {"details": self.details}


def not_found() -> ProblemError:
    """Neither here nor anywhere the user may look."""
    return ProblemError(404.1, "Could not find the resource you were looking for.")


def not_authenticated() -> ProblemError:
    """Wrong password, unknown, expired or deleted token, no credentials: all the same."""
    return ProblemError(401.2, "Could not authenticate with the provided credentials.")


def forbidden() -> ProblemError:
    """It exists, and the account may not do this with it."""
    return ProblemError(403.1, "The authenticated actor does not have rights to perform that action.")


def already_exists(table: str, fields: list[str], values: list[str]) -> ProblemError:
    """A key that must be unique is taken."""
    message = f"A resource already exists with {','.join(fields)} value(s) of {','.join(values)}."
    return ProblemError(409.3, message, {"fields": fields, "values": values, "table": table})


def no_published_version() -> ProblemError:
    """A draft that is all there is of a form cannot be taken away."""
    return ProblemError(409.7, "This draft cannot be deleted because the form has no published version.")


def unexpected_value(field: str, value: object, reason: str) -> ProblemError:
    """A value outside what the field allows."""
    message = f"Unexpected {field} value {value}; {reason}"
    return ProblemError(400.8, message, {"field": field, "value": value, "reason": reason})


def missing_parameter(field: str) -> ProblemError:
    """Something required was not given."""
    return ProblemError(400.2, f"Required parameter {field} missing.", {"field": field})


def unsupported(feature: str) -> ProblemError:
    """A part of OData the server does not speak."""
    message = f"The requested feature {feature} is not supported by this server."
    return ProblemError(501.1, message, {"feature": feature})


def unsupported_field(text: str, at: int) -> ProblemError:
    """A filter or an order on something other than the system fields."""
    message = (
        f"The given OData filter expression references fields not supported by this server: {text} at {at}"
    )
    return ProblemError(501.5, message, {"at": at, "text": text})


def unparseable(reason: str) -> ProblemError:
    """A filter that is not OData."""
    message = f"The OData filter expression you provided could not be parsed: {reason}"
    return ProblemError(400.18, message, {"reason": reason})
