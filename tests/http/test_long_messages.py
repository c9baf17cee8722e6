"""What is wrong with a request is told in a few words, however long the wrong part is."""

from __future__ import annotations

import json
from typing import Any

from gateway.wording import MOST_TOLD

from .conftest import Served

LONG = "a" * 40_000
DIGITS = "9" * 4000
ORDERED = "query ($o: [BucketOrder!]) { buckets(orderBy: $o) { totalCount } }"
DOCUMENTS = "documents(first: 10) { nodes { id } }"
PAGES = f"{{ {LONG}: nodes {{ objects(first: 1000) {{ nodes {{ {DOCUMENTS} }} }} }} }}"
TOLD: list[tuple[str, dict[str, Any], str, str]] = [
    (f"{{ {LONG} }}", {}, "Cannot query field 'aaa", "a…' on type 'Query'."),
    (f"{{ buckets({LONG}: 1) {{ totalCount }} }}", {}, "Unknown argument 'aaa", "'Query.buckets'."),
    (f'{{ buckets(first: "{LONG}") {{ totalCount }} }}', {}, "Int cannot represent", 'aaa…"'),
    (f"{{ buckets(first: {DIGITS}) {{ totalCount }} }}", {}, "Int cannot represent", "999…"),
    (f"{{ buckets(first: [{'1 ' * 900}]) {{ totalCount }} }}", {}, "Int cannot", " 1\n  1\n]"),
    (f"{{ buckets(first: {{{LONG}: 1}}) {{ totalCount }} }}", {}, "Int cannot", "aaa…: 1\n}"),
    (f"{{ ...{LONG} }}", {}, "Unknown fragment 'aaa", "aaa…'."),
    (f"{{ __typename @{LONG} }}", {}, "Unknown directive '@aaa", "aaa…'."),
    (f"query (${LONG}: Int) {{ __typename }}", {}, "Variable '$aaa", "aaa…' is never used."),
    (f"query ($a: {LONG}) {{ __typename }}", {}, "Unknown type 'aaa", "aaa…'."),
    (f"query {LONG} {{ a }} query {LONG} {{ a }}", {}, "There can be only one op", "aaa…'."),
    (LONG, {}, "Syntax Error: Unexpected Name 'aaa", "aaa…'."),
    (f'{{ a "{LONG}" }}', {}, "Syntax Error: Expected Name, found String 'aaa", "aaa…'."),
    (ORDERED, {"o": [{"field": LONG}]}, "Variable '$o' has invalid value at [0].field", "enum."),
    (ORDERED, {"o": [{LONG: 1}]}, "Variable '$o' has invalid value at [0]", "aaa…': 1}."),
    (
        f"{{ buckets(first: 1000) {PAGES} }}",
        {},
        "the operation may read",
        "aaa…",
    ),
]


async def test_tells_how_the_wrong_part_begins_and_ends(served: Served) -> None:
    for query, variables, first, last in TOLD:
        _, answer = await served.post({"query": query, "variables": variables})

        messages = [each["message"] for each in answer["errors"]]
        assert any(each.startswith(first) and each.endswith(last) for each in messages), messages
        assert max(map(len, messages)) <= MOST_TOLD
        assert len(json.dumps(answer)) < 2000
