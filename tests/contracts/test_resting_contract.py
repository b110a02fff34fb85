"""What every simulated venue keeps of a child that rests: the basic market, each family, and a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.fills import ReportKind
from app.domain.orders import Approved, ChildOrder
from app.venues.ledger import AcceptedLine, DoneLine, FillLine, RefusedLine
from tests.contracts.venue_desk import SYMBOL, VENUE, VenueDesk, VenueProcess

R = ReportKind
MARKETS = ("basic", "queue_reactive", "hawkes", "propagator")


@pytest.fixture(scope="module")
def venue_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    process = VenueProcess(tmp_path_factory.mktemp("venues"))
    process.start()
    yield process
    assert process.stop() == 0


@pytest.fixture(params=[*MARKETS, "own_process"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VenueDesk]:
    if request.param == "own_process":
        process: VenueProcess = request.getfixturevalue("venue_process")
        made = VenueDesk(process.folder, process)
    else:
        made = VenueDesk(tmp_path, None, request.param)
    await made.open()
    yield made
    await made.close()


def post(desk: VenueDesk, side: Side = Side.BUY, *, is_far: bool = False, **changes: object) -> ChildOrder:
    """A child at its own side's best price (or at the other side's), to rest for a minute."""
    book, instrument = desk.book(), desk.universe.instruments[(VENUE, SYMBOL)]
    assert book is not None
    is_bid = (side is Side.BUY) is not is_far
    best_units = (book.bids if is_bid else book.asks)[0][0]
    terms: dict[str, object] = {
        "time_in_force": TimeInForce.GTC,
        "price_ticks": best_units // instrument.tick_units,
        "qty_lots": 20,
        "is_post_only": True,
        "rest_until_ns": desk.clock.wall_ns() + 60 * 10**9,
    }
    return desk.child(side=side, **(terms | changes))  # type: ignore[arg-type]


def agrees(desk: VenueDesk, child: ChildOrder) -> None:
    """The venue's own record has just the fills that it told, all at the child's price or better."""
    lines = [line for line in desk.ledger() if line.client_id == child.client_id]
    fills = {line.venue_trade_id: line for line in lines if isinstance(line, FillLine)}
    told = {report.venue_trade_id: report for report in desk.of(child) if report.kind is R.FILLED}
    assert fills.keys() == told.keys()
    assert sum(line.qty_lots for line in fills.values()) <= child.qty_lots
    for line in fills.values():
        assert child.side.sign * (line.price_ticks - child.price_ticks) <= 0
    if R.REJECTED in desk.kinds(child):  # the book had moved: it would have taken
        assert not fills
        assert any(isinstance(line, RefusedLine) for line in lines)
        return
    (done,) = [line for line in lines if isinstance(line, DoneLine)]
    assert done.cum_qty_lots == sum(line.qty_lots for line in fills.values())


@pytest.mark.parametrize("side", list(Side))
async def test_it_stands_until_it_is_canceled(desk: VenueDesk, side: Side) -> None:
    # Far behind the touch: nothing of the next moments reaches it.
    ticks = post(desk, side).price_ticks
    child = post(desk, side, price_ticks=round(ticks * (1 - side.sign * 0.002)))
    await desk.send(child)
    await desk.until(lambda: R.ACKED in desk.kinds(child))
    await asyncio.sleep(0.3)
    assert desk.kinds(child) == [R.ACKED]
    assert child.client_id in await desk.venue.open_client_ids()
    await desk.venue.cancel(child)
    reports = await desk.ended(child)
    assert (reports[-1].kind, reports[-1].cum_qty_lots) == (R.CANCELED, 0)
    agrees(desk, child)


async def test_post_only_never_takes(desk: VenueDesk) -> None:
    child = post(desk, is_far=True, price_ticks=post(desk, is_far=True).price_ticks * 1001 // 1000)
    await desk.send(child)
    reports = await desk.ended(child)
    assert reports[-1].kind in (R.REJECTED, R.CANCELED)
    assert reports[-1].code == "post_only"
    assert not [line for line in desk.ledger() if isinstance(line, FillLine) and line.client_id == child.client_id]


async def test_one_that_may_take_takes_and_does_not_rest_where_it_is_whole(desk: VenueDesk) -> None:
    ticks = post(desk, is_far=True).price_ticks * 1001 // 1000
    child = post(desk, is_far=True, price_ticks=ticks, is_post_only=False, qty_lots=2)
    await desk.send(child)
    await desk.until(lambda: any(r.cum_qty_lots == child.qty_lots for r in desk.of(child)))
    agrees(desk, child)


async def test_a_wish_to_cancel_races_fills_and_the_record_says_who_won(desk: VenueDesk) -> None:
    children = [post(desk, side, qty_lots=5 * n) for n, side in enumerate((*Side, *Side, *Side), start=1)]
    for child in children:
        await desk.send(child)
    for child in children:
        await asyncio.sleep(0.1)
        await desk.venue.cancel(child)
        await desk.venue.cancel(child)
    for child in children:
        await desk.ended(child)
        await asyncio.sleep(0.05)
        agrees(desk, child)


async def test_the_same_id_rests_once(desk: VenueDesk) -> None:
    child = post(desk, price_ticks=post(desk).price_ticks * 998 // 1000)
    await desk.send(child)
    await desk.until(lambda: R.ACKED in desk.kinds(child))
    other = await desk.another_gateway()
    await other.venue.send(_approved(child))
    await asyncio.sleep(0.2)
    assert desk.n_accepted(child) == 1
    if other.venue is not desk.venue and desk.process is not None:
        await other.venue.stop()
    await desk.venue.cancel(child)
    await desk.ended(child)


async def test_a_part_is_hidden_where_the_venue_can_and_refused_where_it_cannot(desk: VenueDesk) -> None:
    child = post(desk, price_ticks=post(desk).price_ticks * 998 // 1000, display_lots=5)
    await desk.send(child)
    if desk.family != "basic":
        reports = await desk.ended(child)
        assert [(r.kind, r.code) for r in reports] == [(R.REJECTED, "iceberg")]
        return
    await desk.until(lambda: R.ACKED in desk.kinds(child))
    (accepted,) = [
        line for line in desk.ledger() if isinstance(line, AcceptedLine) and line.client_id == child.client_id
    ]
    assert accepted.display_lots == 5
    await desk.venue.cancel(child)
    await desk.ended(child)


async def test_after_a_restart_it_stands_or_is_over_and_the_venue_says_which(desk: VenueDesk) -> None:
    child = post(desk, price_ticks=post(desk).price_ticks * 998 // 1000)
    await desk.send(child)
    await desk.until(lambda: R.ACKED in desk.kinds(child))
    await desk.restart()
    reports = await desk.told_again(child)
    is_open = child.client_id in await desk.venue.open_client_ids()
    assert is_open is (desk.family == "basic")  # a family's world begins anew
    assert (R.CANCELED in {r.kind for r in reports}) is not is_open
    if is_open:
        await desk.venue.cancel(child)
        await desk.ended(child)


def _approved(child: ChildOrder) -> Approved[ChildOrder]:
    return Approved(child, 1, 1)
