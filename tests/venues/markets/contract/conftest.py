"""Every test of this folder runs once a family."""

from __future__ import annotations

import pytest

from .families import FAMILIES


@pytest.fixture(params=sorted(FAMILIES))
def make(request):
    return FAMILIES[request.param]
