from __future__ import annotations

import asyncio
from typing import Any

from tests.operations import CREATE_BUCKET, CREATE_OBJECT, READ_OBJECT

from .conftest import Served


async def test_32_requests_upsert_one_object(served: Served) -> None:
    """More requests than the gateway has connections, of one key that is new."""

    async def execute(query: str, **variables: Any) -> Any:
        status, answer = await served.post({"query": query, "variables": variables})
        assert (status, answer.get("errors")) == (200, None)
        (payload,) = answer["data"].values()
        return payload

    schema = {"properties": {"sku": {"type": "string"}, "text": {"type": "text"}}}
    key = {"fields": ["sku"], "defaultPolicy": "UPSERT"}
    new = {"bucketName": "products", "bucketSchema": schema, "uniqueKey": key}
    bucket = (await execute(CREATE_BUCKET, input=new))["bucket"]

    payloads = await asyncio.gather(
        *(
            execute(
                CREATE_OBJECT,
                input={
                    "bucketId": bucket["id"],
                    "metadata": {"sku": "A1", f"k{i}": i},
                    "blobs": [{"property": "text", "type": "text", "data": f"by {i}"}],
                },
            )
            for i in range(32)
        )
    )

    assert [payload["errors"] for payload in payloads] == [[]] * 32
    (id,) = {payload["object"]["id"] for payload in payloads}
    made = await execute(READ_OBJECT, id=id)
    assert (made["version"], len(made["blobs"])) == (32, 1)
    assert made["metadata"] == {"sku": "A1"} | {f"k{i}": i for i in range(32)}
