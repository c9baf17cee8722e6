from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from gateway.enums import FieldType
from gateway.errors import InvalidInput, TooLarge, UserFailure
from gateway.objects.blob_data import BlobContent, merged_properties, read
from gateway.objects.filenames import check_filename

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
PNG_BASE64 = base64.b64encode(PNG).decode()
BYTES_TYPES = [
    FieldType.IMAGE,
    FieldType.AUDIO,
    FieldType.VIDEO,
    FieldType.PDF,
    FieldType.EXCEL,
    FieldType.BINARY,
]


def reading(
    data: Any, field_type: FieldType = FieldType.BINARY, limit: int = 10_000
) -> BlobContent:
    return read(data, field_type, limit_bytes=limit)


def failure_of(
    data: Any, field_type: FieldType = FieldType.BINARY, limit: int = 10_000
) -> UserFailure:
    with pytest.raises(UserFailure) as failure:
        reading(data, field_type, limit)
    return failure.value


# ------------------------------------------------------------------ 1. an object that names bytes


def test_an_object_with_base64_holds_bytes() -> None:
    content = reading(
        {"base64": PNG_BASE64, "mime_type": "image/png", "filename": "a.png", "width": 200},
        FieldType.IMAGE,
    )

    assert content == BlobContent(
        data=PNG,
        properties={"width": 200},
        filename="a.png",
        mime_type="image/png",
        size_bytes=len(PNG),
        hash=hashlib.sha256(PNG).hexdigest(),
    )


@pytest.mark.parametrize("field_type", list(FieldType))
def test_an_object_with_base64_holds_bytes_whatever_the_type(field_type: FieldType) -> None:
    assert reading({"base64": "aGVsbG8="}, field_type).data == b"hello"


def test_an_object_with_a_data_uri_as_url_holds_bytes() -> None:
    content = reading({"url": f"data:image/png;base64,{PNG_BASE64}", "width": 2}, FieldType.IMAGE)

    assert (content.data, content.mime_type) == (PNG, "image/png")
    assert content.properties == {"width": 2}


def test_base64_may_be_what_a_browsers_file_reader_gives() -> None:
    content = reading({"base64": f"data:image/png;base64,{PNG_BASE64}"}, FieldType.IMAGE)

    assert (content.data, content.mime_type) == (PNG, "image/png")


def test_null_stands_for_what_is_left_out() -> None:
    data = {"base64": "aGVsbG8=", "url": None, "filename": None, "mime_type": None}

    content = reading(data)

    assert (content.data, content.filename, content.properties) == (b"hello", None, {})


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"url": "https://example.com/a.jpg"}, ("data", "url")),
        ({"url": "s3://bucket/a.jpg", "mime_type": "image/jpeg"}, ("data", "url")),
        # The reference's thumbnail.
        (
            {
                "filename": "https://example.com/images/smartphone-x1.jpg",
                "mime_type": "image/jpeg",
            },
            ("data", "filename"),
        ),
        ("HTTPS://example.com/a.jpg", ("data",)),
    ],
)
def test_a_url_is_refused_with_the_way_that_works(data: Any, path: tuple[str, ...]) -> None:
    failure = failure_of(data, FieldType.IMAGE)

    assert isinstance(failure, InvalidInput)
    assert failure.path == path
    assert "base64" in failure.message
    assert "data URI" in failure.message


@pytest.mark.parametrize(
    "data",
    [
        {"base64": "aGVsbG8=", "url": "https://example.com/a.jpg"},
        {"base64": "aGVsbG8=", "filename": "https://example.com/a.jpg"},
        {"url": "data:,a", "filename": "https://example.com/a.jpg"},
        {"base64": "aGVsbG8=", "filename": "data:,a.png"},
    ],
)
def test_two_sources_are_refused(data: Any) -> None:
    failure = failure_of(data)

    assert isinstance(failure, InvalidInput)
    assert failure.path == ("data",)
    assert "exactly one" in failure.message


@pytest.mark.parametrize("value", [None, 5, True, ["aGVsbG8="], {}])
@pytest.mark.parametrize("key", ["base64", "url"])
def test_a_source_has_to_be_a_string(key: str, value: Any) -> None:
    failure = failure_of({key: value})

    assert failure.path == ("data", key)
    assert "has to be a string" in failure.message


# ------------------------------------------------------------------ base64


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b""),
        ("aA==", b"h"),
        ("aGU=", b"he"),
        ("aGVs", b"hel"),
        ("+/+/", b"\xfb\xff\xbf"),
        ("aGVs\r\nbG8=\n", b"hello"),
        (" aGVs\tbG8 = ", b"hello"),
    ],
)
def test_reads_base64(text: str, data: bytes) -> None:
    assert reading({"base64": text}).data == data


@pytest.mark.parametrize(
    "text",
    ["aGVsbG8", "aGVsbG", "aGVsb", "aGVsbG8=\n=", "aGVs=", "aGVsbG8=aA", "a", "="],
)
def test_truncated_base64_is_refused(text: str) -> None:
    failure = failure_of({"base64": text})

    assert isinstance(failure, InvalidInput)
    assert failure.path == ("data", "base64")
    assert "groups of 4 characters" in failure.message


@pytest.mark.parametrize(
    "text",
    ["aGV*", "-_-_", "aGVsbG8=aGVsbG8=", "====", "aA=a", "aGVü", "\x00\x00\x00\x00", "\ud800aaa"],
)
def test_what_is_not_base64_is_refused(text: str) -> None:
    failure = failure_of({"base64": text})

    assert isinstance(failure, InvalidInput)
    assert failure.path == ("data", "base64")
    assert "not base64" in failure.message


@pytest.mark.parametrize("size", [9, 10, 11, 12, 100])
@pytest.mark.parametrize("fold", ["", "\r\n"])
def test_base64_beyond_the_limit_is_refused(size: int, fold: str) -> None:
    text = fold.join(base64.b64encode(b"x" * size).decode())

    if size <= 10:
        assert reading({"base64": text}, limit=10).size_bytes == size
    else:
        failure = failure_of({"base64": text}, limit=10)
        assert isinstance(failure, TooLarge)
        assert failure.path == ("data", "base64")
        assert failure.message == f"the data has {size} bytes; the most inside a request is 10"


# ------------------------------------------------------------------ 2. a string: data URI or text


@pytest.mark.parametrize("field_type", BYTES_TYPES)
def test_a_data_uri_holds_bytes(field_type: FieldType) -> None:
    content = reading(f"data:;base64,{PNG_BASE64}", field_type)

    assert content.data == PNG
    assert content.properties == {}
    assert content.filename is None


@pytest.mark.parametrize(
    ("uri", "mime_type", "data"),
    [
        ("data:image/png;base64,aGVsbG8=", "image/png", b"hello"),
        ("DATA:Image/PNG;BASE64,aGVsbG8%3D", "image/png", b"hello"),
        (
            "data:text/csv;charset=iso-8859-1,a%2Cb%20%fc",
            "text/csv;charset=iso-8859-1",
            b"a,b \xfc",
        ),
        ("data:;charset=utf-8,%C3%BC", "text/plain;charset=utf-8", "ü".encode()),
        ("data:;charset=utf-8;base64,w7w=", "text/plain;charset=utf-8", "ü".encode()),
        ("data:text/plain,ü, and a comma", "text/plain", "ü, and a comma".encode()),
        ("data:image/svg+xml;utf8=1,%3Csvg/%3E", "image/svg+xml;utf8=1", b"<svg/>"),
        ("data:,", "application/octet-stream", b""),
        ("data:,100%25", "application/octet-stream", b"100%"),
    ],
)
def test_reads_a_data_uri(uri: str, mime_type: str, data: bytes) -> None:
    content = reading(uri)

    assert (content.mime_type, content.data) == (mime_type, data)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("data:image/png;base64", "comma"),
        ("data:", "comma"),
        ("data:nonsense,abc", "media type"),
        ("data:image/png;name=a%22b.png,abc", "media type"),
        ("data:image/png\r\nX: y,abc", "media type"),
        ("data:text/plain,100%", "%25"),
        ("data:text/plain;base64,aGV%3", "%25"),
        ("data:image/svg+xml,<svg fill='#fff'/>", "%23"),
        ("data:image/png;base64,aGVsbG8", "groups of 4"),
        ("data:image/png;base64,aGV%ffaGV*", "not base64"),
        ("data:text/plain,\ud800", "surrogate"),
        ("data:text/plain,\x00", "NUL"),
    ],
)
def test_a_broken_data_uri_is_refused(uri: str, says: str) -> None:
    failure = failure_of(uri)

    assert isinstance(failure, InvalidInput)
    assert failure.path == ("data",)
    assert says in failure.message


@pytest.mark.parametrize("uri", ["data:text/plain,%41%42%43ü", "data:;base64,QUJDw7w%3D"])
def test_a_data_uri_beyond_the_limit_is_refused(uri: str) -> None:
    assert reading(uri, limit=5).size_bytes == 5

    failure = failure_of(uri, limit=4)

    assert isinstance(failure, TooLarge)
    assert failure.message == "the data has 5 bytes; the most inside a request is 4"


@pytest.mark.parametrize("field_type", BYTES_TYPES)
@pytest.mark.parametrize("text", ["", "hello", PNG_BASE64, "/etc/passwd", "C:\\a.png"])
def test_a_string_without_bytes_is_refused_where_bytes_belong(
    field_type: FieldType, text: str
) -> None:
    failure = failure_of(text, field_type)

    assert isinstance(failure, InvalidInput)
    assert failure.path == ("data",)
    assert "data URI" in failure.message


@pytest.mark.parametrize("field_type", [FieldType.TEXT, FieldType.STRING])
@pytest.mark.parametrize(
    "text", ["", "héllo 😀\n", "data:image/png;base64,x", "https://example.com"]
)
def test_a_string_is_the_text_itself_where_text_belongs(field_type: FieldType, text: str) -> None:
    content = reading(text, field_type)

    assert content.data == text.encode()
    assert content.mime_type == "text/plain"
    assert content.size_bytes == len(text.encode())
    assert content.hash == hashlib.sha256(text.encode()).hexdigest()
    assert content.properties == {}


def test_text_beyond_the_limit_is_refused() -> None:
    assert reading("üü", FieldType.TEXT, limit=4).size_bytes == 4

    failure = failure_of("üüa", FieldType.TEXT, limit=4)

    assert isinstance(failure, TooLarge)
    assert failure.path == ("data",)
    assert failure.message == "the text has 5 bytes; the most inside a request is 4"


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_text_that_is_none_is_refused(text: str) -> None:
    assert failure_of(text, FieldType.TEXT).path == ("data",)


# ------------------------------------------------------------------ 3. structured data


@pytest.mark.parametrize("field_type", [FieldType.JSON, FieldType.PDF, FieldType.TEXT])
def test_other_objects_are_structured_data(field_type: FieldType) -> None:
    data = {"num_pages": 5, "title": "Service Agreement 2024"}
    canonical = b'{"num_pages":5,"title":"Service Agreement 2024"}'

    assert reading(data, field_type) == BlobContent(
        data=None,
        properties=data,
        filename=None,
        mime_type="application/json",
        size_bytes=len(canonical),
        hash=hashlib.sha256(canonical).hexdigest(),
    )


def test_an_object_with_an_ordinary_filename_is_structured_data() -> None:
    data = {"filename": "a.png", "mime_type": "image/png"}

    content = reading(data, FieldType.IMAGE)

    assert content.data is None
    assert content.properties == data


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([1, "a", None], '[1,"a",null]'),
        (5, "5"),
        (1e21, "1e+21"),
        (-0.0, "0"),
        (True, "true"),
        (None, "null"),
        ("https://example.com", '"https://example.com"'),
    ],
)
def test_what_is_no_object_is_kept_under_value(data: Any, text: str) -> None:
    content = reading(data, FieldType.JSON)

    assert content.properties == {"value": data}
    assert content.size_bytes == len(text)
    assert content.hash == hashlib.sha256(text.encode()).hexdigest()


def test_equal_data_has_an_equal_hash() -> None:
    one = reading({"a": 1, "b": [1.0, "ü"], "😀": {}, "ﬀ": 0}, FieldType.JSON)
    other = reading({"ﬀ": 0.0, "😀": {}, "b": [1, "\u00fc"], "a": 1}, FieldType.JSON)

    assert one.hash == other.hash
    canonical = '{"a":1,"b":[1,"ü"],"😀":{},"ﬀ":0}'.encode()
    assert one.hash == hashlib.sha256(canonical).hexdigest()


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"a": [0, {"b": 2**53}]}, ("data", "a", "1", "b")),
        ({"a": -(2**53)}, ("data", "a")),
        ({"a": 2**70}, ("data", "a")),
        ({"a": float("nan")}, ("data", "a")),
        (float("inf"), ("data",)),
        (2**60, ("data",)),
    ],
)
def test_a_number_without_a_canonical_form_is_refused(data: Any, path: tuple[str, ...]) -> None:
    failure = failure_of(data, FieldType.JSON)

    assert isinstance(failure, InvalidInput)
    assert failure.path == path


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"a": ["\x00"]}, ("data", "a", "0")),
        ({"a": {"b": "\udfff"}}, ("data", "a", "b")),
        ({"base64": "aGVsbG8=", "a": {"b": "\x00"}}, ("data", "a", "b")),
        ({"base64": "aGVsbG8=", "a": 2**70}, ("data", "a")),
    ],
)
def test_what_the_database_cannot_keep_is_refused(data: Any, path: tuple[str, ...]) -> None:
    failure = failure_of(data, FieldType.JSON)

    assert isinstance(failure, InvalidInput)
    assert failure.path == path


def test_nesting_without_measure_is_refused() -> None:
    data: Any = []
    for _ in range(50_000):
        data = [data]

    assert isinstance(failure_of(data, FieldType.JSON), InvalidInput)


@pytest.mark.parametrize("data", ["x" * 10, [1] * 6, [1e20]], ids=repr)
def test_structured_data_beyond_the_limit_is_refused(data: Any) -> None:
    failure = failure_of(data, FieldType.JSON, limit=11)

    assert isinstance(failure, TooLarge)
    assert failure.path == ("data",)
    assert "the most is 11" in failure.message


# ------------------------------------------------------------------ media types and names


@pytest.mark.parametrize(
    ("data", "field_type", "mime_type"),
    [
        # declared > data URI's > file name's > first bytes > unknown
        (
            {"url": "data:image/gif,x", "mime_type": "image/webp", "filename": "a.png"},
            FieldType.IMAGE,
            "image/webp",
        ),
        ({"url": "data:image/gif,x", "filename": "a.png"}, FieldType.IMAGE, "image/gif"),
        ({"base64": PNG_BASE64, "filename": "A.JPG"}, FieldType.IMAGE, "image/jpeg"),
        ({"base64": PNG_BASE64}, FieldType.IMAGE, "image/png"),
        ({"base64": "aGVsbG8="}, FieldType.IMAGE, "application/octet-stream"),
        # A name that contradicts the type tells nothing, nor does one of packed bytes.
        ({"base64": PNG_BASE64, "filename": "a.html"}, FieldType.IMAGE, "image/png"),
        (
            {"base64": "aGVsbG8=", "filename": "a.csv.gz"},
            FieldType.BINARY,
            "application/octet-stream",
        ),
        ({"base64": "aGVsbG8=", "filename": "a.csv"}, FieldType.EXCEL, "text/csv"),
        ({"base64": "aGVsbG8=", "mimeType": "Text/CSV; a=B"}, FieldType.TEXT, "text/csv; a=B"),
        (
            {"base64": "", "mime_type": "application/octet-stream"},
            FieldType.PDF,
            "application/octet-stream",
        ),
        ({"base64": "", "mime_type": "application/ogg"}, FieldType.AUDIO, "application/ogg"),
        ({"base64": "", "mime_type": "text/html"}, FieldType.BINARY, "text/html"),
        ({"base64": "", "mime_type": "a/b", "mimeType": "A/B"}, FieldType.BINARY, "a/b"),
    ],
)
def test_the_media_type_is_the_best_that_is_known(
    data: Any, field_type: FieldType, mime_type: str
) -> None:
    assert reading(data, field_type).mime_type == mime_type


@pytest.mark.parametrize(
    ("data", "mime_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\n\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"RIFF\n\x00\x00\x00WAVE", "application/octet-stream"),
        (b" %PDF-1.7", "application/octet-stream"),
    ],
)
def test_common_files_are_known_by_their_first_bytes(data: bytes, mime_type: str) -> None:
    assert reading({"base64": base64.b64encode(data).decode()}).mime_type == mime_type


@pytest.mark.parametrize(
    ("field_type", "mime_type"),
    [
        (FieldType.IMAGE, "text/html"),
        (FieldType.AUDIO, "image/png"),
        (FieldType.VIDEO, "audio/mpeg"),
        (FieldType.PDF, "image/png"),
    ],
)
def test_a_media_type_that_contradicts_the_type_is_refused(
    field_type: FieldType, mime_type: str
) -> None:
    for data, path in (
        ({"base64": "", "mime_type": mime_type}, ("data", "mime_type")),
        ({"base64": "", "mimeType": mime_type}, ("data", "mimeType")),
        ({"url": f"data:{mime_type},x"}, ("data", "url")),
        (f"data:{mime_type},x", ("data",)),
    ):
        failure = failure_of(data, field_type)

        assert isinstance(failure, InvalidInput)
        assert failure.path == path
        assert f"does not fit the type {field_type}" in failure.message


@pytest.mark.parametrize(
    "value",
    ["", "png", "image/", "/png", "image/png\r\nX: y", "image/png;", "imäge/png", "a b/c", 5, {}],
)
def test_what_is_no_media_type_is_refused(value: Any) -> None:
    failure = failure_of({"base64": "", "mime_type": value})

    assert isinstance(failure, InvalidInput)
    assert failure.path == ("data", "mime_type")


def test_media_types_that_differ_are_refused() -> None:
    failure = failure_of({"base64": "", "mime_type": "a/b", "mimeType": "a/c"})

    assert failure.path == ("data", "mimeType")


def test_a_media_type_has_a_limit() -> None:
    failure = failure_of({"base64": "", "mime_type": "text/plain;a=" + "a" * 300})

    assert isinstance(failure, TooLarge)
    assert failure.path == ("data", "mime_type")


@pytest.mark.parametrize("name", ["a.png", "überblick 😀.pdf", ".profile", "a" * 255, "a..b"])
def test_a_name_is_kept_as_it_is(name: str) -> None:
    assert reading({"base64": "", "filename": name}).filename == name


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "a/b", "../a", "C:\\a", "a\x00", "a\r\nX: y", "a\x7f", "a\ud800", 5, []],
)
def test_what_is_no_file_name_is_refused(name: Any) -> None:
    failure = failure_of({"base64": "", "filename": name})

    assert isinstance(failure, InvalidInput)
    assert failure.path == ("data", "filename")


def test_a_name_has_a_limit() -> None:
    with pytest.raises(TooLarge, match="255"):
        check_filename("a" * 256, ("filename",))


def test_metadata_wins_over_what_the_data_says() -> None:
    content = reading({"title": "Untitled", "pages": 5, "by": {"a": 1}}, FieldType.JSON)

    merged = merged_properties(content, {"title": "Agreement", "by": {"b": 2}, "year": None})

    assert merged == {"title": "Agreement", "pages": 5, "by": {"b": 2}, "year": None}
    assert content.properties["title"] == "Untitled"
