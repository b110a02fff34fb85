"""The deciding half of the shadow: the preview's plan as a fact, and not one command."""

from __future__ import annotations

from dataclasses import replace

from app.domain.enums import Mode, Side
from app.domain.errors import BadRequest
from app.domain.shadow import DeskParent, Execution, FourMids, OwnOutcome
from app.domain.shadow_events import ShadowPlanned
from app.execution.inputs import Done, Failed, TellIncumbent, TellMet, TellShadow
from app.execution.shadow import WITHIN_BPS, displayed_units
from app.services.replay_lane import displayed_units as of_the_replay
from app.services.replay_protocol import load_protocol
from tests.worlds import Desk, make_desk, make_order, sent

PARENT = DeskParent("p", "BTC/USDT", Side.BUY, 1_000, 1)
OUTCOME = OwnOutcome((), FourMids(2, 2, 2, 2), -1, 0, 1_000, 1)


def tell(desk: Desk, parent: DeskParent = PARENT, body_hash: str = "h") -> TellShadow:
    order = make_order(qty_units=parent.qty_units, client_order_id=parent.parent_id, side=parent.side)
    return TellShadow("desk", parent, order, Mode.PAPER, body_hash)


def test_the_plan_is_what_an_order_would_get_and_nothing_leaves() -> None:
    desk, other = make_desk(), make_desk()
    turn = desk.turn(tell(desk))
    assert not turn.commands
    (fact,) = turn.facts
    assert isinstance(fact.event, ShadowPlanned)
    _, children = other.submit(make_order(qty_units=1_000, client_order_id="p"))
    assert [(c.venue, c.qty_units, c.price_units) for c in fact.event.children] == [
        (c.venue, c.qty_units, c.price_units) for c in children
    ]
    assert [sha for sha, _ in turn.receipts] == [fact.event.receipt_sha256]
    ledger = desk.core.ledger
    assert not (ledger.parents or ledger.live_children or ledger.by_client_id)
    # An order of the same id is still free, and takes the same road as if no shadow had been told.
    reply, after = desk.submit(make_order(qty_units=1_000, client_order_id="p"))
    assert len(after) == len(children)
    assert sent(desk.turn(tell(desk))) == []
    del reply


def test_what_was_told_before_is_answered_or_refused() -> None:
    desk = make_desk()
    first = desk.turn(tell(desk)).replies[0]
    again = desk.turn(tell(desk))
    assert again.replies[0] == first
    assert not again.facts
    other = desk.turn(tell(desk, body_hash="other")).replies[0]
    assert isinstance(other, Failed)
    assert isinstance(other.error, BadRequest)


def test_what_the_gate_would_refuse_has_its_code_and_no_receipt() -> None:
    desk = make_desk()
    turn = desk.turn(tell(desk, replace(PARENT, qty_units=10**12)))
    event = turn.facts[0].event
    assert isinstance(event, ShadowPlanned)
    assert event.refusal
    assert not (event.children or event.receipt_sha256 or turn.receipts)


def test_outcomes_and_fills_are_taken_once() -> None:
    desk = make_desk()
    desk.turn(tell(desk))
    fill = Execution("f", "elsewhere", 2, 6_000_000, 1_000, 0, "USDT")
    assert len(desk.turn(TellMet("desk", "p", OUTCOME), TellMet("desk", "p", OUTCOME)).facts) == 1
    assert len(desk.turn(TellIncumbent("desk", "p", (fill, fill)), TellIncumbent("desk", "p", (fill,))).facts) == 1
    changed = desk.turn(TellIncumbent("desk", "p", (replace(fill, qty_units=1),)))
    unknown = desk.turn(TellIncumbent("desk", "nobody", (fill,)), TellMet("desk", "nobody", OUTCOME))
    assert isinstance(changed.replies[0], Failed)
    assert isinstance(unknown.replies[0], Failed)
    assert unknown.replies[1] == Done()
    assert not (changed.facts or unknown.facts)


def test_the_reach_is_the_committed_one_and_counted_as_the_replay_does() -> None:
    assert load_protocol().reach.within_bps == WITHIN_BPS
    books = make_desk().board.read("BTC/USDT")
    for side in Side:
        for mid_half in (12_000_000, 11_999_000, 12_004_001):
            assert displayed_units(books, side, mid_half) == of_the_replay(books, side, mid_half, WITHIN_BPS)
