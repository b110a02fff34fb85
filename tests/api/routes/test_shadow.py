"""The live shadow: planned when it is told, met on the books that follow, compared, and never sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from app.api.schemas.shadow import ShadowDifference, ShadowFills, ShadowParent
from app.api.wire.text import time_text
from app.domain.events import ChildSending, OrderAccepted, RoutePlanned
from app.domain.shadow import OwnOutcome
from app.domain.shadow_events import ShadowMet, ShadowPlanned
from app.domain.units import decimal_text
from app.execution.ledger import fold
from app.store.codec import decode_fact, encode_fact
from bestex_verify.judge import verify_receipt
from tests.api.gateway import Gateway, settle
from tests.worlds import BTC_USDT, MS, VENUES, flat_book

BODY = {"parent_id": "d-1", "symbol": "BTC-USDT", "side": "buy", "qty": "0.01"}


@pytest.fixture
def still_sleep(gateway: Gateway) -> None:
    """Time is the test's: a wait of the shadow moves the clock there."""

    async def pass_time(seconds: float) -> None:
        gateway.clock.advance(round(seconds * 1e9))
        await asyncio.sleep(0)

    gateway.services.shadow.sleep = pass_time


async def tell(gateway: Gateway, **changes: Any) -> dict[str, Any]:
    """Tells a parent on fresh books and waits until the shadow has met them."""
    refresh(gateway)
    async with gateway.client("desk_trade") as client:
        answer = await client.post("/v1/shadow/parents", json=BODY | changes)
    assert answer.status_code == 200, answer.text
    ShadowParent.model_validate(answer.json())
    await finished(gateway)
    body: dict[str, Any] = answer.json()
    return body


def refresh(gateway: Gateway) -> None:
    gateway.clock.advance(10 * MS)
    now_ns = gateway.clock.wall_ns()
    for venue in VENUES:
        gateway.engine.on_book(flat_book(venue, 6_000_000, now_ns, book_seq=now_ns // MS))


async def finished(gateway: Gateway) -> None:
    for _ in range(20):
        await settle()
        if not gateway.services.shadow._tasks:
            return
    raise AssertionError("the shadow was not met")


def outcome(gateway: Gateway, parent_id: str = "d-1") -> OwnOutcome:
    found = gateway.engine.ledger.shadows["desk"][parent_id].outcome
    assert found is not None
    return found


def as_told(own: OwnOutcome, parent_id: str = "d-1", worse_ppm: int = 0) -> list[dict[str, str]]:
    """The shadow's own fills as if the incumbent had got them, dearer by so much of their money."""
    fills = []
    for fill in own.executions:
        money = BTC_USDT.money_nano(fill.price_units, fill.qty_units)
        fills.append(
            {
                "parent_id": parent_id,
                "fill_id": fill.fill_id,
                "at": time_text(fill.ts_ns),
                "price": decimal_text(fill.price_units, BTC_USDT.price_scale),
                "qty": decimal_text(fill.qty_units, BTC_USDT.qty_scale),
                "fee": decimal_text(fill.fee_nano + money * worse_ppm // 1_000_000, 9),
                "fee_currency": fill.fee_currency,
                "venue": fill.venue,
            }
        )
    return fills


async def report(gateway: Gateway, key: str = "desk_read") -> ShadowDifference:
    async with gateway.client(key) as client:
        answer = await client.get("/v1/shadow/report")
    assert answer.status_code == 200, answer.text
    return ShadowDifference.model_validate_json(answer.content)


async def test_a_parent_is_planned_met_and_never_sent(gateway: Gateway, still_sleep: None) -> None:
    told = await tell(gateway)
    assert told["is_sent"] is False
    assert told["refused"] is None
    assert sum(float(part["qty"]) for part in told["allocations"]) == pytest.approx(0.01)
    own = outcome(gateway)
    assert sum(fill.qty_units for fill in own.executions) == 1_000
    assert all(fill.fee_nano > 0 for fill in own.executions)
    # Nothing of it is an order: no venue was called, no child, no route, no order, no balance in the log.
    assert not gateway.children
    events = [fact.event for fact in gateway.journal.read(0, 10_000)]
    assert not any(isinstance(e, ChildSending | OrderAccepted | RoutePlanned) for e in events)
    assert not gateway.engine.ledger.parents
    assert not gateway.engine.ledger.live_children


async def test_no_turn_of_the_shadow_gives_a_command(gateway: Gateway, still_sleep: None) -> None:
    turns: list[Any] = []
    take: Callable[..., Any] = gateway.engine.core.turn

    def watched(*args: Any) -> Any:
        turns.append(take(*args))
        return turns[-1]

    object.__setattr__(gateway.engine, "core", _Watched(gateway.engine.core, watched))
    for n in range(5):
        await tell(gateway, parent_id=f"d-{n}", side="sell" if n % 2 else "buy", qty=f"0.0{n + 1}")
    assert sum(len(turn.facts) for turn in turns) >= 10
    assert not [command for turn in turns for command in turn.commands]


class _Watched:
    """The core with an eye on its turns."""

    def __init__(self, core: Any, turn: Callable[..., Any]) -> None:
        self._core, self.turn = core, turn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


async def test_the_receipt_is_in_the_journal_and_recomputes_offline(gateway: Gateway, still_sleep: None) -> None:
    told = await tell(gateway)
    verdict = verify_receipt(gateway.journal.receipt(told["receipt_sha256"]) or b"")
    assert verdict.route_id == told["route_id"]
    assert not verdict.failures


async def test_an_incumbent_whose_fills_are_ours_differs_by_exactly_nothing(
    gateway: Gateway, still_sleep: None
) -> None:
    for n in range(10):
        await tell(gateway, parent_id=f"d-{n}")
        async with gateway.client() as client:
            fills = as_told(outcome(gateway, f"d-{n}"), f"d-{n}")
            answer = await client.post("/v1/shadow/fills", json={"fills": fills})
        assert ShadowFills.model_validate(answer.json()).n_new == len(fills)
    found = await report(gateway)
    row = found.rows[0]
    assert (row.n_parents, row.difference.mean_bps) == (10, Decimal(0))
    assert row.low_bps == row.high_bps == Decimal(0)
    assert row.is_equivalent
    assert row.own.mean_bps > 0
    assert "not evidence" in found.evidence
    assert not found.worst


async def test_a_planted_half_basis_point_is_found_and_told_in_both_forms(gateway: Gateway, still_sleep: None) -> None:
    for n in range(6):
        await tell(gateway, parent_id=f"d-{n}")
        async with gateway.client() as client:
            fills = as_told(outcome(gateway, f"d-{n}"), f"d-{n}", worse_ppm=50)
            assert (await client.post("/v1/shadow/fills", json={"fills": fills})).status_code == 200
    found = await report(gateway)
    assert float(found.rows[0].difference.mean_bps) == pytest.approx(0.5, abs=0.001)
    async with gateway.client() as client:
        page = await client.get("/v1/shadow/report?format=markdown")
    assert page.headers["content-type"].startswith("text/markdown")
    assert "| all | all | 6 | 1 | 0.500 |" in page.text
    assert "Nothing was sent" in page.text


async def test_the_same_parent_again_is_the_same_plan_and_another_is_a_conflict(
    gateway: Gateway, still_sleep: None
) -> None:
    first = await tell(gateway)
    assert await tell(gateway) == first
    async with gateway.client() as client:
        other = await client.post("/v1/shadow/parents", json=BODY | {"qty": "0.02"})
        own = as_told(outcome(gateway))
        once = await client.post("/v1/shadow/fills", json={"fills": own})
        again = await client.post("/v1/shadow/fills", json={"fills": own})
        changed = await client.post("/v1/shadow/fills", json={"fills": [own[0] | {"price": "1"}]})
    assert (other.status_code, other.json()["code"]) == (409, "client_order_id_conflict")
    assert once.json() == {"n_new": len(own), "n_repeated": 0}
    assert again.json() == {"n_new": 0, "n_repeated": len(own)}
    assert (changed.status_code, changed.json()["code"]) == (409, "client_order_id_conflict")


async def test_books_that_move_before_arrival_are_what_fills_it(gateway: Gateway) -> None:
    """Realised, not planned: the market runs away by 1 %, the IOC misses, and the rest is taken where it is then."""
    moved: list[bool] = []

    async def run_away(seconds: float) -> None:
        gateway.clock.advance(round(seconds * 1e9))
        if not moved:
            moved.append(True)
            for venue in VENUES:
                gateway.engine.on_book(flat_book(venue, 6_060_000, gateway.clock.wall_ns(), book_seq=2**60))
        await asyncio.sleep(0)

    gateway.services.shadow.sleep = run_away
    told = await tell(gateway)
    own = outcome(gateway)
    planned = max(float(part["limit_price"]) for part in told["allocations"])
    assert all(fill.fill_id.startswith("rest") for fill in own.executions)
    assert min(fill.price_units for fill in own.executions) / 100 > planned


async def test_what_the_gate_refuses_is_told_and_excluded(gateway: Gateway, still_sleep: None) -> None:
    refused = await tell(gateway, parent_id="big", qty="99999")
    assert refused["refused"]
    assert refused["allocations"] == []
    late = gateway.clock.wall_ns() - 5_000 * MS
    await tell(gateway, parent_id="late", decision_at=time_text(late))
    await tell(gateway, parent_id="silent")
    gone = time_text(gateway.clock.wall_ns())
    await tell(gateway, parent_id="unfilled", decision_at=gone, end_at=gone)
    gateway.clock.advance(10 * MS)
    found = {item.parent_id: item.reason for item in (await report(gateway)).excluded}
    assert found == {"big": "refused", "late": "told_late", "silent": "not_yet", "unfilled": "no_fills"}


async def test_what_a_process_did_not_live_to_see_is_lost(gateway: Gateway) -> None:
    async with gateway.client() as client:
        await client.post("/v1/shadow/parents", json=BODY)
    await gateway.services.shadow.close()
    gateway.clock.advance(11_000 * MS)
    assert [item.reason for item in (await report(gateway)).excluded] == ["lost"]


async def test_scopes_accounts_and_hostile_bodies(gateway: Gateway, still_sleep: None) -> None:
    await tell(gateway)
    async with gateway.client("desk_read") as reader, gateway.client("rival") as rival, gateway.client() as desk:
        assert (await reader.post("/v1/shadow/parents", json=BODY)).status_code == 403
        assert (await rival.get("/v1/shadow/report")).json()["n_told"] == 0
        fill = as_told(outcome(gateway))[0]
        assert (await rival.post("/v1/shadow/fills", json={"fills": [fill]})).status_code == 404
        bad: list[tuple[str, dict[str, Any]]] = [
            ("/v1/shadow/parents", BODY | {"qty": 0.1}),
            ("/v1/shadow/parents", BODY | {"qty": "0"}),
            ("/v1/shadow/parents", BODY | {"qty": "0.0000001"}),
            ("/v1/shadow/parents", BODY | {"symbol": "DOGE/USDT"}),
            ("/v1/shadow/parents", BODY | {"parent_id": "a b"}),
            ("/v1/shadow/parents", BODY | {"decision_at": "2026-01-01T00:00:00"}),
            ("/v1/shadow/parents", BODY | {"parent_id": "x", "decision_at": "2099-01-01T00:00:00Z"}),
            ("/v1/shadow/parents", BODY | {"send": True}),
            ("/v1/shadow/fills", {"fills": []}),
            ("/v1/shadow/fills", {"fills": [fill | {"fill_id": "n", "price": "0"}]}),
            ("/v1/shadow/fills", {"fills": [fill | {"fill_id": "n", "fee": "x"}]}),
        ]
        for path, body in bad:
            answer = await desk.post(path, json=body)
            assert 400 <= answer.status_code < 500, (path, body, answer.text)
            assert answer.json()["outcome"] == "none"


async def test_the_facts_read_back_and_fold_to_the_same_shadows(gateway: Gateway, still_sleep: None) -> None:
    await tell(gateway)
    async with gateway.client() as client:
        await client.post("/v1/shadow/fills", json={"fills": as_told(outcome(gateway))})
        events = (await client.get("/v1/events?after_seq=0&limit=200")).json()["data"]
    facts = gateway.journal.read(0, 10_000)
    restored = [decode_fact(encode_fact(fact)) for fact in facts]
    assert restored == facts
    assert fold(restored).shadows == gateway.engine.ledger.shadows
    assert any(isinstance(fact.event, ShadowPlanned) for fact in facts)
    assert any(isinstance(fact.event, ShadowMet) for fact in facts)
    told = {event["kind"]: event["data"] for event in events}
    assert told["shadow_planned"]["parent"]["qty"] == "0.01"
    assert told["incumbent_filled"]["fills"][0]["price"].startswith("6")
