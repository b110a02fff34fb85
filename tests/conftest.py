"""What every test may ask for: the recorded data beside the repository, or a skip that names what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded markets and solved cases beside the repository; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no recorded data: {SHARED.name}/ is not beside the repository")
    return SHARED
