"""The base of all adapters: no proof, no send; one id, one send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.orders import Approved, ChildOrder
from app.domain.ports import BookSink, ReportSink
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.venues.base import VenueBase, checked_child
from app.venues.clock import VirtualClock

CHILD = ChildOrder("chd", "id", "ord", "desk", 1, "v", "BTC/USDT", Side.BUY, TimeInForce.IOC, 100, 5, 1, 1, 1_000)


class Wire(VenueBase):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__("v", clock)
        self.sent: list[tuple[ChildOrder, int, int]] = []

    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        self.sent.append((child, limits_version, decision_seq))

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None: ...

    async def stop(self) -> None: ...

    async def cancel(self, child: ChildOrder) -> None: ...

    async def query(self, child: ChildOrder) -> None: ...

    async def open_client_ids(self) -> Sequence[str]:
        return ()

    async def statement(self, account: str) -> VenueStatement:
        return VenueStatement("v", 0, (), (), ())

    def health(self) -> VenueHealth:
        return VenueHealth("v", VenueState.UP)


@pytest.mark.parametrize(
    "not_proof",
    [
        CHILD,
        None,
        Approved("a child", 1, 1),
        Approved(CHILD, 0, 1),
        Approved(CHILD, 1, 0),
        Approved(replace(CHILD, venue="w"), 1, 1),
        Approved(replace(CHILD, client_id=""), 1, 1),
    ],
)
async def test_what_is_not_proof_is_our_bug_and_stays_here(not_proof: object) -> None:
    wire = Wire(VirtualClock())
    with pytest.raises(InvariantBroken):
        checked_child(not_proof, "v")
    with pytest.raises(InvariantBroken):
        await wire.send(not_proof)  # type: ignore[arg-type]
    assert wire.sent == []


async def test_the_proof_travels_with_the_child() -> None:
    wire = Wire(VirtualClock())
    await wire.send(Approved(CHILD, 3, 9))
    assert wire.sent == [(CHILD, 3, 9)]


async def test_ids_are_remembered_for_a_minute_beyond_their_deadline() -> None:
    clock = VirtualClock()
    wire = Wire(clock)
    await wire.send(Approved(CHILD, 1, 1))
    clock.advance(60_000_000_000)
    with pytest.raises(InvariantBroken):
        await wire.send(Approved(CHILD, 1, 1))
    clock.advance(1_001)
    await wire.send(Approved(replace(CHILD, client_id="other", deadline_ts_ns=clock.wall_ns()), 1, 1))
    assert wire._sent_ids == {"other"}
