"""Query and Mutation, merged; documents and plans that are kept; which errors are masked."""

from __future__ import annotations

import logging
from typing import Any

import strawberry
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext

from gateway.buckets.mutations import BucketMutations
from gateway.buckets.queries import BucketQueries
from gateway.collections.mutations import CollectionMutations
from gateway.collections.queries import CollectionQueries
from gateway.context import Context
from gateway.documents.mutations import DocumentMutations
from gateway.documents.queries import DocumentQueries
from gateway.errors import GatewayError
from gateway.lineage.queries import LineageQueries
from gateway.namespaces.mutations import NamespaceMutations
from gateway.namespaces.queries import NamespaceQueries
from gateway.objects.mutations import ObjectMutations
from gateway.objects.queries import ObjectQueries
from gateway.planner.audit.auditor import audit
from gateway.planner.catalog import Catalog
from gateway.planner.executor import PlanExecutor
from gateway.planner.plan import PlanCache
from gateway.planner.prepared import PreparedTexts
from gateway.scalars import SCALARS
from gateway.status_queries import StatusQueries
from gateway.user_errors import ConflictError, FieldError

logger = logging.getLogger(__name__)

PLANS_KEPT = 512


@strawberry.type(description="Everything that can be read.")
class Query(
    NamespaceQueries,
    BucketQueries,
    ObjectQueries,
    CollectionQueries,
    DocumentQueries,
    LineageQueries,
    StatusQueries,
):
    pass


@strawberry.type(description="Everything that can be changed.")
class Mutation(
    NamespaceMutations,
    BucketMutations,
    ObjectMutations,
    CollectionMutations,
    DocumentMutations,
):
    pass


class GatewaySchema(strawberry.Schema):
    """Strawberry's schema, which parses and validates each text once, and reads by plans.

    ``texts`` and ``plans`` are what is kept of both, with counts of hits and misses.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        schema = self._schema
        catalog = Catalog(schema)
        audit(schema, catalog)
        self.texts = PreparedTexts(schema)
        self.plans = PlanCache(PLANS_KEPT)
        self.execution_context_class = type(
            "BoundPlanExecutor",
            (PlanExecutor,),
            {"catalog": catalog, "plans": self.plans},
        )

    async def answer(
        self, text: str, variables: dict[str, Any], name: str | None, context: Context
    ) -> bytes | None:
        """Return the finished answer of a query that is planned already, None for any other."""
        try:
            operation = self.texts.find(text).operation(name)
        except GraphQLError:
            return None
        return None if operation is None else await operation.run(variables, context, self.plans)

    def forget_plans(self) -> None:
        """Drop all plans that are kept; each is made anew when it is needed."""
        self.plans.clear()

    def _create_execution_context(self, *args: Any, **kwargs: Any) -> ExecutionContext:
        context = super()._create_execution_context(*args, **kwargs)
        if context.query:
            try:
                prepared = self.texts.find(context.query)
            except GraphQLError:
                return context  # parsed once more inside the lifecycle, and reported there
            context.graphql_document = prepared.document
            context.pre_execution_errors = prepared.errors
        return context

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Give each error its code, in place; log a fault of ours whole and hide its text."""
        is_request_error = execution_context is not None and execution_context.result is None
        for index, error in enumerate(errors):
            if _is_fault(error):
                logger.error("unexpected error at %s", error.path, exc_info=error.original_error)
                errors[index] = _hidden(error)
            elif "code" not in (error.extensions or {}):
                error.extensions = {
                    **(error.extensions or {}),
                    "code": _code(error, is_request_error),
                }


def _is_fault(error: GraphQLError) -> bool:
    """Tell whether an error is a bug or an outage whose text is not for callers."""
    original = error.original_error
    return original is not None and not isinstance(original, GraphQLError | GatewayError)


def _hidden(error: GraphQLError) -> GraphQLError:
    return GraphQLError(
        "Unexpected error.",
        error.nodes,
        path=error.path,
        extensions={"code": "INTERNAL_SERVER_ERROR"},
    )


def _code(error: GraphQLError, is_request_error: bool) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    if is_request_error and error.path is None:
        return "GRAPHQL_VALIDATION_FAILED"
    return "BAD_USER_INPUT"


def make_schema() -> GatewaySchema:
    """Return the schema."""
    return GatewaySchema(
        query=Query,
        mutation=Mutation,
        types=[FieldError, ConflictError],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
