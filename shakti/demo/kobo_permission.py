"""What the token of the KoboToolbox server may do; a lost permission looks like "not there", never like "forbidden"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Permission:
    """`view` the submissions (without: 404 on the data), `manage` the project (without: 403 on its history), `change`
    what is there (without: 403), `add` submissions (without: 403).

    `rows` are the root uuids a user with row-level permission sees; None for all. Nothing in an answer says so.
    """

    view: bool = True
    manage: bool = True
    change: bool = True
    add: bool = True
    rows: frozenset[str] | None = None

    def lose(self) -> None:
        """The project is no longer shared with the account."""
        self.view = self.manage = self.change = False

    def regain(self) -> None:
        """Everything may be done again, with every row."""
        self.view = self.manage = self.change = self.add = True
        self.rows = None

    def only(self, *roots: str) -> None:
        """Rows of these roots only; the answers just have fewer of them."""
        self.rows = frozenset(root.removeprefix("uuid:") for root in roots)

    def viewer(self) -> None:
        """An account that may look and nothing else: the one the connector should have."""
        self.view, self.manage, self.change = True, False, False

    @property
    def codenames(self) -> tuple[str, ...]:
        """As the asset shows them (`effective_permissions`)."""
        named = {
            "change_asset": self.manage,
            "manage_asset": self.manage,
            "delete_asset": self.manage,
            "view_asset": True,
            "change_submissions": self.change,
            "view_submissions": self.view and self.rows is None,
            "delete_submissions": self.change,
            "validate_submissions": self.change,
            "add_submissions": self.add,
        }
        return tuple(name for name, given in named.items() if given)
