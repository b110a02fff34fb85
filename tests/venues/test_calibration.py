"""The committed parameters are what the committed script measures on the recorded markets."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.venues.registry import SIMULATED


@pytest.mark.shared_data
def test_the_script_writes_the_committed_file_byte_for_byte(shared: Path) -> None:
    from loadtests.calibrate_simulated import DATA, render

    if not DATA.is_dir():
        pytest.skip(f"no recorded order books: {DATA.name} is not in {shared.name}/")
    assert render(DATA) == SIMULATED.read_text(encoding="utf-8")
