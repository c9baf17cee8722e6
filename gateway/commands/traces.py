"""Whether traces are made: OpenTelemetry's own variables say so."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.database.state import CannotStart

if TYPE_CHECKING:  # its packages may be missing
    from gateway.observing.tracing import Tracing

_ASKING = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


@contextmanager
def open_traces(environment: Mapping[str, str] = os.environ) -> Iterator[Tracing | None]:
    """Give what makes traces if OpenTelemetry's own variables ask for them.

    Raises:
        CannotStart: Its packages are missing.
    """
    asking = [each for each in _ASKING if environment.get(each)]
    is_off = (
        environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or environment.get("OTEL_TRACES_EXPORTER") == "none"
    )
    if not asking or is_off:
        yield None
        return
    try:
        from gateway.observing.tracing import open_tracing
    except ImportError as error:
        raise CannotStart(
            f"{asking[0]} asks for traces, and {error.name} is missing;"
            " pip install 'lineage-gateway[otel]'"
        ) from error
    with open_tracing(environment) as tracing:
        yield tracing
