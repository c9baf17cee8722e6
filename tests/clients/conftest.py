"""Clients that others wrote, and a gateway for them."""

from __future__ import annotations

from tests.http.conftest import served as served  # the fixtures
from tests.http.conftest import serving as serving
from tests.node import node as node
