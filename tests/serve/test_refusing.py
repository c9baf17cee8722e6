"""What keeps a gateway from starting is told in one line."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from gateway.cli import main
from gateway.commands import announcing
from gateway.database import revisions
from gateway.database.state import CannotStart
from gateway.settings import InvalidSetting, Settings
from tests.serve.gateways import ROOT, Gateway, run


def refused(*arguments: str | Path, **variables: str) -> str:
    """Return the one line that is said of a start."""
    ended = run("serve", "--port", "0", *arguments, variables=variables)
    assert (ended.status, ended.output) == (1, ""), ended
    (line,) = ended.complaint.splitlines()
    assert line.startswith("gateway: ")
    assert "secret" not in line
    return line.removeprefix("gateway: ")


def test_a_state_folder_in_use(served: Gateway) -> None:
    line = refused("--state", served.state, "--ready-file", served.ready_file)

    assert line == (
        f"the state folder {served.state} is in use by another gateway"
        f" (process id {served.process.pid}); stop that one, or give this one a folder of its own"
        " with --state"
    )
    assert served.ready_file.exists()
    assert served.get("/readyz").status == 200


def test_a_port_in_use(served: Gateway, state_folder: Path) -> None:
    port = urlsplit(served.ready["graphql"]).port

    line = refused("--state", state_folder, "--port", str(port))

    assert line == (
        f"cannot listen on 127.0.0.1 port {port}: Address already in use;"
        " --port 0 takes one that is free"
    )
    assert not state_folder.exists()


def test_a_port_for_metrics_in_use(served: Gateway, state_folder: Path) -> None:
    port = urlsplit(served.ready["graphql"]).port

    line = refused("--state", state_folder, GATEWAY_METRICS=f"127.0.0.1:{port}")

    assert line == (
        f"cannot listen on 127.0.0.1 port {port}: Address already in use;"
        " GATEWAY_METRICS names another"
    )


@pytest.mark.parametrize("given", ["yes", "9464", ":9464", "127.0.0.1:", "127.0.0.1:99999"])
def test_metrics_at_no_address(given: str) -> None:
    with pytest.raises(InvalidSetting) as refusal:
        Settings.from_environment({"GATEWAY_METRICS": given})

    assert str(refusal.value) == (
        f"GATEWAY_METRICS is {given!r}; it has to be off, on, or an address such as 127.0.0.1:9464"
    )


def test_an_unknown_variable(state_folder: Path) -> None:
    line = refused("--state", state_folder, GATEWAY_DATABSE_URL="x")

    assert line.startswith("GATEWAY_DATABSE_URL is no setting; the settings are GATEWAY_DATABASE_")


def test_a_database_that_is_not_there(state_folder: Path) -> None:
    ready_file = state_folder.parent / "ready.json"
    ready_file.write_text("left behind by a gateway that was killed")

    line = refused(
        *("--state", state_folder, "--ready-file", ready_file),
        GATEWAY_DATABASE_URL="postgresql://me:secret@127.0.0.1:1/none",
    )

    assert line.startswith("cannot connect to the database: ")
    # Whoever waits for the file would take this gateway for ready.
    assert not ready_file.exists()


def test_a_database_without_tables(fresh_database_url: str, state_folder: Path) -> None:
    line = refused("--state", state_folder, GATEWAY_DATABASE_URL=fresh_database_url)

    assert line == (
        "the tables of GATEWAY_DATABASE_URL are older than this gateway; run `gateway migrate`"
    )


async def test_a_database_of_a_newer_gateway(
    migrated_database_url: str, state_folder: Path
) -> None:
    connection = await asyncpg.connect(migrated_database_url)
    await connection.execute("UPDATE alembic_version SET version_num = '99991231_2359'")
    await connection.close()

    line = refused("--state", state_folder, GATEWAY_DATABASE_URL=migrated_database_url)

    assert line.startswith(
        "the database is at revision 99991231_2359, which this gateway does not know: it was"
        " migrated by a newer one. Run that one, "
    )


# The same, in this process


def test_examples_for_a_database_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql://127.0.0.1:1/none")

    with pytest.raises(SystemExit) as ended:
        main(["serve", "--demo"])

    assert ended.value.code == 1
    assert "for GATEWAY_DATABASE_URL run `gateway demo`" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_a_port_that_is_none(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--port", port])

    assert ended.value.code == 2
    assert "Invalid value for '--port'" in capsys.readouterr().err


async def test_the_package_for_a_broker_is_missing(state_folder: Path, postgres_url: str) -> None:
    stubs = state_folder.parent / "stubs"
    stubs.mkdir()
    (stubs / "nats.py").write_text("raise ModuleNotFoundError('no such module', name='nats')")
    variables = {
        "GATEWAY_DATABASE_URL": postgres_url,
        "GATEWAY_NATS_URL": "nats://localhost",
        "PYTHONPATH": f"{stubs}:{ROOT}",
    }

    assert refused("--state", state_folder, **variables) == (
        "GATEWAY_NATS_URL asks for a broker, and nats is missing;"
        " pip install 'lineage-gateway[nats]'"
    )


@pytest.mark.parametrize("text", ["16M", "0", "-1", "1.5", "²", " "])
def test_a_setting_has_to_be_a_whole_number(text: str) -> None:
    with pytest.raises(InvalidSetting) as raised:
        Settings.from_environment({"GATEWAY_MAX_BODY_BYTES": text})

    assert str(raised.value) == (
        f"GATEWAY_MAX_BODY_BYTES is {text!r}; it has to be a whole number above 0"
    )


@pytest.mark.parametrize("text", ["gateway.example.org", "ftp://example.org", "/files"])
def test_links_have_to_begin_with_an_address(text: str) -> None:
    with pytest.raises(InvalidSetting, match="it has to begin with http:// or https://"):
        Settings.from_environment({"GATEWAY_PUBLIC_URL": text})


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"GATEWAY_S3_REGION": "eu-west-1"}, "GATEWAY_S3_REGION is set, and GATEWAY_S3_BUCKET"),
        (
            {"GATEWAY_S3_BUCKET": "a", "GATEWAY_S3_ENDPOINT": "minio:9000"},
            "GATEWAY_S3_ENDPOINT is 'minio:9000'; it has to begin with http",
        ),
        (
            {"GATEWAY_S3_BUCKET": "a", "GATEWAY_S3_ADDRESSING": "host"},
            "GATEWAY_S3_ADDRESSING is 'host'; it has to be path or virtual",
        ),
        (
            {"GATEWAY_S3_BUCKET": "a", "GATEWAY_S3_ACCESS_KEY": "b"},
            "GATEWAY_S3_ACCESS_KEY is set, and GATEWAY_S3_SECRET_KEY is not",
        ),
        (
            {"GATEWAY_S3_BUCKET": "a", "GATEWAY_S3_SECRET_KEY": "hidden"},
            "GATEWAY_S3_SECRET_KEY is set, and GATEWAY_S3_ACCESS_KEY is not",
        ),
    ],
    ids=["no bucket", "no address", "no style", "no secret", "no access key"],
)
def test_settings_of_s3_have_to_fit_together(variables: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidSetting, match=re.escape(told)) as raised:
        Settings.from_environment(variables)

    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "nats.example.org:4222",
        "ws://u:hidden@nats.example.org",
        "nats://",
        "nats://u:hidden@nats:port",
        "nats://nats:65536",
        "nats://one:4222 tls://hidden@other:4222",
        ",",
    ],
)
def test_a_broker_has_to_be_a_nats_server(text: str) -> None:
    with pytest.raises(InvalidSetting) as raised:
        Settings.from_environment({"GATEWAY_NATS_URL": text})

    assert str(raised.value) == (
        "GATEWAY_NATS_URL is not right; it has to be nats://host:port or tls://host:port, with"
        " commas between several"
    )


def test_passwords_and_tokens_of_brokers_are_not_logged() -> None:
    url = "nats://one, tls://gateway:p%40ss@other:4223, nats://t%3Aoken@third"

    settings = Settings.from_environment({"GATEWAY_NATS_URL": url})

    assert settings.secrets == ["p@ss", "t:oken"]
    assert url not in repr(settings)


def test_settings_show_no_secret() -> None:
    variables = {
        "GATEWAY_S3_BUCKET": "a",
        "GATEWAY_S3_ACCESS_KEY": "b",
        "GATEWAY_S3_SECRET_KEY": "hidden",
    }

    settings = Settings.from_environment(variables)

    assert settings.s3_secret_key == variables["GATEWAY_S3_SECRET_KEY"]
    assert "hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("SCHEMES", "ftp", "http, https, or both"),
        ("SCHEMES", ",", "http, https, or both"),
        ("PORTS", "80,", ""),
        ("PORTS", "https", "ports from 1 to 65535"),
        ("PORTS", "65536", "ports from 1 to 65535"),
        ("PORTS", ",", "ports from 1 to 65535"),
        ("ALLOW_NETWORKS", "10.0.0.0/8, fd00::/8", ""),
        ("ALLOW_NETWORKS", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("ALLOW_NETWORKS", "inside", "networks with commas between"),
    ],
)
def test_what_may_be_fetched_is_listed_with_commas(name: str, text: str, right: str) -> None:
    variables = {f"GATEWAY_FETCH_{name}": text}
    if right:
        with pytest.raises(InvalidSetting) as raised:
            Settings.from_environment(variables)
        assert str(raised.value).startswith(f"GATEWAY_FETCH_{name} is {text!r}; it has to be ")
        assert right in str(raised.value)
    else:
        assert Settings.from_environment(variables) != Settings()


def test_what_is_set_to_nothing_is_not_set() -> None:
    variables = dict.fromkeys(("GATEWAY_PUBLIC_URL", "GATEWAY_MAX_BODY_BYTES"), "")

    assert Settings.from_environment(variables) == Settings()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "mysql://me:secret@host/none",
        "postgresql://me:secret@host:port/none",
        "postgresql://me:secret@[::/none",
    ],
)
async def test_shows_how_the_url_of_a_database_looks(url: str) -> None:
    with pytest.raises(CannotStart, match="like postgresql://user:password@host:5432") as raised:
        await revisions.pending(url)

    assert "secret" not in str(raised.value)


async def test_a_database_that_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "CONNECT_TIMEOUT_S", 0.1)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"postgresql://127.0.0.1:{silent.getsockname()[1]}/none"

        with pytest.raises(CannotStart, match="cannot connect to the database: no answer within"):
            await revisions.pending(url)


def test_a_ready_file_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot be written: its folder is missing"):
        announcing.clear(tmp_path / "nowhere" / "ready.json")


def test_only_a_file_is_a_ready_file() -> None:
    """Root could remove the device for all others."""
    with pytest.raises(CannotStart, match="/dev/null cannot be written: it is no file"):
        announcing.clear(Path("/dev/null"))

    assert Path("/dev/null").exists()


@pytest.mark.parametrize(
    ("host", "is_private", "address"),
    [
        ("127.0.0.1", True, "127.0.0.1"),
        ("localhost", True, "localhost"),
        ("::1", True, "[::1]"),
        ("0.0.0.0", False, "127.0.0.1"),  # noqa: S104
        ("::", False, "[::1]"),
        ("", False, "127.0.0.1"),
        ("192.0.2.1", False, "192.0.2.1"),
        ("example.org", False, "example.org"),
    ],
)
def test_tells_whether_others_can_reach_it_and_where_it_is(
    host: str, is_private: bool, address: str
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        url = announcing.address_of(listening, host)
        port = listening.getsockname()[1]

    assert (announcing.is_loopback(host), url) == (is_private, f"http://{address}:{port}")
