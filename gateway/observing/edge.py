"""What is told of each request as it begins and ends: counted, traced, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from gateway.observing import notes
from gateway.observing.requests import Requests

if TYPE_CHECKING:  # its packages may be missing
    from gateway.observing.tracing import Tracing


_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Edge:
    """For HTTP and sockets alike; `notes.begin` comes before.

    Args:
        requests: Where they are counted; None: nowhere.
        tracing: What makes their spans; None: nothing does.
    """

    def __init__(self, requests: Requests | None = None, tracing: Tracing | None = None) -> None:
        self._requests = requests
        self._tracing = tracing

    def begun(self, headers: Mapping[str, str]) -> None:
        """Take note that a request has come.

        Args:
            headers: With the ``traceparent`` that it may have.
        """
        if self._tracing is not None and (noted := notes.current()):
            self._tracing.begin(noted, headers)

    def parent_in(self, payload: Mapping[str, object] | None) -> Mapping[str, str]:
        """Return of a socket's ``connection_init`` the headers that its operations begin with."""
        return self._tracing.parent_in(payload) if self._tracing and payload else _NO_HEADERS

    def ended(self) -> None:
        """Take note that its answer is known."""
        noted = notes.current()
        if noted is None or noted.is_over:
            return
        noted.is_over = True
        if self._requests is not None:
            self._requests.ended(noted, perf_counter() - noted.started_at)
        if self._tracing is not None:
            self._tracing.end(noted)
