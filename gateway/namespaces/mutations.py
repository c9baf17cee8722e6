"""Root fields that change namespaces and API keys."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from gateway.enums import Permission
from gateway.mutation import mutation
from gateway.namespaces import keys, service
from gateway.namespaces.audit import Actor
from gateway.namespaces.inputs import CreateApiKeyInput, CreateNamespaceInput
from gateway.namespaces.types import ApiKeyPayload, NamespacePayload
from gateway.planner.rows import row, row_in


@strawberry.type
class NamespaceMutations:
    @mutation(
        permission=Permission.ADMIN,
        description="Make a namespace. It takes a key that may be used in every namespace.",
    )
    async def create_namespace(
        self,
        info: Info,
        input: Annotated[
            CreateNamespaceInput, strawberry.argument(description="The new namespace.")
        ],
    ) -> NamespacePayload:
        async with info.context.transaction() as tx:
            namespace_id = await service.create_namespace(
                tx,
                by=_actor(info),
                reach=info.context.caller.namespaces,
                name=input.namespace_name,
                description=input.description,
            )
        return NamespacePayload(namespace=row_in(namespace_id, id=namespace_id))

    @mutation(
        permission=Permission.ADMIN,
        description="Make an API key that reaches no further than the caller's own. `secret` is"
        " shown here and never again.",
        shows_secret=True,
    )
    async def create_api_key(
        self,
        info: Info,
        input: Annotated[CreateApiKeyInput, strawberry.argument(description="The new key.")],
    ) -> ApiKeyPayload:
        async with info.context.transaction() as tx:
            made = await keys.create_key(
                tx,
                by=_actor(info),
                limits=info.context.limits,
                reach=info.context.caller.namespaces,
                name=input.name,
                permissions=input.permissions,
                namespaces=input.namespaces,
                expires_at=input.expires_at,
            )
        return ApiKeyPayload(api_key=row(id=made.key_id), secret=made.secret)

    @mutation(
        permission=Permission.ADMIN,
        description="Give an API key a new secret, shown here and never again; the old one stops"
        " to work.",
        shows_secret=True,
    )
    async def rotate_api_key(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The key's id.")],
    ) -> ApiKeyPayload:
        async with info.context.transaction() as tx:
            made = await keys.rotate_key(
                tx, by=_actor(info), reach=info.context.caller.namespaces, id=id
            )
        info.context.once_committed(info.context.authenticator.forget_all)
        return ApiKeyPayload(api_key=row(id=made.key_id), secret=made.secret)

    @mutation(
        permission=Permission.ADMIN,
        description="Withdraw an API key for good, be it the caller's own. Within 5 seconds every"
        " gateway refuses it.",
    )
    async def revoke_api_key(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The key's id.")],
    ) -> ApiKeyPayload:
        async with info.context.transaction() as tx:
            await keys.revoke_key(tx, by=_actor(info), reach=info.context.caller.namespaces, id=id)
        info.context.once_committed(info.context.authenticator.forget_all)
        return ApiKeyPayload(api_key=row(id=id))


def _actor(info: Info) -> Actor:
    return Actor.key(info.context.caller.key_id, info.context.address)
