"""How one is known to KoboToolbox: by the token of an account, sent with every request."""

from __future__ import annotations

from connector.session import HttpSession, Patience

__all__ = ["kobo_session"]


def kobo_session(url: str, *, token: str, token_name: str, patience: Patience | None) -> HttpSession:
    """A conversation with one server; `token_name` is the variable that holds the token, for messages."""
    return HttpSession(
        url,
        service="KoboToolbox",
        authorization=lambda: f"Token {token}",
        unauthorized=(
            f"does not accept the token in {token_name}; make a new one under Account settings → Security "
            "and put it there"
        ),
        patience=patience,
    )
