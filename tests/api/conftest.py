"""One gateway per test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.api.gateway import Gateway, open_gateway


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway() as opened:
        yield opened
