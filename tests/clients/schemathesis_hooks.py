"""What schemathesis is told of this gateway: its scalars, ids that are there, what answers are."""

from __future__ import annotations

import os
from dataclasses import replace
from random import Random
from typing import Any

import schemathesis
from graphql import (
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    OperationType,
    parse,
    print_ast,
    visit,
)

from tests.http.random_documents import SCALARS, Answer, Naming, what_is_wrong

IDS = os.environ["GATEWAY_IDS"].split()
BULKS = ("createObjects", "createDocuments", "updateStatuses")

for _name, _values in SCALARS.items():
    schemathesis.graphql.scalar(_name, _values)


@schemathesis.hook
def map_body(_: schemathesis.HookContext, document: DocumentNode) -> DocumentNode:
    """Name what is there, and have mutations say what is wrong, which few random ones would."""
    # Whenever the document is the same, so are the ids.
    random = Random(print_ast(document))  # noqa: S311 - nothing here is secret
    named: DocumentNode = visit(document, Naming(random, IDS))
    return replace(named, definitions=tuple(map(_telling, named.definitions)))


def _telling(definition: Any) -> Any:
    if getattr(definition, "operation", None) is not OperationType.MUTATION:
        return definition
    fields = definition.selection_set.selections
    told = [_with_errors(each) for each in fields]
    return replace(
        definition, selection_set=replace(definition.selection_set, selections=tuple(told))
    )


def _with_errors(field: Any) -> Any:
    if not isinstance(field, FieldNode) or field.selection_set is None:
        return field
    errors = "errors { message path }"
    text = f"told: results {{ {errors} }}" if field.name.value in BULKS else f"told: {errors}"
    (asking,) = parse(f"{{ {text} }}").definitions
    assert isinstance(asking, OperationDefinitionNode)
    more = (*field.selection_set.selections, *asking.selection_set.selections)
    return replace(field, selection_set=replace(field.selection_set, selections=more))


@schemathesis.check
def is_as_specified(
    _: schemathesis.CheckContext, response: schemathesis.Response, __: schemathesis.Case[Any]
) -> None:
    """Fail for an answer that is not as any has to be."""
    kind = response.headers["content-type"][0].partition(";")[0]
    wrong = what_is_wrong(Answer(response.status_code, kind, response.content), "application/json")
    assert wrong is None, wrong
