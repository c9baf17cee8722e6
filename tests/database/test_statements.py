import pytest
from sqlalchemy import ARRAY, Integer, Text, any_, bindparam, column, select, table

from gateway.database.statements import compiled

THINGS = table("things", column("name", Text), column("size", Integer))
BY_NAME = select(THINGS.c.size).where(THINGS.c.name == bindparam("name"))


def test_a_value_named_twice_is_one_placeholder() -> None:
    statement = BY_NAME.where(THINGS.c.size != bindparam("size"), THINGS.c.name > bindparam("name"))

    result = compiled(statement)

    assert result.sql.count("$1") == 2
    assert result.arguments({"size": 3, "name": "a"}) == ["a", 3]


def test_the_statements_own_values_are_filled_in() -> None:
    result = compiled(BY_NAME.where(THINGS.c.size == 7))

    assert result.arguments({"name": "a"}) == ["a", 7]


def test_a_list_of_the_statements_own_stands_beside_named_values() -> None:
    result = compiled(BY_NAME.where(THINGS.c.size.in_([1, 2, 3])).limit(9))

    places = dict(zip(result.names, result.arguments({"name": "a"}), strict=True))
    assert sorted(map(str, places.values())) == ["1", "2", "3", "9", "a"]
    for number, value in enumerate(places.values(), start=1):
        kind = "VARCHAR" if value == "a" else "INTEGER"
        assert f"${number}::{kind}" in result.sql


def test_a_missing_value_is_refused_rather_than_null() -> None:
    with pytest.raises(TypeError, match="needs a value for 'name'"):
        compiled(BY_NAME).arguments({"nam": "a"})


def test_none_is_a_value() -> None:
    assert compiled(BY_NAME).arguments({"name": None}) == [None]


def test_a_value_that_may_be_left_out_has_its_default() -> None:
    result = compiled(select(THINGS.c.size).limit(bindparam("first", 10)))

    assert result.arguments({}) == [10]
    assert result.arguments({"first": 3}) == [3]


def test_in_over_a_named_list_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(TypeError, match="any_"):
        compiled(select(THINGS.c.size).where(THINGS.c.name.in_(bindparam("names", expanding=True))))


def test_any_over_a_named_list_takes_the_list() -> None:
    names = bindparam("names", type_=ARRAY(Text))

    result = compiled(select(THINGS.c.size).where(THINGS.c.name == any_(names)))

    assert result.arguments({"names": ["a", "b"]}) == [["a", "b"]]
