"""What would never run: below a root no field is resolved, everything there is read at once."""

from __future__ import annotations

from collections.abc import Iterator

from strawberry.permission import PermissionExtension
from strawberry.types.field import StrawberryField

from gateway.planner.declare import PlannedField

# A field of another class may make its value itself; these are known not to.
_READ = (StrawberryField.get_result, PlannedField.get_result)


def ignored_resolver(field: StrawberryField) -> Iterator[str]:
    """Return whether a field that is read has a resolver nevertheless."""
    if field.base_resolver is not None or type(field).get_result not in _READ:
        yield "has a resolver, which would never run; make the value with `sql` or `computed`"


def ignored(field: StrawberryField) -> Iterator[str]:
    """Return what of a field below a root would never run."""
    yield from ignored_resolver(field)
    if field.permission_classes:
        yield (
            "has permission_classes, which would never be asked; put them on the root fields, or"
            " give the entity a scope"
        )
    if any(not isinstance(each, PermissionExtension) for each in field.extensions):
        yield "has extensions, which would never run; put them on the root fields"
