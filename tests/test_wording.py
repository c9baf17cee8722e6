from __future__ import annotations

import pytest

from gateway.wording import label, readable


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("metadata", "price"), "price"),
        (("metadata", "tags", "1"), "tags[1]"),
        (("metadata", "rows", "0", "2"), "rows[0][2]"),
        (("blobs", "0", "type"), "type"),
        ((), "value"),
        (("metadata", "k" * 500), "k" * 79 + "…"),
    ],
)
def test_a_label_is_short_and_names_the_spot(path: tuple[str, ...], name: str) -> None:
    assert label(path) == name


class TestReadable:
    @pytest.mark.parametrize(
        ("message", "read"),
        [
            ("Cannot query field 'b'.", "Cannot query field 'b'."),
            ("no " * 166, "no " * 166),
            (f"found {'a' * 97}.", f"found {'a' * 97}."),
            (f"found '{'a' * 9000}'.", f"found '{'a' * 78}…'."),
            (f"{'ä' * 9000} and {'b' * 900}", f"{'ä' * 79}… and {'b' * 79}…"),
            ("a " + "no " * 9000 + "z", "a " + "no " * 82 + "no … " + "no " * 82 + "z"),
        ],
    )
    def test_says_how_it_begins_and_ends(self, message: str, read: str) -> None:
        assert readable(message) == read
        assert readable(read) == read
        assert len(read) <= 500
