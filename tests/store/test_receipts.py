"""A receipt is stored at the record that names it, and never without one."""

from __future__ import annotations

import pytest

from app.domain.errors import InvariantBroken
from app.domain.events import RoutePlanned
from app.store.receipts import placed
from tests.store.logs import story_facts, turns

FACTS, RECEIPTS = story_facts(200)


def test_every_receipt_lies_at_its_route() -> None:
    n_placed = 0
    for facts, named in turns(FACTS, RECEIPTS):
        for sha256, seq, body in placed(facts, named):
            event = FACTS[seq - 1].event
            assert isinstance(event, RoutePlanned)
            assert event.plan.certificate.receipt_sha256 == sha256
            assert RECEIPTS[sha256] == body
            n_placed += 1
    assert n_placed == len(RECEIPTS) > 0


def test_no_receipts_need_no_facts() -> None:
    assert placed([], []) == []


def test_a_stray_receipt_is_refused() -> None:
    with pytest.raises(InvariantBroken, match="receipt"):
        placed(FACTS[:1], [("0" * 64, b"")])
