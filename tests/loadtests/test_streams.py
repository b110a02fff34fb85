"""The fan-out bench measures what it says: every reader gets every message, live, under each kind of sending."""

from __future__ import annotations

import pytest

from loadtests import streams


@pytest.mark.parametrize("kind", streams.KINDS)
async def test_a_small_run_delivers_everything(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(streams.MESSAGES, 3, 150)
    row = await streams.measure(kind, 3)
    assert row["messages"] >= 150
    assert row["all_readers_got_the_same_bytes"]
    assert 300 < row["bytes_per_message"] < 2_000
    assert row["server_cpu_us_per_delivered"] > 0
