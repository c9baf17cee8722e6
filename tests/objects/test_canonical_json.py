from __future__ import annotations

from typing import Any

import pytest
import rfc8785

from gateway.objects.canonical_json import canonical_json

VALUES: list[Any] = [
    {"pages": 5, "title": "Service Agreement 2024", "tags": [True, None, -1, 2**53 - 1]},
    {"b": 1, "a": {"d": [], "c": {}}, "": "", "A": 0},
    {"é": 1, "\u20ac": 2, "z": 3, "\uffff": 4},
    {"\U0001f600": 1, "\ue000": 2},  # in UTF-16 the first comes before the second
    {"\x7f": '\x1f\b\t\n\f\r"\\/\u2028', "\x01": "ü\U0001f600"},
    [1.0, 1.5, -0.0, 1e16, 1e21, 1e-7, 5e-324, 123456789.0],
    ["version 1.5", "1e5", "3.", ".5"],
    "text",
    0,
]


@pytest.mark.parametrize("value", VALUES, ids=str)
def test_is_what_the_reference_implementation_gives(value: Any) -> None:
    assert canonical_json(value, (), limit_bytes=1000) == rfc8785.dumps(value)
