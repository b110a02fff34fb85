"""Assertions of the shared scenarios explain themselves like those of a test file."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.venues.exchange.scenarios", "tests.venues.exchange.world")
