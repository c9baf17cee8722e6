import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.database import ids
from gateway.database.ids import new_id, prefix_of

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def test_ids_of_one_process_sort_by_the_time_they_were_made() -> None:
    ids = [new_id("obj") for _ in range(10_000)]

    assert ids == sorted(set(ids))


def test_ids_sort_by_the_time_they_were_made_while_the_clock_is_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = [new_id("obj") for _ in range(10)]
    an_hour_ago = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr(ids, "time_ns", lambda: an_hour_ago)

    after = [new_id("obj") for _ in range(10)]

    assert before + after == sorted({*before, *after})


def test_threads_never_make_the_same_id() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: [new_id("obj") for _ in range(5_000)], range(4)))

    assert len({id for each in made for id in each}) == 20_000
    assert all(each == sorted(each) for each in made)


def test_an_id_is_a_ulid_that_tells_when_it_was_made() -> None:
    before = time.time_ns() // 10**6

    digits = new_id("obj").removeprefix("obj_")

    millisecond = 0
    for digit in digits[:10]:
        millisecond = millisecond * 32 + DIGITS.index(digit)
    assert len(digits) == 26
    assert before <= millisecond <= time.time_ns() // 10**6


def test_an_id_tells_its_prefix() -> None:
    assert prefix_of(new_id("bkt")) == "bkt"
    assert prefix_of("obj_01arz3ndektsv4rrffq69g5fav") == "obj"


def test_what_is_no_id_has_no_prefix() -> None:
    well_formed = new_id("obj")

    for text in (
        "",
        "obj_",
        "obj",
        well_formed.upper(),
        well_formed + "a",
        well_formed + "\n",
        well_formed[:-1],
        well_formed[:-1] + "u",  # u, i, l and o are no digits of a ULID
        well_formed.replace("obj", ""),
        well_formed.replace("obj", "o'j"),
        f" {well_formed}",
    ):
        assert prefix_of(text) is None, text
