from __future__ import annotations

import copy
from typing import Any

import pytest

from gateway.patching import merge_patch


class TestMergePatch:
    @pytest.mark.parametrize(
        ("target", "patch", "result"),
        [  # the table of RFC 7396, appendix A
            ({"a": "b"}, {"a": "c"}, {"a": "c"}),
            ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
            ({"a": "b"}, {"a": None}, {}),
            ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
            ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
            ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
            ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
            ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
            (["a", "b"], ["c", "d"], ["c", "d"]),
            ({"a": "b"}, ["c"], ["c"]),
            ({"a": "foo"}, None, None),
            ({"a": "foo"}, "bar", "bar"),
            ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
            ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
            ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ],
    )
    def test_follows_the_table_and_alters_nothing(
        self, target: Any, patch: Any, result: Any
    ) -> None:
        before = copy.deepcopy((target, patch))

        assert merge_patch(target, patch) == result
        assert (target, patch) == before

    def test_removes_one_key_and_sets_another(self) -> None:
        stored = {"category": "contracts", "status": "draft", "year": 2024}

        merged = merge_patch(stored, {"year": None, "status": "final"})

        assert merged == {"category": "contracts", "status": "final"}
