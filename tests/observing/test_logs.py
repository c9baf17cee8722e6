"""What log lines look like, and that no secret is in them, however it came there."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from gateway.blobs.s3_signing import Credentials, S3Signer
from gateway.blobs.signing import Link, UrlSigner
from gateway.namespaces.key_secrets import new_secret, prefix
from gateway.observing import logs, notes
from gateway.settings import Settings

KEY = new_secret()
DATABASE_PASSWORD = "pa/ss@wörd+1"  # noqa: S105
S3_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # noqa: S105
SETTINGS = Settings(
    database_url="postgresql://gateway:pa%2Fss%40w%C3%B6rd+1@db/gateway", s3_secret_key=S3_SECRET
)
LOCAL_LINK = UrlSigner(b"k" * 32, public_url="http://gateway").url(
    "GET", Link("ns_1/ab", 2_000_000_000, filename="a.png")
)
S3_LINK = S3Signer(
    endpoint="https://s3.example",
    bucket="pics",
    region="us-east-1",
    virtual=False,
    credentials=lambda: Credentials("AKIDEXAMPLE", S3_SECRET, "a-session-token"),
).url("GET", "ns_1/ab", expires_in_s=60)

logger = logging.getLogger("gateway.tests")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def logged(stream: io.StringIO | None = None, **options: Any) -> Iterator[Callable[[], str]]:
    """Log as `gateway serve` does inside the block; gives what returns the text so far."""
    stream = stream or io.StringIO()
    options = {"format": "json", "secrets": SETTINGS.secrets} | options
    handler = logs.set_up(stream=stream, **options)
    try:
        yield stream.getvalue
    finally:
        logging.getLogger().removeHandler(handler)
        logging.captureWarnings(False)
        logging.getLogger("gateway").setLevel(logging.NOTSET)


def fail(text: str) -> None:
    raise ValueError(text)


def test_a_record_is_one_line_of_json() -> None:
    notes.begin("abc-1")
    with logged() as text:
        try:
            fail("first\nsecond")
        except ValueError:
            logger.exception("failed for %s", "a\nb", extra={logs.FIELDS: {"plan": "ab12"}})

    (line,) = text().splitlines()
    told = json.loads(line)
    exception = told.pop("exception")
    assert datetime.fromisoformat(told.pop("time")).tzinfo is not None
    assert told == {
        "level": "error",
        "logger": "gateway.tests",
        "message": "failed for a\nb",
        "request_id": "abc-1",
        "plan": "ab12",
    }
    assert exception.startswith("Traceback")
    assert exception.endswith("ValueError: first\nsecond")


def test_text_is_for_terminals_and_where_it_is_asked_for() -> None:
    notes.begin("abc-1")
    for stream, format, is_text in (
        (Terminal(), "", True),
        (io.StringIO(), "", False),
        (io.StringIO(), "text", True),
        (Terminal(), "json", False),
    ):
        with logged(stream, format=format) as text:
            logger.warning("what happened")
        expected = " WARNING gateway.tests: what happened (request abc-1)\n"
        assert text().endswith(expected) is is_text
        assert text().startswith("{") is not is_text


def test_the_level_is_of_our_own_records() -> None:
    with logged(level="debug") as text:
        logger.debug("ours")
        logging.getLogger("botocore.auth").debug("theirs")
        logging.getLogger("botocore.auth").warning("theirs, and grave")
    assert [json.loads(each)["message"] for each in text().splitlines()] == [
        "ours",
        "theirs, and grave",
    ]

    with logged(level="error") as text:
        logger.warning("ours")
    assert text() == ""


SECRETS = {
    "key": (f"{KEY} is refused", KEY),
    "header": (f"Authorization: Bearer {KEY}", KEY),
    "header of another scheme": ("authorization: Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy"),
    "headers": (f"{ {'Authorization': 'Token hunter2-and-more', 'Accept': '*/*'} }", "hunter2"),
    "raw headers": (f"{[(b'Authorization', b'Bearer hunter2-and-more')]}", "hunter2"),
    "bearer": ("bearer hunter2.and.more", "hunter2"),
    "local link": (f"GET {LOCAL_LINK} failed", LOCAL_LINK.rpartition("=")[2]),
    "S3 link": (f"GET {S3_LINK} failed", S3_LINK.rpartition("X-Amz-Signature=")[2][:64]),
    "S3 token in a link": (f"GET {S3_LINK} failed", "a-session-token"),
    "path of a link": ("GET /blobs/a?expires=1&signature=abcdef", "abcdef"),
    "parameter": ("X-Amz-Signature=abcdef", "abcdef"),
    "S3 secret": (f"signed with {S3_SECRET}", S3_SECRET),
    "S3 secret of another": ("aws_secret_access_key = hunter2", "hunter2"),
    "URL of the database": (SETTINGS.database_url, "pa%2Fss"),
    "URL of another database": ("postgresql://gateway:hunter2@db/gateway", "hunter2"),
    "raw password in a URL": ("postgresql://gateway:hunt@er2@db/gateway", "er2"),
    "password of the database": (f"got {DATABASE_PASSWORD}", DATABASE_PASSWORD),
    "keywords of a connection": ("host=db password=hunter2 user=gateway", "hunter2"),
    "keywords in Python": ("connect(user='gateway', password='hunter2')", "hunter2"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=list(SECRETS))
def test_no_secret_is_written(text: str, secret: str) -> None:
    assert secret in text
    for format in logs.FORMATS:
        with logged(format=format) as written:
            logger.warning(text)
            logger.warning("%s", text, stack_info=True)
            try:
                fail(text)
            except ValueError as error:
                logger.warning("failed", exc_info=error)
                try:
                    raise RuntimeError from error
                except RuntimeError:
                    logger.exception("failed again")
        assert "[redacted]" in written()
        assert secret not in written()
        assert json.dumps(secret)[1:-1] not in written()


def test_arguments_that_do_not_fit_are_not_written() -> None:
    with logged() as written:
        record = logger.makeRecord("gateway", logging.ERROR, "", 1, "%d", (KEY,), None)
        logging.getLogger().handlers[-1].handle(record)

    assert json.loads(written())["message"] == "%d"


def test_botocore_tells_nothing_of_a_link() -> None:
    with logged() as written:
        logger.warning("%s", EndpointConnectionError(endpoint_url=S3_LINK))

    assert S3_LINK.partition("?")[0] in written()
    assert "X-Amz" not in written()


@pytest.mark.parametrize(
    "text",
    [
        f"the key {prefix(KEY)} was revoked",
        "GET http://gateway:8000/graphql?query={a}&design=1 by user@example.com",
        "the authorization is missing; the password is wrong",
        "links to bytes begin with http://127.0.0.1:8000; name that in GATEWAY_PUBLIC_URL",
        "statement of 734 ms in operation ReadObject (plan 1a2b3c4d)",
    ],
)
def test_leaves_other_texts_alone(text: str) -> None:
    with logged() as written:
        logger.warning(text)

    assert json.loads(written())["message"] == text
