"""Traces by OpenTelemetry: a span for each request, and one for each statement and blob call of it.

Only a gateway that is set up for traces imports this; elsewhere no span is ever made. Spans of what
a request does are made when that has ended, so the code between knows nothing of them. Names and
attributes are those of OpenTelemetry's semantic conventions; ours begin with ``gateway``. There is
no value in them: neither of variables nor of documents, nor keys of blobs.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from asyncpg import PostgresError
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.errors import Unavailable, Unexpected
from gateway.observing import notes
from gateway.observing.notes import ANONYMOUS, NO_OPERATION, OK, Notes
from gateway.observing.statements import plan_key, shown

_MOST_PARENT_CHARACTERS = 512  # that every tracestate may have; a traceparent has 55
FLUSH_S = 3.0  # at the end, for a collector that is slow or gone

# What whoever runs the gateway has to look at; the other codes are answers to what was asked.
_OUR_FAILURES = (Unexpected.code, Unavailable.code)


class Tracing:
    """Makes the spans."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, noted: Notes, headers: Mapping[str, str]) -> None:
        """Begin the span of a request, in the trace that its ``traceparent`` names."""
        parent = self._propagator.extract({key.lower(): headers[key] for key in headers})
        span = self._tracer.start_span(
            "GraphQL Operation", parent, SpanKind.SERVER, start_time=_at(noted.started_at)
        )
        context = span.get_span_context()
        noted.trace = f"{context.trace_id:032x}", f"{context.span_id:016x}"
        noted.span = span if span.is_recording() else None

    def parent_in(self, payload: Mapping[str, object]) -> dict[str, str]:
        """Return what names a trace in the payload with which a socket begins.

        It is kept as long as the socket, so nothing longer is.
        """
        return {
            name: value
            for name in self._propagator.fields
            if isinstance(value := payload.get(name), str) and len(value) <= _MOST_PARENT_CHARACTERS
        }

    def end(self, noted: Notes) -> None:
        """End the span of a request."""
        span = noted.span
        if span is None:
            return
        if noted.operation != NO_OPERATION:
            span.update_name(noted.kind)
            span.set_attribute("graphql.operation.type", noted.kind)
            span.set_attribute("gateway.document.hit", "document" not in noted.made)
            span.set_attribute("gateway.plan.hit", "plan" not in noted.made)
        if noted.operation not in (NO_OPERATION, ANONYMOUS):
            span.set_attribute("graphql.operation.name", noted.operation)
        span.set_attribute("gateway.request_id", noted.request_id)
        if noted.outcome is not OK:
            span.set_attribute("error.type", noted.outcome)
            if noted.outcome in _OUR_FAILURES:
                span.set_status(Status(StatusCode.ERROR))
        span.end()

    def statement(self, sql: str, started_at: float, error: BaseException | None) -> None:
        """Make the span of a statement that has ended."""
        operation = sql.split(None, 1)[0].rstrip(";").upper()
        attributes = {
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            "db.query.text": shown(sql),
            "gateway.plan": plan_key(sql),
        }
        if isinstance(error, PostgresError) and error.sqlstate:
            attributes["db.response.status_code"] = error.sqlstate
        self._make(operation, attributes, started_at, error)

    def blob_call(self, name: str, started_at: float, error: BaseException | None) -> None:
        """Make the span of a call to the blob store that has ended."""
        self._make(f"blob {name}", {"gateway.blob.call": name}, started_at, error)

    def _make(
        self, name: str, attributes: dict[str, Any], started_at: float, error: BaseException | None
    ) -> None:
        noted = notes.current()
        if noted is None or noted.span is None:
            return
        if error is not None:
            attributes["error.type"] = type(error).__name__
        span = self._tracer.start_span(
            name,
            set_span_in_context(noted.span),
            SpanKind.CLIENT,
            attributes,
            start_time=_at(started_at),
        )
        if error is not None:
            span.set_status(Status(StatusCode.ERROR))
        span.end()


def _at(moment: float) -> int:
    """Return what a moment of ``perf_counter`` is in nanoseconds since 1970."""
    return time.time_ns() - int((perf_counter() - moment) * 1e9)


@contextmanager
def open_tracing(environment: Mapping[str, str] = os.environ) -> Iterator[Tracing]:
    """Give what sends spans by OTLP, as OpenTelemetry's own variables say, to the last one."""
    is_named = environment.get("OTEL_SERVICE_NAME") or "service.name=" in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    resource = Resource.create({} if is_named else {SERVICE_NAME: "lineage-gateway"})
    # It warns of each traceparent and tracestate that is none, and clients send what they like.
    logging.getLogger("opentelemetry.trace").setLevel(logging.ERROR)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield Tracing(provider.get_tracer("gateway"))
    finally:
        flushing = threading.Thread(target=provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(FLUSH_S)
