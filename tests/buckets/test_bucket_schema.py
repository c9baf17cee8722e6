from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import pytest

from gateway.buckets.bucket_schema import BucketSchema, parse_schema
from gateway.enums import FieldType
from gateway.errors import InvalidInput, Refused, SchemaMismatch, TooLarge, UserFailure

# Of the reference's page on creating a bucket.
PRODUCT_IMAGES = {
    "properties": {
        "image": {"description": "Product image blob", "type": "image"},
        "metadata": {
            "description": "Product information",
            "properties": {
                "title": {"type": "string"},
                "category": {"type": "string"},
                "price": {"type": "float"},
            },
            "type": "object",
        },
    }
}


def failures_of(call: Callable[[], object]) -> list[UserFailure]:
    """Return what a call is refused for."""
    with pytest.raises((Refused, UserFailure)) as refusal:
        call()
    if isinstance(refusal.value, Refused):
        return list(refusal.value.failures)
    assert isinstance(refusal.value, UserFailure)
    return [refusal.value]


def failures_of_schema(raw: Any) -> dict[tuple[str, ...], str]:
    return {failure.path: failure.message for failure in failures_of(lambda: parse_schema(raw))}


def failures_of_property(**definition: Any) -> dict[tuple[str, ...], str]:
    """Return the failures of a schema whose only property is ``p``, with paths below it."""
    failures = failures_of_schema({"properties": {"p": definition}})
    assert all(path[:3] == ("bucketSchema", "properties", "p") for path in failures)
    return {path[3:]: message for path, message in failures.items()}


def failures_of_metadata(
    schema: BucketSchema, metadata: dict[str, Any], *blobs: str
) -> dict[tuple[str, ...], str]:
    failures = failures_of(lambda: schema.check_metadata(metadata, present_blobs=blobs))
    assert {failure.code for failure in failures} == {"SCHEMA_MISMATCH"}
    return {failure.path: failure.message for failure in failures}


def schema_of(**properties: Any) -> BucketSchema:
    return parse_schema({"properties": properties})


class TestProductImages:
    @pytest.mark.parametrize("price", [3, 3.5, 0, -1e300, None])
    def test_accepts_a_price(self, price: float | None) -> None:
        schema = parse_schema(PRODUCT_IMAGES)
        metadata = {"title": "Phone X1", "price": price}

        assert schema.check_metadata(metadata, present_blobs=["image"]) == metadata

    @pytest.mark.parametrize(
        ("price", "message"),
        [
            ("abc", "price is a string; it has to be a number (float)"),
            ("3.5", "price is a string; it has to be a number (float)"),
            (True, "price is true; it has to be a number (float)"),
            ([3], "price is an array; it has to be a number (float)"),
            ({"amount": 3}, "price is an object; it has to be a number (float)"),
        ],
    )
    def test_refuses_another_type_of_price_with_its_path(self, price: Any, message: str) -> None:
        schema = parse_schema(PRODUCT_IMAGES)

        assert failures_of_metadata(schema, {"price": price}) == {("metadata", "price"): message}

    def test_leaves_other_keys_free(self) -> None:
        schema = parse_schema(PRODUCT_IMAGES)
        metadata = {"colours": ["red", {"hex": "#f00"}], "metadata": {"price": "any"}}

        assert schema.check_metadata(metadata, present_blobs=[]) == metadata

    def test_knows_its_blob(self) -> None:
        schema = parse_schema(PRODUCT_IMAGES)

        assert schema.check_blob("image", "IMAGE", ("blobs", "0")) is FieldType.IMAGE


class TestReading:
    def test_types_are_read_in_any_case(self) -> None:
        schema = schema_of(content={"type": "PDF"}, year={"type": "Integer"})

        assert schema.check_blob("content", "pdf", ()) is FieldType.PDF
        assert failures_of_metadata(schema, {"year": 1.5})

    def test_an_unknown_type_gets_its_path_and_the_right_ones(self) -> None:
        raw = copy.deepcopy(PRODUCT_IMAGES)
        raw["properties"]["price"] = {"type": "flaot"}

        (failure,) = failures_of(lambda: parse_schema(raw))

        assert isinstance(failure, InvalidInput)
        assert failure.code == "INVALID"
        assert failure.path == ("bucketSchema", "properties", "price", "type")
        assert failure.message.startswith('price has the type "flaot", which does not exist')
        assert failure.allowed == tuple(kind.value.lower() for kind in FieldType)

    @pytest.mark.parametrize(
        ("definition", "path", "says"),
        [
            ({}, ("type",), "p has no type; it has to be one of string, number"),
            ({"type": ["string", "null"]}, ("type",), "p has an array for a type"),
            ({"type": "string", "requred": True}, ("requred",), "known are type, description"),
            ({"type": "string", "description": 5}, ("description",), "has to be a string"),
            ({"type": "object", "required": ["a"]}, ("required",), "true or false, at each"),
            ({"type": "string", "required": "yes"}, ("required",), "required is a string"),
            ({"type": "string", "properties": {}}, ("properties",), "only for object; p is string"),
            ({"type": "object", "properties": []}, ("properties",), "has to be an object"),
            ({"type": "object", "items": {"type": "string"}}, ("items",), "only for array"),
            ({"type": "array", "items": "string"}, ("items",), "items is a string"),
            ({"type": "array", "items": {}}, ("items", "type"), "items has no type"),
            ({"type": "string", "enum": "a"}, ("enum",), "enum is a string"),
            ({"type": "string", "enum": []}, ("enum",), "enum is empty"),
            ({"type": "object", "enum": [{}]}, ("enum",), "enum is only for string, number"),
            ({"type": "image", "enum": ["a"]}, ("enum",), "only for"),
            ({"type": "image", "default": "a"}, ("default",), "only for"),
            ({"type": "image", "examples": "a"}, ("examples",), "has to be an array"),
            ({"type": "float", "enum": [1, "b"]}, ("enum", "1"), "enum[1] is a string"),
            ({"type": "float", "enum": [[1]], "default": 2}, ("enum", "0"), "enum[0] is an array"),
            ({"type": "float", "default": "1"}, ("default",), "default is a string"),
            ({"type": "float", "examples": [1, "b"]}, ("examples", "1"), "examples[1] is a string"),
            ({"type": "date", "default": "2023-02-29"}, ("default",), "a day of the calendar"),
            (
                {"type": "string", "enum": ["a", "b"], "default": "c"},
                ("default",),
                'default is "c"; it has to be one of a, b',
            ),
            (
                {"type": "array", "items": {"type": "string", "required": True}},
                ("items", "required"),
                "an item is never absent",
            ),
            (
                {"type": "array", "items": {"type": "boolean", "default": False}},
                ("items", "default"),
                "an item is never absent",
            ),
            (
                {"type": "object", "properties": {"a": {"type": "pdf"}}},
                ("properties", "a", "type"),
                "a has the type pdf of a blob, but lies inside the metadata",
            ),
            (
                {
                    "type": "object",
                    "properties": {"a": {"type": "float", "required": True}},
                    "default": {"b": 1},
                },
                ("default", "a"),
                "a is missing",
            ),
        ],
    )
    def test_refuses_what_makes_no_field(
        self, definition: dict[str, Any], path: tuple[str, ...], says: str
    ) -> None:
        failures = failures_of_property(**definition)

        assert list(failures) == [path]
        assert says in failures[path]

    @pytest.mark.parametrize(
        "definition",
        [
            {"type": "string", "default": None, "enum": None, "items": None, "properties": None},
            {"type": "float", "default": 3, "enum": [3, 3.5], "examples": [3.5]},
            {"type": "boolean", "default": False, "required": True},
            {"type": "image", "required": True, "examples": ["https://example.com/a.png"]},
            {"type": "array", "items": {"type": "array", "items": {"type": "date"}}},
            {"type": "object", "properties": {}, "default": {}},
            {
                "type": "object",
                "properties": {"a": {"type": "float", "required": True, "default": 1}},
                "default": {},
                "examples": [{"a": 2}],
            },
        ],
    )
    def test_reads_every_key_of_a_field(self, definition: dict[str, Any]) -> None:
        assert "p" in schema_of(p=definition).properties

    @pytest.mark.parametrize("raw", [None, [], "{}", 3])
    def test_refuses_what_is_no_object(self, raw: Any) -> None:
        assert list(failures_of_schema(raw)) == [("bucketSchema",)]

    @pytest.mark.parametrize("raw", [{}, {"properties": {}}, {"properties": None}])
    def test_refuses_a_schema_without_properties(self, raw: Any) -> None:
        path = ("bucketSchema", "properties")

        assert failures_of_schema(raw) == {
            path: "a bucket's schema needs at least one property; it has none"
        }

    def test_refuses_properties_that_are_no_object(self) -> None:
        (message,) = failures_of_schema({"properties": ["title"]}).values()

        assert message == "properties is an array; it has to be an object of properties"

    def test_refuses_a_definition_that_is_no_object(self) -> None:
        (message,) = failures_of_schema({"properties": {"title": "string"}}).values()

        assert message == 'title is a string; it has to be an object, as in {"type": "string"}'

    @pytest.mark.parametrize("key", ["type", "required", "additionalProperties"])
    def test_refuses_unknown_keys_at_the_top(self, key: str) -> None:
        raw = PRODUCT_IMAGES | {key: "object"}

        assert failures_of_schema(raw) == {
            ("bucketSchema", key): f"{key} is unknown here; known are properties, description"
        }

    def test_keeps_a_description_at_the_top(self) -> None:
        assert parse_schema(PRODUCT_IMAGES | {"description": "What the shop sells"})

    def test_tells_all_problems_at_once(self) -> None:
        raw = {
            "title": "Shop",
            "properties": {
                "": {"type": "string"},
                "price": {"type": "flaot", "requred": True},
                "size": {"type": "object", "properties": {"width": {"type": "int"}}},
                "tags": {"type": "array", "items": {"type": "string", "enum": [1]}},
                "year": {"type": "integer", "required": "yes", "default": "2024"},
                "kind": {"type": "object", "enum": ["a"], "default": {}},
            },
        }

        assert set(failures_of_schema(raw)) == {
            ("bucketSchema", "title"),
            ("bucketSchema", "properties", ""),
            ("bucketSchema", "properties", "price", "type"),
            ("bucketSchema", "properties", "price", "requred"),
            ("bucketSchema", "properties", "size", "properties", "width", "type"),
            ("bucketSchema", "properties", "tags", "items", "enum", "0"),
            ("bucketSchema", "properties", "year", "required"),
            ("bucketSchema", "properties", "year", "default"),
            ("bucketSchema", "properties", "kind", "enum"),
        }

    def test_of_very_many_problems_the_first_hundred_are_told(self) -> None:
        failures = failures_of_property(type="string", examples=[1] * 10_000)

        assert list(failures)[-1] == ("examples", "99")

    def test_paths_start_where_the_caller_says_each_time(self) -> None:
        for _ in range(2):
            (failure,) = failures_of(lambda: parse_schema({}, ("inputs", "3", "bucketSchema")))
            assert failure.path == ("inputs", "3", "bucketSchema", "properties")

    @pytest.mark.parametrize("name", ["", "  ", "a\nb"])
    def test_refuses_names_that_name_nothing(self, name: str) -> None:
        raw = {"properties": {name: {"type": "string"}}}

        assert list(failures_of_schema(raw)) == [("bucketSchema", "properties", name)]

    def test_refuses_a_name_of_300_characters(self) -> None:
        (failure,) = failures_of(lambda: schema_of(**{"x" * 300: {"type": "string"}}))

        assert isinstance(failure, TooLarge)
        assert "300 characters; the most is 255" in failure.message

    def test_takes_a_thousand_properties_and_no_more(self) -> None:
        def raw(count: int) -> dict[str, Any]:
            inner = {f"p{n}": {"type": "string"} for n in range(count - 1)}
            return {"properties": {"metadata": {"type": "object", "properties": inner}}}

        assert parse_schema(raw(1000))
        (failure,) = failures_of(lambda: parse_schema(raw(1001)))
        assert isinstance(failure, TooLarge)
        assert "over 1000 properties" in failure.message

    def test_takes_twenty_levels_and_no_more(self) -> None:
        def raw(levels: int) -> dict[str, Any]:
            field: dict[str, Any] = {"type": "string"}
            for _ in range(levels - 1):
                field = {"type": "object", "properties": {"a": field}}
            return {"properties": {"a": field}}

        assert parse_schema(raw(20))
        (failure,) = failures_of(lambda: parse_schema(raw(21)))
        assert isinstance(failure, TooLarge)
        assert failure.path == ("bucketSchema", *["properties", "a"] * 21)

    def test_refuses_a_schema_beyond_its_bytes(self) -> None:
        raw = PRODUCT_IMAGES | {"description": "x" * 2**20}

        (failure,) = failures_of(lambda: parse_schema(raw))

        assert isinstance(failure, TooLarge)
        assert failure.path == ("bucketSchema",)

    def test_refuses_text_that_cannot_be_kept(self) -> None:
        (failure,) = failures_of(lambda: schema_of(p={"type": "string", "description": "\0"}))

        assert failure.path == ("bucketSchema", "properties", "p", "description")

    def test_refuses_a_key_that_is_described_twice(self) -> None:
        raw = copy.deepcopy(PRODUCT_IMAGES)
        raw["properties"]["title"] = {"type": "string"}

        (message,) = failures_of_schema(raw).values()

        assert message.startswith("title is described twice")

    def test_the_metadata_may_have_a_key_called_metadata(self) -> None:
        inner = {"metadata": {"type": "float"}}
        schema = schema_of(metadata={"type": "object", "properties": inner})

        assert list(failures_of_metadata(schema, {"metadata": "x"})) == [("metadata", "metadata")]

    def test_a_blob_may_have_the_name_of_a_metadata_key(self) -> None:
        raw = copy.deepcopy(PRODUCT_IMAGES)
        raw["properties"]["title"] = {"type": "text"}
        schema = parse_schema(raw)

        assert schema.check_blob("title", "text", ()) is FieldType.TEXT
        assert failures_of_metadata(schema, {"title": 5})

    def test_is_not_changed_by_what_the_client_does_with_its_own_copy(self) -> None:
        raw = {"properties": {"p": {"type": "array", "default": ["a"]}}}
        schema = parse_schema(raw)
        raw["properties"]["p"]["default"].append("b")  # type: ignore[attr-defined]
        schema.check_metadata({}, present_blobs=[])["p"].append("c")

        assert schema.check_metadata({}, present_blobs=[]) == {"p": ["a"]}


class TestBlobs:
    @pytest.mark.parametrize(
        "kind", ["text", "image", "audio", "video", "pdf", "excel", "json", "binary", "string"]
    )
    def test_takes_a_blob_of_every_type_of_blob(self, kind: str) -> None:
        schema = schema_of(content={"type": kind})

        assert schema.check_blob("content", kind.title(), ()) == kind.upper()

    def test_refuses_a_property_the_schema_does_not_have(self) -> None:
        schema = schema_of(
            image={"type": "image"}, text={"type": "string"}, price={"type": "float"}
        )

        (failure,) = failures_of(lambda: schema.check_blob("picture", "image", ("blobs", "2")))

        assert isinstance(failure, SchemaMismatch)
        assert failure.path == ("blobs", "2", "property")
        assert failure.message == "picture is not in the bucket's schema; blobs are image, text"
        assert failure.allowed == ("image", "text")

    @pytest.mark.parametrize("kind", ["float", "object", "array", "date", "boolean"])
    def test_refuses_a_blob_for_what_describes_metadata(self, kind: str) -> None:
        schema = schema_of(p={"type": kind})

        (failure,) = failures_of(lambda: schema.check_blob("p", kind, ("blobs", "0")))

        assert isinstance(failure, SchemaMismatch)
        assert failure.path == ("blobs", "0", "property")
        assert (
            failure.message
            == f"p describes metadata ({kind}) and cannot be a blob; the schema has no blobs"
        )
        assert failure.allowed == ()

    def test_refuses_another_type_than_the_schemas(self) -> None:
        schema = schema_of(image={"type": "image"})

        (failure,) = failures_of(lambda: schema.check_blob("image", "pdf", ("blobs", "0")))

        assert isinstance(failure, SchemaMismatch)
        assert failure.path == ("blobs", "0", "type")
        assert failure.message == "type is pdf, but image is of type image in the bucket's schema"
        assert failure.allowed == ("image",)

    def test_refuses_a_type_that_does_not_exist(self) -> None:
        schema = schema_of(image={"type": "image"})

        (failure,) = failures_of(lambda: schema.check_blob("image", "jpeg", ("blobs", "0")))

        assert isinstance(failure, InvalidInput)
        assert failure.code == "INVALID"
        assert failure.path == ("blobs", "0", "type")
        assert failure.allowed == ("image",)

    def test_tells_of_both_at_once(self) -> None:
        schema = schema_of(image={"type": "image"})

        failures = failures_of(lambda: schema.check_blob("x", "y" * 10_000, ("blobs", "0")))

        assert [failure.path[-1] for failure in failures] == ["property", "type"]
        assert all(len(failure.message) < 200 for failure in failures)


class TestRequired:
    def test_a_missing_blob_is_told_at_blobs(self) -> None:
        schema = schema_of(image={"type": "image", "required": True})

        assert schema.check_metadata({}, present_blobs=["image"]) == {}
        assert failures_of_metadata(schema, {"image": "not a blob"}) == {
            ("blobs",): "image is missing; the bucket's schema requires a blob of type image"
        }

    def test_a_missing_key_is_told_at_the_key(self) -> None:
        schema = schema_of(year={"type": "integer", "required": True})

        assert failures_of_metadata(schema, {}) == {
            ("metadata", "year"): "year is missing; the bucket's schema requires it (integer)"
        }

    def test_null_is_no_value_for_what_is_required(self) -> None:
        schema = schema_of(year={"type": "integer", "required": True})

        (message,) = failures_of_metadata(schema, {"year": None}).values()

        assert message == "year is null; it has to be a whole number (integer)"

    def test_a_string_may_be_a_key_or_a_blob(self) -> None:
        schema = schema_of(content={"type": "string", "required": True})

        assert schema.check_metadata({"content": "a"}, present_blobs=[]) == {"content": "a"}
        assert schema.check_metadata({}, present_blobs=["content"]) == {}
        assert list(failures_of_metadata(schema, {"content": 5}, "content")) == [
            ("metadata", "content")
        ]
        assert failures_of_metadata(schema, {}) == {
            ("metadata", "content"): "content is missing; the bucket's schema requires it (string),"
            " in the metadata or as a blob"
        }

    def test_metadata_itself_may_be_required(self) -> None:
        schema = schema_of(metadata={"type": "object", "required": True})

        assert schema.check_metadata({"a": 1}, present_blobs=[]) == {"a": 1}
        assert list(failures_of_metadata(schema, {})) == [("metadata",)]

    def test_what_lies_in_an_absent_object_is_not_missed(self) -> None:
        inner = {"width": {"type": "float", "required": True}}
        schema = schema_of(size={"type": "object", "properties": inner})

        assert schema.check_metadata({}, present_blobs=[]) == {}
        assert list(failures_of_metadata(schema, {"size": {}})) == [("metadata", "size", "width")]

    def test_paths_start_where_the_caller_says(self) -> None:
        schema = schema_of(
            image={"type": "image", "required": True}, year={"type": "integer", "required": True}
        )

        failures = failures_of(
            lambda: schema.check_metadata({}, present_blobs=[], path=("inputs", "3", "metadata"))
        )

        assert [failure.path for failure in failures] == [
            ("inputs", "3", "blobs"),
            ("inputs", "3", "metadata", "year"),
        ]


class TestDefaults:
    def test_fill_absent_keys_and_only_those(self) -> None:
        schema = schema_of(
            lang={"type": "string", "default": "en", "required": True},
            draft={"type": "boolean", "default": False},
        )
        given: dict[str, Any] = {"draft": None, "other": 1}

        kept = schema.check_metadata(given, present_blobs=[])

        assert kept == {"draft": None, "other": 1, "lang": "en"}
        assert given == {"draft": None, "other": 1}

    def test_fill_objects_that_are_there(self) -> None:
        unit = {"unit": {"type": "string", "default": "cm"}}
        schema = schema_of(
            metadata={
                "type": "object",
                "properties": {
                    "size": {"type": "object", "properties": unit},
                    "parts": {"type": "array", "items": {"type": "object", "properties": unit}},
                    "scale": {"type": "object", "properties": unit, "default": {}},
                },
            }
        )

        kept = schema.check_metadata({"size": {}, "parts": [{}, {"unit": "m"}]}, present_blobs=[])

        assert kept == {
            "size": {"unit": "cm"},
            "parts": [{"unit": "cm"}, {"unit": "m"}],
            "scale": {"unit": "cm"},
        }
        assert schema.check_metadata({}, present_blobs=[]) == {"scale": {"unit": "cm"}}

    def test_of_the_whole_metadata(self) -> None:
        schema = schema_of(metadata={"type": "object", "default": {"a": [1]}, "required": True})

        schema.check_metadata({}, present_blobs=[])["a"].append(2)
        assert schema.check_metadata({}, present_blobs=[]) == {"a": [1]}
        assert schema.check_metadata({"b": 1}, present_blobs=[]) == {"b": 1}

    def test_a_string_that_came_as_a_blob_needs_none(self) -> None:
        schema = schema_of(content={"type": "string", "default": "empty"})

        assert schema.check_metadata({}, present_blobs=["content"]) == {}
        assert schema.check_metadata({}, present_blobs=[]) == {"content": "empty"}

    def test_a_patch_can_remove_a_key_that_has_one(self) -> None:
        schema = schema_of(year={"type": "integer", "default": 2024})

        assert schema.check_metadata({}, present_blobs=[], fill_defaults=False) == {}

    def test_cannot_fill_the_memory_from_a_short_schema(self) -> None:
        field: dict[str, Any] = {"type": "string", "default": "x"}
        for _ in range(6):
            item = {"type": "object", "properties": {"p": field}}
            field = {"type": "array", "items": item, "default": [{}] * 1000}

        (failure,) = failures_of(lambda: schema_of(p=field))

        assert isinstance(failure, TooLarge)
        assert failure.message == "the schema's defaults would add over 262144 bytes, the most"
        assert failure.path[:3] == ("bucketSchema", "properties", "p")
        assert failure.path[-1] == "default"

    def test_cannot_fill_the_memory_from_short_metadata(self) -> None:
        item = {"type": "object", "properties": {"p": {"type": "string", "default": "x" * 50_000}}}
        schema = schema_of(rows={"type": "array", "items": item})

        assert schema.check_metadata({"rows": [{}] * 5}, present_blobs=[])
        (failure,) = failures_of(
            lambda: schema.check_metadata({"rows": [{}] * 50_000}, present_blobs=[])
        )
        assert isinstance(failure, TooLarge)
        assert failure.path == ("metadata",)


class TestFit:
    @pytest.mark.parametrize(
        ("kind", "right", "wrong"),
        [
            ("string", ["", "3", "x" * 10_000], [3, True, [], {}]),
            ("number", [3, -2.5, 0, 2**64 - 1], ["3", False, [3]]),
            ("integer", [3, -3, 3.0, 2**63 - 1], [3.5, "3", True]),
            ("float", [3, 3.5, -0.0], ["3.5", True]),
            ("boolean", [True, False], [0, 1, "true"]),
            ("object", [{}, {"any": [1]}], [[], "{}", 1]),
            ("array", [[], [1, "a", None]], [{}, "[]", 1]),
            (
                "date",
                ["2024-02-29", "1582-10-15"],
                [
                    "2023-02-29",
                    "2024-13-01",
                    "2024-2-9",
                    "29.02.2024",
                    "2024-02-29T00:00:00Z",
                    2024,
                ],
            ),
            (
                "datetime",
                [
                    "2024-02-29T23:59:59Z",
                    "2024-02-29T10:00:00.123456+05:30",
                    "2024-02-29t10:00:00z",
                ],
                [
                    *("2023-02-29T10:00:00Z", "2024-02-29T24:00:00Z", "2024-02-29T10:00:00"),
                    *(
                        "2024-02-29 10:00:00Z",
                        "2024-02-29T10:00:00+24:00",
                        "2024-02-29",
                        1700000000,
                    ),
                ],
            ),
        ],
    )
    def test_types(self, kind: str, right: list[Any], wrong: list[Any]) -> None:
        schema = schema_of(p={"type": kind})

        for value in [*right, None]:
            assert schema.check_metadata({"p": value}, present_blobs=[]) == {"p": value}
        for value in wrong:
            (message,) = failures_of_metadata(schema, {"p": value}).values()
            assert message.startswith("p is ")

    @pytest.mark.parametrize(
        ("definition", "value", "message"),
        [
            ({"type": "string"}, 5, "p is 5; it has to be a string"),
            ({"type": "integer"}, 2.5, "p is 2.5; it has to be a whole number (integer)"),
            ({"type": "boolean"}, "x", "p is a string; it has to be true or false (boolean)"),
            (
                {"type": "date"},
                "2023-02-29",
                'p is "2023-02-29"; it has to be a day of the calendar, as in 2026-11-21 (date)',
            ),
            (
                {"type": "datetime"},
                "2023-02-28T10:00:00",
                'p is "2023-02-28T10:00:00"; it has to be a moment with its offset,'
                " as in 2026-11-21T22:04:12Z (datetime)",
            ),
            (
                {"type": "string", "enum": ["new", "used"]},
                "broken",
                'p is "broken"; it has to be one of new, used',
            ),
            ({"type": "float", "enum": [1, 2.5]}, 3, "p is 3; it has to be one of 1, 2.5"),
        ],
    )
    def test_messages_say_what_would_be_right(
        self, definition: dict[str, Any], value: Any, message: str
    ) -> None:
        schema = schema_of(p=definition)

        assert failures_of_metadata(schema, {"p": value}) == {("metadata", "p"): message}

    def test_an_enum_lists_its_values(self) -> None:
        schema = schema_of(p={"type": "float", "enum": [1, 2.5]})

        (failure,) = failures_of(lambda: schema.check_metadata({"p": 3}, present_blobs=[]))

        assert isinstance(failure, SchemaMismatch)
        assert failure.allowed == ("1", "2.5")
        assert schema.check_metadata({"p": 1.0}, present_blobs=[]) == {"p": 1.0}

    def test_an_enum_too_long_for_an_answer_is_not_listed(self) -> None:
        schema = schema_of(p={"type": "string", "enum": [f"value {n}" for n in range(10_000)]})

        (failure,) = failures_of(lambda: schema.check_metadata({"p": "x"}, present_blobs=[]))

        assert isinstance(failure, SchemaMismatch)
        assert failure.allowed is None
        assert failure.message.startswith('p is "x"; it has to be one of value 0, value 1, ')
        assert len(failure.message) < 200

    @pytest.mark.parametrize("value", [True, "1", [1], {"a": 1}, 2.51])
    def test_an_enum_takes_nothing_else(self, value: Any) -> None:
        schema = schema_of(p={"type": "float", "enum": [1, 2.5]})

        assert list(failures_of_metadata(schema, {"p": value})) == [("metadata", "p")]

    @pytest.mark.parametrize(
        "definition", [{"type": "date"}, {"type": "string", "enum": ["v" * 5000, "w" * 5000]}]
    )
    def test_messages_stay_short_whatever_was_sent(self, definition: dict[str, Any]) -> None:
        schema = schema_of(p=definition)

        (message,) = failures_of_metadata(schema, {"p": "x" * 100_000}).values()

        assert len(message) < 300

    def test_every_mismatch_is_told_at_its_spot(self) -> None:
        schema = schema_of(
            price={"type": "float"},
            size={
                "type": "object",
                "properties": {"width": {"type": "float"}, "unit": {"type": "string"}},
            },
            rows={"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        )
        metadata = {
            "price": "abc",
            "size": {"width": "wide", "unit": "cm", "depth": "free"},
            "rows": [[1, 2], [3, "4"], None],
        }

        assert failures_of_metadata(schema, metadata) == {
            ("metadata", "price"): "price is a string; it has to be a number (float)",
            ("metadata", "size", "width"): "width is a string; it has to be a number (float)",
            ("metadata", "rows", "1", "1"): (
                "rows[1][1] is a string; it has to be a whole number (integer)"
            ),
            ("metadata", "rows", "2"): "rows[2] is null; it has to be an array",
        }

    def test_of_very_many_mismatches_the_first_hundred_are_told(self) -> None:
        schema = schema_of(tags={"type": "array", "items": {"type": "string"}})

        failures = failures_of_metadata(schema, {"tags": [1] * 100_000})

        assert list(failures)[-1] == ("metadata", "tags", "99")

    def test_names_that_mean_something_elsewhere_are_plain_names(self) -> None:
        schema = schema_of(
            **{name: {"type": "float"} for name in ("$ref", "$id", "a/b~c", "required", "0")}
        )

        for name in ("$ref", "$id", "a/b~c", "required", "0"):
            assert list(failures_of_metadata(schema, {name: "x"})) == [("metadata", name)]
            assert schema.check_metadata({name: 1}, present_blobs=[])

    def test_metadata_of_another_type_is_a_key_like_any_other(self) -> None:
        schema = schema_of(metadata={"type": "float"})

        assert list(failures_of_metadata(schema, {"metadata": "x"})) == [("metadata", "metadata")]

    @pytest.mark.parametrize("seed", range(200))
    def test_agrees_with_the_plainest_reading_of_any_schema(self, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311
        definition = any_definition(chance)
        schema = schema_of(p=definition)

        for value in [any_value(chance) for _ in range(20)]:
            try:
                schema.check_metadata({"p": value}, present_blobs=[])
                verdict = True
            except (SchemaMismatch, Refused):
                verdict = False
            assert verdict == fits(definition, value)


def fits(definition: dict[str, Any], value: Any, *, is_item: bool = False) -> bool:
    if value is None:
        return not is_item and not definition.get("required")
    match definition["type"]:
        case "string":
            return isinstance(value, str) and value in definition.get("enum", [value])
        case "float":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "date":
            return bool(value == "2024-02-29")  # of the strings in any_value
        case "object":
            return isinstance(value, dict) and all(
                fits(inner, value[name]) if name in value else not inner["required"]
                for name, inner in definition["properties"].items()
            )
        case "array":
            return isinstance(value, list) and all(
                fits(definition["items"], item, is_item=True) for item in value
            )
    raise AssertionError(definition["type"])


def any_definition(chance: random.Random, levels: int = 3) -> dict[str, Any]:
    kinds = ["string", "float", "integer", "boolean", "date"] + ["object", "array"] * 3
    definition: dict[str, Any] = {"type": chance.choice(kinds[:5] if levels == 0 else kinds)}
    if definition["type"] == "string" and chance.random() < 0.5:
        definition["enum"] = ["a", "b"]
    if definition["type"] == "object":
        definition["properties"] = {
            name: any_definition(chance, levels - 1) | {"required": chance.random() < 0.5}
            for name in "abc"
        }
    if definition["type"] == "array":
        definition["items"] = any_definition(chance, levels - 1)
    return definition


def any_value(chance: random.Random, levels: int = 3) -> Any:
    kind = chance.choice(["scalar", "object", "array"] if levels else ["scalar"])
    if kind == "object":
        return {name: any_value(chance, levels - 1) for name in "abcd" if chance.random() < 0.6}
    if kind == "array":
        return [any_value(chance, levels - 1) for _ in range(chance.randrange(3))]
    return chance.choice([None, True, 1, 2.5, "a", "c", "2024-02-29"])
