"""`/metrics` on an address of its own, and what docs/operations.md says of it."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serve.gateways import LINUX, ROOT, Gateway, fetch, serving

DOCUMENTED = re.compile(r"^\| `(\w+)`(?: by ([`\w, ]+))? \| (counter|gauge|histogram) \|", re.M)


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
    return port


def read(address: str) -> dict[str, tuple[str, set[str]]]:
    """Return the type and the labels of each metric."""
    text = fetch(f"http://{address}/metrics").body.decode()
    found = {}
    for family in text_string_to_metric_families(text):
        suffix = "_total" if family.type == "counter" else ""
        labels = {label for each in family.samples for label in each.labels} - {"le"}
        found[family.name + suffix] = (family.type, labels)
    return found


@LINUX
def test_has_an_address_of_its_own_and_is_documented(begun_state: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with serving(begun_state, variables={"GATEWAY_METRICS": address}) as gateway:
        use(gateway)
        found = read(address)

        assert gateway.get("/metrics").status == 404
        assert fetch(f"http://{address}/graphql").status == 404
    text = (ROOT / "docs" / "operations.md").read_text()
    told = {
        name: (kind, set(re.findall(r"\w+", labels or "")))
        for name, labels, kind in DOCUMENTED.findall(text)
    }
    assert told.keys() == found.keys()
    for name, (kind, labels) in found.items():
        assert told[name][0] == kind, name
        assert labels in (set(), told[name][1]), name  # nothing may have happened yet


@LINUX
@pytest.mark.parametrize("metrics", ["off", "on"])
def test_is_on_the_same_port_if_that_is_set(begun_state: Path, metrics: str) -> None:
    with serving(begun_state, variables={"GATEWAY_METRICS": metrics}) as gateway:
        assert gateway.get("/metrics").status == (200 if metrics == "on" else 404)


def use(gateway: Gateway) -> None:
    gateway.execute("query Me { viewer { namespace { namespaceName } } }")
