"""Gateways that start as quickly as they can."""

from __future__ import annotations

from tests.serve.conftest import _bytecode as _bytecode  # the fixture
