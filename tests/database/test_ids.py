from gateway.database.ids import new_id, prefix_of


def test_ids_of_one_process_sort_by_the_time_they_were_made() -> None:
    ids = [new_id("obj") for _ in range(10_000)]

    assert ids == sorted(set(ids))


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
