"""What has to be in a database before anybody can ask a gateway on it, made in this process."""

from __future__ import annotations

from gateway.database.pool import open_database
from gateway.enums import Permission
from gateway.limits import Limits
from gateway.namespaces.audit import Actor
from gateway.namespaces.keys import create_key
from gateway.namespaces.service import create_namespace


async def make_namespace(database_url: str, name: str) -> str:
    """Make a namespace, and a key of an administrator; return its secret.

    The command line does it too, in two processes that take a second each to start.
    """
    by = Actor.at_command_line()
    async with open_database(database_url, size=1) as database, database.transaction() as tx:
        await create_namespace(tx, by=by, reach=None, name=name, description=None)
        made = await create_key(
            tx,
            by=by,
            limits=Limits(),
            reach=None,
            name="k",
            permissions=[Permission.ADMIN],
            namespaces=None,
            expires_at=None,
        )
    return made.secret
