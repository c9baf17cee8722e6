from __future__ import annotations

from typing import Any

import pytest

from gateway.checks import check_json, check_name, check_object, check_text
from gateway.errors import InvalidInput, TooLarge

PATH = ("metadata",)


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value]
    return value


class TestText:
    @pytest.mark.parametrize(
        "value",
        [
            "",
            "plain",
            "ünïcödé 🎈",
            "line\nbreak\t",
            3,
            2.5,
            None,
            True,
            [],
            {},
            {"a": [{"ä": "ö"}]},
        ],
        ids=repr,
    )
    def test_keeps_what_can_be_kept(self, value: Any) -> None:
        check_text(value, PATH)

    @pytest.mark.parametrize(
        ("value", "path"),
        [
            ("\0", ()),
            ({"a": "x\0y"}, ("a",)),
            ({"a": ["fine", {"b": ["fine", "\0"]}], "c": {}}, ("a", "1", "b", "1")),
            ([[], [["\0"]]], ("1", "0", "0")),
        ],
    )
    def test_refuses_nul_where_it_is(self, value: Any, path: tuple[str, ...]) -> None:
        with pytest.raises(InvalidInput, match="NUL") as refusal:
            check_text(value, PATH)

        assert refusal.value.path == ("metadata", *path)

    @pytest.mark.parametrize("half", ["\ud83c", "ok 🎈 \udf88"])
    def test_refuses_half_a_surrogate_pair(self, half: str) -> None:
        with pytest.raises(InvalidInput, match=r"surrogate pair \(U\+D") as refusal:
            check_text({"title": [half]}, PATH)

        assert refusal.value.path == ("metadata", "title", "0")

    @pytest.mark.parametrize(("key", "shown"), [("a\0b", r"a\u0000b"), ("a\ud83c", r"a\ud83c")])
    def test_refuses_keys_too_and_names_them_in_text_that_can_be_sent(
        self, key: str, shown: str
    ) -> None:
        with pytest.raises(InvalidInput, match="a key holds") as refusal:
            check_text({"x": {key: 1}}, PATH)

        assert refusal.value.path == ("metadata", "x", shown)
        refusal.value.message.encode()

    def test_keeps_a_hundred_levels_and_refuses_one_more(self) -> None:
        check_text(nested(100), PATH)

        with pytest.raises(InvalidInput, match="the most is 100") as refusal:
            check_text({"deep": nested(100)}, PATH)
        assert refusal.value.path == ("metadata", "deep", *["0"] * 99)

    def test_refuses_depth_far_beyond_what_recursion_could_walk(self) -> None:
        with pytest.raises(InvalidInput, match="the most is 100"):
            check_text(nested(200_000), PATH)


class TestJson:
    @pytest.mark.parametrize("value", [0, -0.0, 2**64 - 1, -(2**63), 1e308, True, None, "x", [1]])
    def test_keeps_any_json(self, value: Any) -> None:
        check_json(value, PATH, most_bytes=100)

    @pytest.mark.parametrize(
        ("number", "says"),
        [
            (float("nan"), "finite"),
            (float("inf"), "finite"),
            (float("-inf"), "finite"),
            (2**64, "64 bits"),
            (-(2**63) - 1, "64 bits"),
            (10**5000, "64 bits"),
        ],
        ids=["nan", "inf", "-inf", "2^64", "-2^63-1", "10^5000"],
    )
    def test_refuses_numbers_that_json_cannot_carry(self, number: float, says: str) -> None:
        with pytest.raises(InvalidInput, match=says) as refusal:
            check_json({"sizes": [1, number]}, PATH, most_bytes=10_000)

        assert refusal.value.path == ("metadata", "sizes", "1")
        assert refusal.value.message.startswith("sizes[1] is ")

    def test_counts_bytes_of_compact_utf8(self) -> None:
        value = {"ä": [1, 2]}  # {"ä":[1,2]}

        check_json(value, PATH, most_bytes=12)
        with pytest.raises(TooLarge, match=r"12 bytes .* the most is 11") as refusal:
            check_json(value, PATH, most_bytes=11)

        assert refusal.value.path == PATH


class TestObject:
    def test_returns_the_object(self) -> None:
        value = {"year": 2024}

        assert check_object(value, PATH, most_bytes=100) is value

    @pytest.mark.parametrize(
        ("value", "kind"),
        [
            (None, "null"),
            (True, "a boolean"),
            (3, "a number"),
            (2.5, "a number"),
            ("{}", "a string"),
            ([{}], "an array"),
        ],
    )
    def test_says_which_type_came_instead(self, value: Any, kind: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            check_object(value, PATH, most_bytes=100)

        assert refusal.value.message == f"metadata is {kind}; it has to be an object"
        assert refusal.value.path == PATH

    def test_refuses_a_mebibyte_with_both_figures(self) -> None:
        with pytest.raises(TooLarge, match=r"1048587 bytes .* the most is 262144") as refusal:
            check_object({"blob": "x" * 2**20}, PATH, most_bytes=256 * 1024)

        assert refusal.value.code == "TOO_LARGE"

    def test_refuses_what_could_not_even_be_measured(self) -> None:
        with pytest.raises(InvalidInput, match="surrogate"):
            check_object({"a": "\ud800"}, PATH, most_bytes=100)


class TestName:
    @pytest.mark.parametrize("name", ["a", "x" * 255, "two words", "名前", "🎈" * 255])
    def test_returns_a_name(self, name: str) -> None:
        assert check_name(name, ("bucketName",), most=255) == name

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("", "is empty; it has to have 1 to 255"),
            (" \u00a0 ", "nothing but blanks"),
            ("a\nb", r"U\+000A"),
            ("a\0", r"U\+0000"),
            ("a\x85", r"U\+0085"),
            ("a\ud83c", r"U\+D83C"),
            (None, "is null; it has to be a string"),
            (7, "is a number; it has to be a string"),
        ],
        ids=repr,
    )
    def test_refuses_what_names_nothing(self, name: Any, says: str) -> None:
        with pytest.raises(InvalidInput, match=says) as refusal:
            check_name(name, ("bucketName",), most=255)

        assert refusal.value.path == ("bucketName",)

    def test_refuses_300_characters_with_both_figures(self) -> None:
        with pytest.raises(TooLarge, match="bucketName has 300 characters; the most is 255"):
            check_name("x" * 300, ("bucketName",), most=255)
