from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import aioboto3
import pytest
from aiobotocore.config import AioConfig

from gateway.blobs.s3_signing import Credentials, S3Signer

# Those of AWS's own example.
EXAMPLE = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
MOMENT = datetime(2013, 5, 24, tzinfo=UTC)


def signer(
    endpoint: str = "https://s3.amazonaws.com",
    *,
    virtual: bool = True,
    credentials: Credentials = EXAMPLE,
) -> S3Signer:
    return S3Signer(
        endpoint=endpoint,
        bucket="examplebucket",
        region="us-east-1",
        virtual=virtual,
        credentials=lambda: credentials,
    )


def test_signs_as_the_manual_of_s3_does() -> None:
    url = signer().url("GET", "test.txt", expires_in_s=86400, now=MOMENT)

    assert url == (
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


@pytest.mark.parametrize("token", [None, "a/token+="])
async def test_signs_as_botocore_does(token: str | None) -> None:
    credentials = Credentials(EXAMPLE.access_key, EXAMPLE.secret_key, token)
    parts = {"Bucket": "examplebucket", "Key": "ns_a/ü b+c"}
    async with aioboto3.Session().client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9000",
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=token,
        config=AioConfig(signature_version="s3v4", s3={"addressing_style": "path"}),
    ) as client:
        theirs = await client.generate_presigned_url(
            "put_object",
            Params=parts | {"ContentType": "image/png; a=1", "ContentLength": 4},
            ExpiresIn=60,
        )
    query = parse_qs(urlsplit(theirs).query)
    now = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    ours = signer("http://127.0.0.1:9000", virtual=False, credentials=credentials).url(
        "PUT",
        parts["Key"],
        expires_in_s=60,
        headers={"Content-Type": "image/png;  a=1 ", "Content-Length": "4"},
        now=now,
    )

    assert parse_qs(urlsplit(ours).query) == query
    assert urlsplit(ours).path == urlsplit(theirs).path


def test_derives_a_new_key_for_another_day_and_other_credentials() -> None:
    current = [EXAMPLE]
    changing = S3Signer(
        endpoint="https://s3.amazonaws.com",
        bucket="examplebucket",
        region="us-east-1",
        virtual=True,
        credentials=lambda: current[-1],
    )
    urls = []
    for each in (EXAMPLE, Credentials(EXAMPLE.access_key, "other"), EXAMPLE):
        current.append(each)
        for day in (24, 25):
            now = MOMENT.replace(day=day)
            urls.append(changing.url("GET", "test.txt", expires_in_s=86400, now=now))

    assert len(set(urls)) == 4
    assert urls[:2] == urls[4:]
    assert urls[0] == signer().url("GET", "test.txt", expires_in_s=86400, now=MOMENT)


def test_shows_no_secret() -> None:
    shown = repr(Credentials("access", "secret", "token"))

    assert "access" in shown
    assert "secret" not in shown.replace("secret_key", "")
    assert "token" not in shown
