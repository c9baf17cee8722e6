"""Traces of a gateway that runs, sent to a collector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.serve.gateways import ROOT, VIEWER, run, serving


class Collector(ThreadingHTTPServer):
    """Takes what is sent by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: list[str] = []
        self.names: list[str] = []
        self.services: set[str] = set()

    def take(self, path: str, body: bytes) -> None:
        self.paths.append(path)
        for each in ExportTraceServiceRequest.FromString(body).resource_spans:
            of = {one.key: one.value.string_value for one in each.resource.attributes}
            self.services.add(of["service.name"])
            self.names += [span.name for scope in each.scope_spans for span in scope.spans]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server: Any = self.server
        server.take(self.path, body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("variables", "service"),
    [({}, "lineage-gateway"), ({"OTEL_SERVICE_NAME": "media"}, "media")],
)
def test_are_sent_to_the_last_one(
    collector: Collector, begun_state: Path, variables: dict[str, str], service: str
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} | variables
    with serving(begun_state, variables=variables) as gateway:
        gateway.execute(VIEWER)
        assert gateway.end() == 0

        assert gateway.complaint == ""
    assert set(collector.paths) == {"/v1/traces"}
    assert {"query", "SELECT"} <= set(collector.names)
    assert collector.services == {service}


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_are_not_sent_where_they_are_off(
    collector: Collector, begun_state: Path, off: dict[str, str]
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint} | off
    with serving(begun_state, variables=variables) as gateway:
        gateway.execute(VIEWER)
        assert gateway.end() == 0

    assert collector.paths == []


def test_a_collector_that_is_gone_holds_nobody(begun_state: Path) -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}
    with serving(begun_state, variables=variables) as gateway:
        gateway.execute(VIEWER)

        assert gateway.end() == 0


def test_packages_that_are_missing_are_told(begun_state: Path) -> None:
    stubs = begun_state.parent / "stubs"
    stubs.mkdir()
    (stubs / "opentelemetry.py").write_text(
        "raise ModuleNotFoundError('there is no such module', name='opentelemetry')"
    )
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "PYTHONPATH": f"{stubs}:{ROOT}",
    }

    ended = run("serve", "--port", "0", "--state", begun_state, variables=variables)

    assert ended.status == 1
    assert ended.complaint == (
        "gateway: OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, and opentelemetry is missing;"
        " pip install 'lineage-gateway[otel]'\n"
    )
