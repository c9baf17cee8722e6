"""Who is asking, and how far their key reaches."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.enums import Permission
from gateway.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated API key, used in one namespace.

    ``namespaces`` are the ids the key may use; None means every namespace.
    """

    key_id: str
    permissions: frozenset[Permission]
    namespaces: frozenset[str] | None
    namespace_id: str

    @classmethod
    def nobody(cls) -> Caller:
        """Return a caller that may see and do nothing: a socket before it has shown a key."""
        return cls("", frozenset(), frozenset(), "")

    def holds(self, permission: Permission) -> bool:
        """Tell whether the key has the permission, or one that includes it."""
        return any(held.includes(permission) for held in self.permissions)

    def require(self, permission: Permission) -> None:
        """Return if the key holds the permission.

        Raises:
            Forbidden: it does not.
        """
        if not self.holds(permission):
            raise Forbidden(f"this needs a key with the permission {permission}")
