"""What a limit at a queue's end is expected to fill."""

from __future__ import annotations

import pytest

from app.domain.placement import QueueSeen, filled_frac


@pytest.mark.parametrize(
    ("lost", "limit", "expected"),
    [
        ((0, 50, 100, 150), 50, 0.25),  # 0, 0, 0 and 50 of what trades is ours
        ((0, 50, 125, 150), 50, 0.375),
        ((400, 400, 400, 400), 50, 1.0),
        ((400, 400, 400, 400), 0, 0.0),
        ((0, 0, 0, 0), 50, 0.0),
    ],
)
def test_what_trades_beyond_the_queue_is_ours_up_to_the_limit(
    lost: tuple[int, ...], limit: int, expected: float
) -> None:
    assert filled_frac(QueueSeen("v", 100, 0.0, lost), limit) == expected
