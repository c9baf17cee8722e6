"""Texts that were parsed and validated, kept with what was made of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)

from gateway.errors import BadUserInput
from gateway.observing import notes
from gateway.planner.caching import LeastUsedCache
from gateway.planner.catalog import Catalog
from gateway.planner.mutating.mutation import MutationOperation
from gateway.planner.operation import Operation
from gateway.planner.pricing.price import Price
from gateway.planner.pricing.prices import Prices
from gateway.query_limits.inputs import InputLists
from gateway.query_limits.limits import DEFAULTS, QueryLimits
from gateway.query_limits.measuring import excess
from gateway.query_limits.parsing import parse_within
from gateway.validation.problems import DEFAULT_DISCLOSURE, Disclosure, problems
from gateway.wording import shortened


class _Checks(NamedTuple):
    """What has to be looked at in an operation's variables: lists, and what makes it cost more."""

    lists: Mapping[str, Any]
    price: Price | None


class Documents:
    """Documents by their texts: those that were asked for last, for they take the most memory."""

    def __init__(self, limits: QueryLimits, *, most: int, most_characters: int) -> None:
        self._limits = limits
        self._kept = LeastUsedCache[str, DocumentNode](most, most_weight=most_characters)

    def find(self, text: str) -> DocumentNode:
        """Return the document of a text, parsed again where it was let go.

        Raises:
            GraphQLError: it is no GraphQL, or too long to tell.
        """
        document = self._kept.find(text)
        if document is None:
            document = parse_within(text, self._limits)
            self._kept.keep(text, document, len(text))
        return document


class Prepared:
    """One text: what is wrong with it, and the short road of each operation in it.

    The short road needs no document, so it is held only where there is an operation without one.
    """

    __slots__ = (
        "_checks",
        "_documents",
        "_held",
        "_input_lists",
        "_operations",
        "_priced",
        "_prices",
        "_schema",
        "_text",
        "errors",
    )

    def __init__(
        self,
        schema: GraphQLSchema,
        text: str,
        limits: QueryLimits,
        disclosure: Disclosure,
        input_lists: InputLists,
        prices: Prices,
        documents: Documents,
    ) -> None:
        document = documents.find(text)
        beyond = excess(document, limits)
        self.errors: list[GraphQLError] = (
            [beyond] if beyond else problems(schema, document, disclosure)
        )
        self._schema = schema
        self._text = text
        self._documents = documents
        self._held: DocumentNode | None = None
        self._input_lists = input_lists
        self._operations: dict[str | None, Operation | MutationOperation | None] = {}
        self._prices = prices
        self._priced: dict[str | None, Price] = {}
        self._checks: dict[str | None, _Checks] = {}

    @property
    def document(self) -> DocumentNode:
        """The text's document."""
        return self._held or self._documents.find(self._text)

    def operation(self, name: str | None) -> Operation | MutationOperation | None:
        """Return the operation that a name picks; None if it has to take the long road."""
        try:
            return self._operations[name]
        except KeyError:
            if self.errors:
                return None
            try:
                definition = self.definition(name)
            except BadUserInput:
                return None  # unknown names are not kept: anybody can think of them
            document = self.document
            found = self._operations[name] = Operation.of(
                self._schema, definition
            ) or MutationOperation.of(self._schema, document, definition)
            if found is None:
                self._held = document
            return found

    def type_of(self, name: str | None) -> OperationType:
        """Return the type of the operation that a name picks.

        Raises:
            BadUserInput: as ``definition``.
        """
        operation = self.operation(name)
        return OperationType(operation.kind) if operation else self.definition(name).operation

    def definition(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation that a name picks; no name picks the only one.

        Raises:
            BadUserInput: there is none, or no name where there are several.
        """
        operations = [
            each for each in self.document.definitions if isinstance(each, OperationDefinitionNode)
        ]
        if not operations:
            raise BadUserInput("the document has no operation, only definitions of other kinds")
        names = [each.name.value for each in operations if each.name]
        listed = shortened(", ".join(names)) or "anonymous"
        if name is None:
            if len(operations) > 1:
                raise BadUserInput(f"operationName has to say which operation is meant: {listed}")
            return operations[0]
        for each in operations:
            if each.name and each.name.value == name:
                return each
        raise BadUserInput(
            f"operationName is {shortened(name)!r}; the operations of the document are {listed}"
        )

    def excess(self, name: str | None, variables: Mapping[str, Any]) -> GraphQLError | None:
        """Return the error of variables with a list that is too long, or of a price too high.

        Raises:
            BadUserInput: as ``definition``.
        """
        checks = self._checks.get(name)
        if checks is None:
            checks = self._checks[name] = self._checks_of(name)
        lists, price = checks
        if lists and (beyond := self._input_lists.excess(lists, variables)):
            return beyond
        return price.excess(variables) if price else None

    def price(self, name: str | None) -> Price:
        """Return what an operation of a valid document costs.

        Raises:
            BadUserInput: as ``definition``.
        """
        price = self._priced.get(name)
        if price is None:
            price = self._priced[name] = self._prices.of(self.document, self.definition(name))
        return price

    def _checks_of(self, name: str | None) -> _Checks:
        lists = self._input_lists.of(self.definition(name))
        price = self.price(name)
        return _Checks(lists, price if price.may_exceed else None)


class PreparedTexts:
    """The texts that were asked last.

    Args:
        most: How many are kept.
        most_characters: How long they may be together: what is kept of a text takes some twenty
            times its memory.
        most_documents: Of how many texts the documents are kept, which take thirty times more, and
            are a quarter as long together.
        longest: A longer text is prepared anew each time.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        catalog: Catalog,
        limits: QueryLimits = DEFAULTS,
        disclosure: Disclosure = DEFAULT_DISCLOSURE,
        *,
        most: int = 512,
        most_characters: int = 1024 * 1024,
        most_documents: int = 32,
        longest: int = 64 * 1024,
    ) -> None:
        self._schema = schema
        self._limits = limits
        self._disclosure = disclosure
        self._input_lists = InputLists(schema, limits)
        self._prices = Prices(schema, catalog, maximum=limits.cost)
        self._longest = longest
        self._documents = Documents(
            limits,
            most=most_documents,
            most_characters=max(limits.characters, most_characters // 4),
        )
        self.kept = LeastUsedCache[str, Prepared](most, most_weight=most_characters)

    def find(self, text: str) -> Prepared:
        """Return a text's document and what was made of it.

        Raises:
            GraphQLError: it is no GraphQL, or too long to tell.
        """
        prepared = self.kept.find(text)
        if prepared is None:
            notes.made("document")
            prepared = Prepared(
                self._schema,
                text,
                self._limits,
                self._disclosure,
                self._input_lists,
                self._prices,
                self._documents,
            )
            if len(text) <= self._longest:
                self.kept.keep(text, prepared, len(text))
        return prepared
