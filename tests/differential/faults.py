"""Faults that somebody could make in the read engine, to see that the comparison finds them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """A change of a module's source.

    Args:
        changes: The new text for each old one.
        constant: The module's constant that changes; functions change by themselves.
    """

    name: str
    module: str
    changes: Mapping[str, str]
    constant: str | None = None


@contextmanager
def seeded(fault: Fault) -> Iterator[None]:
    """Put a fault into the running planner; take it out at the end of the block."""
    module = importlib.import_module(fault.module)
    altered = _altered(module, fault)
    codes = {
        function: function.__code__
        for name, function in _functions(module).items()
        if _functions(altered)[name].__code__ != function.__code__
    }
    constants = {fault.constant: getattr(module, fault.constant)} if fault.constant else {}
    if not codes and not constants:
        raise AssertionError(f"{fault.name}: this changes nothing")
    try:
        _exchange(module, {name: getattr(altered, name) for name in constants}, _codes(altered))
        yield
    finally:
        _exchange(module, constants, {})
        for function, code in codes.items():
            function.__code__ = code


def _altered(module: ModuleType, fault: Fault) -> ModuleType:
    source = inspect.getsource(module)
    for old, new in fault.changes.items():
        if source.count(old) != 1:
            raise AssertionError(f"{fault.name}: {old!r} stands {source.count(old)} times there")
        source = source.replace(old, new)
    altered = ModuleType(module.__name__)
    altered.__file__ = module.__file__
    exec(compile(source, module.__file__ or "", "exec"), altered.__dict__)  # noqa: S102
    return altered


def _exchange(
    module: ModuleType, constants: Mapping[str, Any], codes: Mapping[str, CodeType]
) -> None:
    for name, value in constants.items():
        setattr(module, name, value)
    # Others hold the functions themselves, so these stay, and get other code.
    for name, function in _functions(module).items():
        if name in codes and codes[name] != function.__code__:
            function.__code__ = codes[name]


def _codes(module: ModuleType) -> dict[str, CodeType]:
    return {name: function.__code__ for name, function in _functions(module).items()}


def _functions(module: ModuleType) -> dict[str, FunctionType]:
    """Return a module's functions, and the methods of its classes."""
    found: dict[str, FunctionType] = {}
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, FunctionType):
            found[name] = value
        elif isinstance(value, type):
            for inner, method in vars(value).items():
                function = method.fget if isinstance(method, property) else method
                function = getattr(function, "__func__", function)
                if isinstance(function, FunctionType):
                    found[f"{name}.{inner}"] = function
    return found


_STATEMENT = "gateway.planner.statement"
_CONNECTION = "gateway.planner.connection"
_ORDERING = "gateway.planner.ordering"
_FILTERS = "gateway.planner.filters"
_SELECTION = "gateway.planner.selection"
_EXECUTOR = "gateway.planner.executor"
_SPLICE = "gateway.planner.splice"
_LINEAGE = "gateway.lineage.graph"

# What the short run takes.
SOME = (
    Fault(
        "rows that tie have no order",
        _ORDERING,
        {
            "            for key in self.keys\n        ]": (
                "            for key in self.keys[:-1] or self.keys\n        ]"
            )
        },
    ),
    Fault(
        "a cursor goes the wrong way in a descending list",
        _ORDERING,
        {"left < right if down[0] else left > right": "left > right"},
    ),
    Fault(
        "a list has other namespaces' rows",
        _STATEMENT,
        {"conditions = [self._scope(target, alias)]": "conditions: list[Any] = []"},
    ),
    Fault(
        "what is neither true nor false stays so under not",
        _FILTERS,
        {"not_(func.coalesce(predicate, false(), type_=Boolean))": "not_(predicate)"},
    ),
    Fault(
        "hasNextPage says yes on a full last page",
        _CONNECTION,
        {"func.count() > self._size": "func.count() >= self._size"},
    ),
    Fault(
        "one plan serves variables of any shape",
        _EXECUTOR,
        {"for node in nodes), variables, rows.shape)": "for node in nodes), None, rows.shape)"},
    ),
    Fault(
        "an id finds another namespace's row",
        _STATEMENT,
        {
            "query = select(built.json.sql).where(self._scope(target, alias))\n": (
                "query = select(built.json.sql)\n"
            )
        },
    ),
    Fault(
        "a lineage that ends at the depth is called incomplete, or the other way round",
        _LINEAGE,
        {"distance >= {depth} AND ({ends})": "distance > {depth} AND ({ends})"},
        "_QUERY",
    ),
)
MORE = (
    Fault(
        "a cursor goes the wrong way where directions differ",
        _ORDERING,
        {
            "wanted[index] < values[index] if down[index] else wanted[index] > values[index]": (
                "wanted[index] > values[index]"
            )
        },
    ),
    Fault(
        "computed values are put into each other's places",
        _SPLICE,
        {"in zip(places, values": "in zip(places[::-1], values"},
    ),
    Fault(
        "a reference leads into another namespace",
        _STATEMENT,
        {".where(self._scope(target, alias), found)": ".where(found)"},
    ),
    Fault(
        "a list in a row has other namespaces' rows",
        _STATEMENT,
        {
            "self._scope(target, alias), alias.c[source.column] == row.c.id": (
                "alias.c[source.column] == row.c.id"
            )
        },
    ),
    Fault(
        "ancestors come from another namespace",
        _STATEMENT,
        {
            "self._scope(target, above), above.c.id == chain.c.parent_id": (
                "above.c.id == chain.c.parent_id"
            )
        },
    ),
    Fault(
        "totalCount ignores the filter",
        _CONNECTION,
        {
            "select_from(self._alias).where(*self._all)": (
                "select_from(self._alias).where(*self._all[:2])"
            )
        },
    ),
    Fault(
        "totalCount counts from the cursor on",
        _CONNECTION,
        {
            "select_from(self._alias).where(*self._all)": (
                "select_from(self._alias).where(*self._all, *self._ends.values())"
            )
        },
    ),
    Fault(
        "statusCounts ignore the filter",
        _CONNECTION,
        {'.label("rows")).where(*self._all)': '.label("rows")).where(*self._all[:2])'},
    ),
    Fault(
        "the row that was read ahead is shown",
        _CONNECTION,
        {
            "        if not self._looks_ahead:\n            return None": (
                "        if self:\n            return None"
            )
        },
    ),
    Fault(
        "the cursor of a row beyond an empty page is shown",
        _CONNECTION,
        {"elif self._looks_ahead:  #": "elif None:  #"},
    ),
    Fault(
        "hasPreviousPage looks the wrong way",
        _CONNECTION,
        {"~self._ends[cursor]": "self._ends[cursor]"},
    ),
    Fault(
        "a page from the end is shown backwards",
        _CONNECTION,
        {
            "order = self._ordering.by(self._page.c)\n": (
                "order = self._ordering.by(self._page.c, backwards=self._backwards)\n"
            )
        },
    ),
    Fault(
        "last is taken from the start",
        _CONNECTION,
        {
            ".order_by(*self._ordering.by(self._alias.c, backwards=self._backwards))": (
                ".order_by(*self._ordering.by(self._alias.c))"
            )
        },
    ),
    Fault(
        "the size of a page from the end is that from the start",
        "gateway.planner.paging",
        {'name = "last" if goes_backwards(arguments) else "first"': 'name = "first"'},
    ),
    Fault(
        "a cursor of another order is taken",
        _ORDERING,
        {
            "if not cursor.startswith(tag):": "if '~' not in cursor:",
            "rest = cursor.removeprefix(tag)": "rest = cursor.partition('~')[2]",
        },
    ),
    Fault(
        "a text that is null has no place in an order",
        _ORDERING,
        {"if isinstance(value.type, Text):": "if value is None:"},
    ),
    Fault(
        "metadata that is not there has no place in an order",
        _ORDERING,
        {
            'return _never_null(row["metadata"].op("#>", return_type=JSONB())(path))': (
                'return row["metadata"].op("#>", return_type=JSONB())(path)'
            )
        },
    ),
    Fault(
        "ancestors come nearest first",
        _STATEMENT,
        {"chain.c.distance.desc()": "chain.c.distance"},
    ),
    Fault(
        "a member of a union is read where there is none",
        _STATEMENT,
        {
            "branches.append((row.c[id_column].is_not(None)": (
                "branches.append((row.c[id_column].is_(None)"
            )
        },
    ),
    Fault(
        "the tag of a type stays in the answer",
        "gateway.planner.built",
        {
            "VariantShape(shapes) if tagged else None": (
                "VariantShape(shapes) if any(shapes.values()) else None"
            )
        },
    ),
    Fault(
        "an empty list is null",
        "gateway.planner.json_text",
        {
            'return Json(("[", func.coalesce(items, _quoted(""), type_=Text), "]"))': (
                'return or_null(_quoted("[").concat(items).concat(_quoted("]")))'
            )
        },
    ),
    Fault(
        "a list of nothing but __typename cannot be read",
        "gateway.planner.json_text",
        {"cast(self.sql, Text) if is_literal else": ""},
    ),
    Fault(
        "one plan serves rows of any kind",
        _EXECUTOR,
        {"for node in nodes), variables, rows.shape)": "for node in nodes), variables, None)"},
    ),
    Fault(
        "one plan serves @skip and no @skip",
        _SELECTION,
        {
            "if value is None or isinstance(value, bool):": (
                "if isinstance(value, bool): return bool\n    if value is None:"
            )
        },
    ),
    Fault(
        "one plan serves null and a value",
        _SELECTION,
        {
            "if value is None or isinstance(value, bool):\n        return value": (
                "if value is None or type(value) in (str, int):\n"
                "        return None\n"
                "    if isinstance(value, bool):\n"
                "        return value"
            )
        },
    ),
    Fault(
        "one plan serves input objects of any keys",
        _SELECTION,
        {"return tuple((key, shape_of(each)) for key, each in value.items())": "return dict"},
    ),
    Fault(
        "ne loses rows without a value",
        _FILTERS,
        {"subject.is_distinct_from(value)": "subject != value"},
        "_OPERATORS",
    ),
    Fault(
        "nin loses rows without a value",
        _FILTERS,
        {
            'return found if name == "in" else _negated(found)': (
                'return found if name == "in" else not_(found)'
            )
        },
    ),
    Fault(
        "or means and",
        _FILTERS,
        {"return or_(false(), *[": "return and_(true(), *["},
    ),
    Fault(
        "an empty or fits everything",
        _FILTERS,
        {"return or_(false(), *[": "return or_(*[true()] * (not value), *["},
    ),
    Fault(
        "% and _ stand for anything",
        _FILTERS,
        {'func.strpos(subject, value) > literal_column("0")': "subject.like('%' + value + '%')"},
        "_OPERATORS",
    ),
    Fault(
        "capitals matter where they should not",
        _FILTERS,
        {"func.lower(value) if folded else value": "value"},
    ),
    Fault(
        "metadata of any type compares with numbers",
        _FILTERS,
        {'case((_is_a(found, "number"), found.cast(Numeric)))': "found.cast(Numeric)"},
    ),
    Fault(
        "null in metadata is not null",
        _FILTERS,
        {'func.coalesce(_is_a(found, "null"), true(), type_=Boolean)': "found.is_(None)"},
    ),
    Fault(
        "a flag narrows nothing",
        _STATEMENT,
        {"if row is not None and selected.arguments.get(flag):": "if row is None:"},
    ),
    Fault(
        "a list has what it always leaves out",
        _STATEMENT,
        {
            "if source.where is not None:\n            conditions": (
                "if source.where is None and row:\n            conditions"
            )
        },
    ),
    Fault(
        "keys of paths stay escaped",
        "gateway.planner.json_paths",
        {'key.replace("~1", "/")': "key"},
    ),
    Fault(
        "a graph does not go up from its start",
        _LINEAGE,
        {
            "FROM documents WHERE namespace_id = {namespace} AND id = above.parent_id": (
                "FROM documents WHERE namespace_id = {namespace} AND id = above.id"
            )
        },
        "_QUERY",
    ),
    Fault(
        "a graph leaves namespaces",
        _LINEAGE,
        {
            "FROM documents WHERE namespace_id = {namespace} AND source_document_id = below.id": (
                "FROM documents WHERE source_document_id = below.id"
            )
        },
        "_QUERY",
    ),
    Fault(
        "a graph is one node too large",
        _LINEAGE,
        {"FROM every LIMIT {most}\n": "FROM every LIMIT {most} + 1\n"},
        "_QUERY",
    ),
    Fault(
        "the short road mixes up root fields",
        "gateway.planner.operation",
        {"zip(self._roots, answers, strict": "zip(self._roots, answers[::-1], strict"},
    ),
    Fault(
        "the short road overlooks @skip",
        "gateway.planner.operation",
        {"not isinstance(node, FieldNode) or node.directives": "not isinstance(node, FieldNode)"},
    ),
)
FAULTS = SOME + MORE
