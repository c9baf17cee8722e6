"""Texts that were parsed and validated, kept with what was made of each."""

from __future__ import annotations

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
)

from gateway.planner.caching import LeastUsedCache
from gateway.planner.mutating import MutationOperation
from gateway.planner.operation import Operation
from gateway.validation import problems


class Prepared:
    """One text: its document, what is wrong with it, and the short road of each operation in it."""

    __slots__ = ("_operations", "_schema", "document", "errors")

    def __init__(self, schema: GraphQLSchema, text: str) -> None:
        self.document: DocumentNode = parse(text)
        self.errors: list[GraphQLError] = problems(schema, self.document)
        self._schema = schema
        self._operations: dict[str | None, Operation | MutationOperation | None] = {}

    def operation(self, name: str | None) -> Operation | MutationOperation | None:
        """Return the operation that a name picks; None if it has to take the long road."""
        try:
            return self._operations[name]
        except KeyError:
            definition = None if self.errors else self._definition(name)
            if definition is None:
                return None  # unknown names are not kept: anybody can think of them
            found = self._operations[name] = Operation.of(
                self._schema, definition
            ) or MutationOperation.of(self._schema, self.document, definition)
            return found

    def _definition(self, name: str | None) -> OperationDefinitionNode | None:
        found = [
            each
            for each in self.document.definitions
            if isinstance(each, OperationDefinitionNode)
            and (name is None or (each.name is not None and each.name.value == name))
        ]
        return found[0] if len(found) == 1 else None


class PreparedTexts:
    """The texts that were asked last.

    Args:
        most: How many are kept.
        most_characters: How long they may be together: a document takes some hundred times the
            memory of its text.
        longest: A longer text is prepared anew each time.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        most: int = 512,
        most_characters: int = 1024 * 1024,
        longest: int = 64 * 1024,
    ) -> None:
        self._schema = schema
        self._longest = longest
        self.kept = LeastUsedCache[str, Prepared](most, most_weight=most_characters)

    def find(self, text: str) -> Prepared:
        """Return a text's document and what was made of it.

        Raises:
            GraphQLSyntaxError: it is no GraphQL.
        """
        prepared = self.kept.find(text)
        if prepared is None:
            prepared = Prepared(self._schema, text)
            if len(text) <= self._longest:
                self.kept.keep(text, prepared, len(text))
        return prepared
