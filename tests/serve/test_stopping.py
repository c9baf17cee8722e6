"""However a gateway ends: what was kept is there again, and nothing else is left."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest
from aiohttp import WSMsgType

from gateway.commands.listening import DRAIN_S
from gateway.database.embedded.address import running_url
from tests.operations import CREATE_BUCKET, CREATE_OBJECT, READ_OBJECT
from tests.serve.gateways import (
    DEADLINE_S,
    GATEWAY,
    LINUX,
    Gateway,
    environment,
    fetch,
    processes_of,
    server_pid,
    serving,
    until,
)
from tests.uploads.uploading import CREATE_UPLOAD
from tests.waiting import count_waiting

BUCKETS = "{ buckets { nodes { bucketName } } }"
ANY_BYTES = bytes(range(256))
SCHEMA = {"properties": {"file": {"type": "binary"}}}


def is_refused(url: str) -> bool:
    try:
        fetch(url)
    except URLError as error:
        return isinstance(error.reason, ConnectionRefusedError)
    return False


async def create_bucket_while_it_is_told_to_end(gateway: Gateway) -> None:
    """Send a request that waits for a lock, tell the gateway to end, and let go of the lock."""
    url = running_url(gateway.state)
    assert url is not None
    holder = await asyncpg.connect(url)
    await holder.execute("BEGIN; LOCK TABLE buckets")
    input = {"bucketName": "pics", "bucketSchema": SCHEMA}
    request = asyncio.create_task(asyncio.to_thread(gateway.mutate, CREATE_BUCKET, **input))
    async with asyncio.timeout(DEADLINE_S):
        while not await count_waiting(holder):
            pass

    gateway.process.send_signal(signal.SIGTERM)
    until(lambda: not gateway.ready_file.exists(), "the ready file is gone")
    until(lambda: is_refused(gateway.ready["health"]), "nobody else is let in")
    assert gateway.process.poll() is None

    await holder.execute("COMMIT")
    await holder.close()
    assert (await request)["bucket"]["bucketName"] == "pics"


async def open_socket(
    session: aiohttp.ClientSession, gateway: Gateway
) -> aiohttp.ClientWebSocketResponse:
    """Open a socket as a client that is known; return it."""
    socket = await session.ws_connect(
        gateway.ready["websocket"], protocols=("graphql-transport-ws",)
    )
    headers = {"Authorization": f"Bearer {gateway.ready['api_key']}", "X-Namespace": "default"}
    await socket.send_json({"type": "connection_init", "payload": headers})
    assert await socket.receive_json() == {"type": "connection_ack"}
    return socket


@LINUX
async def test_both_signals_end_it_in_order_and_the_next_start_goes_on(begun_state: Path) -> None:
    with serving(begun_state) as first:
        await create_bucket_while_it_is_told_to_end(first)

        assert first.process.wait(DEADLINE_S) == 0
        assert first.complaint == ""
        assert processes_of(begun_state) == []
        assert not list(begun_state.glob("pg*/postmaster.pid"))

    with serving(begun_state) as second:
        assert second.ready["api_key"] == first.ready["api_key"]
        assert second.ready["namespace"] == "default"
        assert second.execute(BUCKETS) == {"buckets": {"nodes": [{"bucketName": "pics"}]}}
        async with aiohttp.ClientSession() as session:
            socket = await open_socket(session, second)
            second.process.send_signal(signal.SIGINT)
            farewell = await socket.receive()

        # Nobody waits for clients that would keep their sockets open for days.
        assert (farewell.type, farewell.data) == (
            WSMsgType.CLOSE,
            aiohttp.WSCloseCode.SERVICE_RESTART,
        )
        assert second.process.wait(DEADLINE_S) == 0
        assert second.complaint == ""
        assert not second.ready_file.exists()
        assert processes_of(begun_state) == []


@LINUX
@pytest.mark.parametrize("is_upload", [False, True], ids=["request", "upload"])
def test_a_client_that_stops_in_the_middle_of_its_body_holds_nobody(
    begun_state: Path, is_upload: bool
) -> None:
    with serving(begun_state) as gateway:
        graphql = urlsplit(gateway.ready["graphql"])
        target = f"{graphql.path} HTTP/1.1"
        method = "POST"
        if is_upload:
            method, target = "PUT", upload_target(gateway)
        head = (
            f"{method} {target}\r\nHost: gateway\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {gateway.ready['api_key']}\r\nX-Namespace: default\r\n"
            "Content-Length: 100\r\n\r\n{"
        )
        with socket.create_connection((graphql.hostname, graphql.port)) as stalled:
            stalled.sendall(head.encode())
            time.sleep(0.5)  # so that it is being read
            begun = time.monotonic()
            gateway.process.send_signal(signal.SIGTERM)
            answer = stalled.recv(4096)
            status = gateway.process.wait(DEADLINE_S)

        assert answer.startswith(b"HTTP/1.1 408 ")
        assert status == 0
        assert time.monotonic() - begun < DRAIN_S / 2
        assert gateway.complaint == ""


def upload_target(gateway: Gateway) -> str:
    """Return the path of a link to which 100 bytes of JSON may be sent, and the version of HTTP."""
    made = gateway.mutate(
        CREATE_BUCKET, bucketName="pics", bucketSchema={"properties": {"file": {"type": "json"}}}
    )
    upload = gateway.mutate(
        CREATE_UPLOAD,
        bucketId=made["bucket"]["id"],
        filename="a.json",
        contentType="application/json",
        fileSizeBytes=100,
    )["upload"]
    link = urlsplit(upload["target"]["url"])
    return f"{link.path}?{link.query} HTTP/1.1"


@LINUX
def test_after_a_kill_everything_is_there(begun_state: Path) -> None:
    blob = {"property": "file", "type": "binary", "data": {"base64": b64encode(ANY_BYTES).decode()}}
    with serving(begun_state) as killed:
        bucket = killed.mutate(CREATE_BUCKET, bucketName="pics", bucketSchema=SCHEMA)["bucket"]
        made = killed.mutate(CREATE_OBJECT, bucketId=bucket["id"], blobs=[blob])["object"]
        killed.process.kill()
        assert killed.process.wait() == -signal.SIGKILL

    until(lambda: processes_of(begun_state) == [], "its PostgreSQL has ended")
    with serving(begun_state) as gateway:
        found = gateway.execute(READ_OBJECT, id=made["id"])["object"]
        link = found["blobs"][0].pop("presignedUrl")

        assert gateway.ready["api_key"] == killed.ready["api_key"]
        assert fetch(link).body == ANY_BYTES
        del made["blobs"][0]["presignedUrl"]  # the port is another
        assert found == made


@LINUX
def test_ends_when_its_database_does(begun_state: Path) -> None:
    with serving(begun_state) as gateway:
        os.kill(server_pid(begun_state), signal.SIGKILL)

        assert gateway.process.wait(DEADLINE_S) == 1
        *warnings, reason = gateway.complaint.splitlines()
        assert reason == (
            f"gateway: the private PostgreSQL has ended; its log is {begun_state}/postgres.log"
        )
        assert all(json.loads(line)["level"] == "warning" for line in warnings)
        assert not gateway.ready_file.exists()
        until(lambda: processes_of(begun_state) == [], "no part of the server is left")


def start(*arguments: str | Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*GATEWAY, "serve", "--port", "0", *arguments],
        cwd="/",
        env=environment(variables),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_ends_while_it_waits_for_a_silent_database(state_folder: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"postgresql://gateway@127.0.0.1:{silent.getsockname()[1]}/gateway"
        with start("--state", state_folder, GATEWAY_DATABASE_URL=url) as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            output, complaint = process.communicate(timeout=DEADLINE_S)
            connection.close()

    assert (process.returncode, output, complaint) == (0, "", "")


@LINUX
def test_ends_while_it_makes_its_database(state_folder: Path) -> None:
    """Then no file with a password is left either."""
    programs = state_folder.parent / "programs"
    programs.mkdir()
    called = programs / "called"
    for name, script in {
        "postgres": 'echo "postgres (PostgreSQL) 18.0"',
        "initdb": f'echo "$@" >{called}.new; mv {called}.new {called}; exec sleep 600',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    programs.chmod(0o777)

    with start("--state", state_folder, GATEWAY_POSTGRES_BIN=str(programs)) as process:
        until(called.exists, "initdb was called")
        process.send_signal(signal.SIGTERM)
        output, complaint = process.communicate(timeout=DEADLINE_S)

    (password_file,) = (
        Path(word.removeprefix("--pwfile="))
        for word in called.read_text().split()
        if word.startswith("--pwfile=")
    )
    assert (process.returncode, output, complaint) == (0, "", "")
    assert not password_file.parent.exists()
    assert processes_of(state_folder) == []
