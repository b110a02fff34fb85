"""Kernels are compiled before the first test, so that no property is timed while it compiles."""

from __future__ import annotations

import pytest
from hypothesis import settings

from app.kernels import jit

settings.register_profile("kernels", deadline=None)
settings.load_profile("kernels")


@pytest.fixture(autouse=True, scope="session")
def warm_kernels() -> None:
    jit.warm()
