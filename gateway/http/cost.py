"""How a client asks what its requests cost: ``GraphQL-Cost: report``."""

from __future__ import annotations

from multidict import istr

from gateway.errors import BadUserInput

# A header; on a socket, a field of the payload of connection_init.
HEADER = istr("GraphQL-Cost")
_REPORT = "report"


def is_asked_for(said: object) -> bool:
    """Tell whether answers are to say what they cost.

    Raises:
        BadUserInput: It is neither left out nor "report".
    """
    if said is not None and said != _REPORT:
        raise BadUserInput(f'{HEADER} has to be "{_REPORT}", or be left out')
    return said is not None
