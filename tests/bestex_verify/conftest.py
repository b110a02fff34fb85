"""Kernels are compiled before the first test, so that no property is timed while it compiles."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("kernels", deadline=None)
settings.load_profile("kernels")
