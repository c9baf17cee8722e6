"""Faults that somebody could make in the read engine, to see that the comparison finds them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """A change of a module's source.

    Args:
        changes: The new text for each old one.
        constant: The module's constant that changes; functions change by themselves.
        remade: A constant that the module's functions made when another module, named first, was
            imported.
    """

    name: str
    module: str
    changes: Mapping[str, str]
    constant: str | None = None
    remade: tuple[str, str] | None = None


@contextmanager
def seeded(fault: Fault) -> Iterator[None]:
    """Put a fault into the running planner; take it out at the end of the block."""
    module = importlib.import_module(fault.module)
    altered = _altered(module, fault.changes, fault.name)
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
        with _made_anew(*fault.remade) if fault.remade else nullcontext():
            yield
    finally:
        _exchange(module, constants, {})
        for function, code in codes.items():
            function.__code__ = code


@contextmanager
def _made_anew(module_name: str, constant: str) -> Iterator[None]:
    """Have a module's constant as it would be if the module were imported now."""
    module = importlib.import_module(module_name)
    before = getattr(module, constant)
    setattr(module, constant, getattr(_altered(module, {}, module_name), constant))
    try:
        yield
    finally:
        setattr(module, constant, before)


def _altered(module: ModuleType, changes: Mapping[str, str], why: str) -> ModuleType:
    source = inspect.getsource(module)
    for old, new in changes.items():
        if source.count(old) != 1:
            raise AssertionError(f"{why}: {old!r} stands {source.count(old)} times there")
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
_COUNTING = "gateway.planner.counting"
_WALKS = "gateway.planner.walks"
_VARIANTS = "gateway.planner.variants"
_ORDERING = "gateway.planner.ordering"
_FILTERS = "gateway.planner.filters"
_SELECTION = "gateway.planner.selection"
_EXECUTOR = "gateway.planner.executor"
_SPLICE = "gateway.planner.splice"
_WALKING = "gateway.lineage.walking"

# What the short run takes.
SOME = (
    Fault(
        "rows that tie have no order",
        _ORDERING,
        {"'ASC'}\" for key in self.keys\n": "'ASC'}\" for key in self.keys[:-1] or self.keys\n"},
    ),
    Fault(
        "a cursor goes the wrong way in a descending list",
        _ORDERING,
        {"{signs[0]} {_as_row(values)}": "> {_as_row(values)}"},
    ),
    Fault(
        "a list has other namespaces' rows",
        _STATEMENT,
        {"conditions: list[object] = [self.scope(name, other)]": "conditions = []"},
    ),
    Fault(
        "what is neither true nor false stays so under not",
        _FILTERS,
        {"NOT coalesce({predicate}, false)": "NOT ({predicate})"},
    ),
    Fault(
        "hasNextPage says yes on a full last page",
        _CONNECTION,
        {"count(*) > {self._size}": "count(*) >= {self._size}"},
    ),
    Fault(
        "one plan serves variables of any shape",
        _EXECUTOR,
        {"(place, variables, rows.shape)": "(place, None, rows.shape)"},
    ),
    Fault(
        "an id finds another namespace's row",
        _STATEMENT,
        {
            "where: list[object] = [self.scope(name, row)]": "where: list[object] = []",
        },
    ),
    Fault(
        "a lineage that ends at the depth is called incomplete, or the other way round",
        _WALKING,
        {"distance >= {depth} AND ({ends})": "distance > {depth} AND ({ends})"},
        "_DEPTH_ENDS",
    ),
)
MORE = (
    Fault(
        "documents that are not shown end the walk",
        _WALKING,
        {'f" WHERE {walk}.distance <': 'f" WHERE {walk}.is_shown AND {walk}.distance <'},
    ),
    Fault(
        "an edge comes from a document that is not shown",
        _WALKING,
        {"CASE WHEN {walk}.is_shown THEN {walk}.id ELSE {walk}.parent_id END": "{walk}.id"},
        "_SHOWN_PARENT",
    ),
    Fault(
        "an edge comes from a document above that is not shown",
        _WALKING,
        {"lead(id) OVER (ORDER BY distance) AS parent_id": "parent_id"},
        "_SHOWN_ABOVE",
    ),
    Fault(
        "a lineage is called incomplete for what is not asked for",
        _WALKING,
        {"goes_on = _shown_goes_on(asked)": "goes_on = _goes_on_anywhere(asked)"},
    ),
    Fault(
        "a cursor goes the wrong way where directions differ",
        _ORDERING,
        {"{left} {sign} {right}": "{left} > {right}"},
    ),
    Fault(
        "computed values are put into each other's places",
        _SPLICE,
        {"in zip(places, values": "in zip(places[::-1], values"},
    ),
    Fault(
        "a reference leads into another namespace",
        _STATEMENT,
        {"other.source, self.scope(name, other), found)": "other.source, found)"},
    ),
    Fault(
        "a list in a row has other namespaces' rows",
        _STATEMENT,
        {"other.source, self.scope(name, other), names_this)": "other.source, names_this)"},
    ),
    Fault(
        "ancestors come from another namespace",
        _WALKS,
        {
            "where = builder.scope(type_name, at), f\"{at['id']} = {id_}\"": (
                "where = (f\"{at['id']} = {id_}\",)"
            )
        },
    ),
    Fault(
        "totalCount ignores the filter",
        _CONNECTION,
        {
            'select("CAST(count(*) AS text)", self._row.source, *self._all)': (
                'select("CAST(count(*) AS text)", self._row.source, *self._all[:2])'
            )
        },
    ),
    Fault(
        "totalCount counts from the cursor on",
        _CONNECTION,
        {
            "self._row.source, *self._all)\n\n    def _status": (
                "self._row.source, *self._all, *self._ends.values())\n\n    def _status"
            )
        },
    ),
    Fault(
        "totalCount of what a filter leaves is that of all",
        _COUNTING,
        {'arguments.get("filter") is not None or ': ""},
    ),
    Fault(
        "totalCount of what directOnly leaves is that of all",
        _COUNTING,
        {" or any(map(arguments.get, source.flags))": ""},
    ),
    Fault(
        "statusCounts ignore the filter",
        _CONNECTION,
        {
            'AS rows", self._row.source, *self._all)': (
                'AS rows", self._row.source, *self._all[:2])'
            )
        },
    ),
    Fault(
        "the row that was read ahead is shown",
        _CONNECTION,
        {"        if not self._looks_ahead:": "        if self:"},
    ),
    Fault(
        "the cursor of a row beyond an empty page is shown",
        _CONNECTION,
        {"elif self._looks_ahead:  #": "elif None:  #"},
    ),
    Fault(
        "hasPreviousPage looks the wrong way",
        _CONNECTION,
        {"NOT {self._ends[cursor]}": "{self._ends[cursor]}"},
    ),
    Fault(
        "hasPreviousPage looks the wrong way in an order that an index has",
        _ORDERING,
        {'sign = ">=" if': 'sign = "<" if', 'else "<="': 'else ">"'},
    ),
    Fault(
        "a page from the end is shown backwards",
        _CONNECTION,
        {
            "order = self._ordering.by(self._page)\n": (
                "order = self._ordering.by(self._page, backwards=self._backwards)\n"
            )
        },
    ),
    Fault(
        "last is taken from the start",
        _CONNECTION,
        {
            "self._ordering.by(self._row, backwards=self._backwards)": (
                "self._ordering.by(self._row)"
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
        {"if value.nullable else value": "if value is None else value"},
    ),
    Fault(
        "metadata that is not there has no place in an order",
        _ORDERING,
        {
            """return _never_null(Expression(f"{row['metadata']} #> {path}", _JSON))""": (
                """return f"{row['metadata']} #> {path}\""""
            )
        },
    ),
    Fault(
        "ancestors come nearest first",
        _WALKS,
        {".distance DESC": ".distance"},
    ),
    Fault(
        "a member of a union is read where there is none",
        _VARIANTS,
        {"{row[column]} IS NOT NULL": "{row[column]} IS NULL"},
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
            """return Json(("[", Expression(f"coalesce({items}, '')"), "]"))""": (
                """return or_null(f"'[' || {items} || ']'")"""
            )
        },
    ),
    Fault(
        "a list of nothing but __typename cannot be read",
        "gateway.planner.json_text",
        {'f"CAST({self.sql} AS text)" if is_literal else': ""},
    ),
    Fault(
        "one plan serves rows of any kind",
        _EXECUTOR,
        {"(place, variables, rows.shape)": "(place, variables, None)"},
    ),
    Fault(
        "one plan serves @skip and no @skip",
        _SELECTION,
        {
            "if isinstance(value, dict):": (
                "if isinstance(value, bool): return bool\n    if isinstance(value, dict):"
            )
        },
    ),
    Fault(
        "one plan serves null and a value",
        _SELECTION,
        {
            "if type(value) in (str, int, float, datetime):": (
                "if value is None or type(value) in (str, int):\n"
                "        return None\n"
                "    if type(value) in (str, int, float, datetime):"
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
        {"IS DISTINCT FROM": "<>"},
        "_OPERATORS",
    ),
    Fault(
        "nin loses rows without a value",
        _FILTERS,
        {
            'return found if name == "in" else _negated(found)': (
                'return found if name == "in" else f"NOT {found}"'
            )
        },
    ),
    Fault(
        "or means and",
        _FILTERS,
        {"return any_of(": "return all_of("},
    ),
    Fault(
        "an empty or fits everything",
        _FILTERS,
        {"return any_of(": "return (any_of if value else all_of)("},
    ),
    Fault(
        "% and _ stand for anything",
        _FILTERS,
        {"strpos({subject}, {value}) > 0": "{subject} LIKE '%' || {value} || '%'"},
        "_OPERATORS",
    ),
    Fault(
        "capitals matter where they should not",
        _FILTERS,
        {'f"lower({value})" if folded else value': "value"},
    ),
    Fault(
        "metadata of any type compares with numbers",
        _FILTERS,
        {
            "CASE WHEN {_is_a(found, 'number')} THEN CAST({found} AS numeric) END": (
                "CAST({found} AS numeric)"
            )
        },
    ),
    Fault(
        "null in metadata is not null",
        _FILTERS,
        {"coalesce({_is_a(found, 'null')}, true)": "({found} IS NULL)"},
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
                "if source.where is not None and row is not None:\n            conditions"
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
        _WALKING,
        {
            "FROM documents WHERE namespace_id = {namespace} AND id = {walk}.parent_id": (
                "FROM documents WHERE namespace_id = {namespace} AND id = {walk}.id"
            )
        },
        "_UP",
    ),
    Fault(
        "a graph leaves namespaces",
        _WALKING,
        {
            "FROM documents WHERE namespace_id = {namespace} AND source_document_id = {walk}.id": (
                "FROM documents WHERE source_document_id = {walk}.id"
            )
        },
        "_DOWN",
    ),
    Fault(
        "a graph is one node too large",
        _WALKING,
        {'FROM every LIMIT {most}"""': 'FROM every LIMIT {most} + 1"""'},
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
