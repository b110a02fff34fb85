"""A preview is what acceptance would do, and leaves no trace."""

from __future__ import annotations

from app.domain.enums import Mode
from tests.worlds import make_desk, make_order


def test_preview_changes_nothing_and_tells_the_plan() -> None:
    desk = make_desk()
    seq = desk.core.ledger.seq
    preview = desk.core.preview(make_order(qty_units=300), Mode.PAPER, desk.now_ns)
    assert preview.planned is not None
    assert all(c.refusal is None for c in preview.checks)
    assert desk.core.ledger.seq == seq
    refused = desk.core.preview(make_order(qty_units=100_000_000), Mode.PAPER, desk.now_ns)
    assert refused.planned is None
    assert refused.checks[-1].refusal is not None
