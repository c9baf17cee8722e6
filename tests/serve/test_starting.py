"""What a gateway tells once it serves."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.serve.gateways import VIEWER, Gateway, fetch, serving


def paste(line: str) -> str:
    """Return what a line answers that is pasted into a terminal."""
    return subprocess.run(
        ["/bin/bash", "-c", line], stdout=subprocess.PIPE, check=True, text=True
    ).stdout


def three_lines(gateway: Gateway) -> tuple[str, str, str]:
    """Return what is told: the address, the key, the command to try."""
    page, key, command = gateway.output.splitlines()
    return (
        page.removeprefix("GraphiQL").strip(),
        key.removeprefix("API key").strip(),
        command.removeprefix("Try").strip(),
    )


def test_the_ready_file_says_where_and_how(served: Gateway) -> None:
    said = served.ready

    address = said["graphql"].removesuffix("/graphql")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address)
    assert said == {
        "graphql": f"{address}/graphql",
        "websocket": address.replace("http", "ws") + "/graphql",
        "health": f"{address}/healthz",
        "api_key": (served.state / "dev-key").read_text(),
        "namespace": "default",
        "pid": served.process.pid,
    }
    assert fetch(said["health"]).json == {"status": "ok"}
    assert served.execute(VIEWER) == {"viewer": {"namespace": {"namespaceName": "default"}}}


def test_secrets_are_for_their_owner_alone(served: Gateway) -> None:
    for path in (served.ready_file, served.state / "dev-key"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_prints_three_lines_and_the_last_works_as_pasted(served: Gateway) -> None:
    page, key, command = three_lines(served)

    assert page == served.ready["graphql"]
    assert key == f"{served.ready['api_key']} (namespace default)"
    assert json.loads(paste(f"{command} --silent --show-error"))["data"]["viewer"]["namespace"] == {
        "namespaceName": "default",
        "bucketCount": served.execute("{ buckets { totalCount } }")["buckets"]["totalCount"],
    }
    assert served.complaint == ""


def test_is_ready_in_all_its_parts(served: Gateway) -> None:
    answer = served.get("/readyz")

    assert (answer.status, answer.json) == (
        200,
        {"status": "ok", "database": "ok", "blobs": "ok", "migrations": "ok"},
    )


def test_shows_no_key_where_others_can_reach_it(state_folder: Path) -> None:
    state = state_folder.parent / "a folder's name"
    with serving(state, "--host", "0.0.0.0") as gateway:  # noqa: S104
        secret = (state / "dev-key").read_text()
        page, key, command = three_lines(gateway)

        assert (gateway.ready["api_key"], gateway.ready["namespace"]) == (None, None)
        assert gateway.ready["graphql"] == page
        assert key == f"in {state / 'dev-key'} (namespace default)"
        assert secret not in gateway.output + gateway.complaint
        assert "errors" not in json.loads(paste(f"{command} --silent --show-error"))
        # Links that name this machine's own address are of no use to others.
        assert "GATEWAY_PUBLIC_URL" in gateway.complaint
