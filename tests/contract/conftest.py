"""Fixtures of the contract tests: what lies beside a ledger that is ready."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.ledgers import database_on


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a new database without any table, dropped afterwards."""
    with database_on(postgres_server) as url:
        yield url
