"""The tape: others' volume summed over venues, own fills left out, never falling."""

from __future__ import annotations

import pytest

from app.domain.enums import Side
from app.domain.trade import TradePrint
from app.execution.inputs import Tick
from app.services.measure import Measurer
from app.services.tape import Tape, open_tape
from tests.api.gateway import open_gateway, place, settle
from tests.services.test_measure import pass_time, still_sleep  # noqa: F401 - a fixture
from tests.worlds import T0_NS


def trade(venue: str, qty_units: int, *, ms: int = 0) -> TradePrint:
    at_ns = T0_NS + ms * 1_000_000
    return TradePrint(venue, "BTC/USDT", 6_000_000, qty_units, Side.BUY, at_ns, at_ns)


def test_volumes_of_all_venues_add_up_and_nobody_telling_is_not_zero() -> None:
    tape = Tape()
    assert tape.others_units("BTC/USDT") is None
    tape.expect("ven_a", ["BTC/USDT"], shows_own=False)
    assert tape.others_units("BTC/USDT") == 0
    tape.take([trade("ven_a", 5), trade("ven_b", 7, ms=10)])
    assert tape.others_units("BTC/USDT") == 12
    assert tape.traded_units["ven_b", "BTC/USDT"] == 7
    assert tape.lasts("BTC/USDT") == {"ven_a": (6_000_000, T0_NS), "ven_b": (6_000_000, T0_NS + 10_000_000)}
    assert tape.lasts("ETH/USDT") == {}
    assert len(tape.curve("BTC/USDT", T0_NS, T0_NS + 10**12)) == 48


def test_an_interval_has_the_vwap_of_what_was_heard_in_it() -> None:
    tape = Tape()
    assert tape.traded("BTC/USDT", T0_NS, T0_NS + 1) == (0, 0)
    tape.take([trade("ven_a", 5), trade("ven_b", 7, ms=10)])
    assert tape.traded("BTC/USDT", T0_NS, T0_NS + 10_000_000) == (6_000_000, 12)
    assert tape.traded("ETH/USDT", T0_NS, T0_NS + 10_000_000) == (0, 0)


async def test_own_fills_are_left_out_where_the_tape_shows_them() -> None:
    async with open_gateway() as gateway:
        tape = open_tape(gateway.engine)
        assert gateway.engine.core.world.volumes is tape
        assert tape.others_units("BTC/USDT") is None  # these venues tell no trades
        for venue in gateway.venues:
            tape.expect(venue, ["BTC/USDT"], shows_own=True)
        tape.take([trade("ven_a", 50_000)])
        assert tape.others_units("BTC/USDT") == 50_000
        await place(gateway, qty="0.1")
        await gateway.engine.ask(Tick())
        await settle()
        assert tape.others_units("BTC/USDT") == 50_000  # known before it is on the tape: held, not turned back
        tape.take([trade("ven_a", 10_000, ms=1), trade("ven_a", 3_000, ms=2)])
        assert tape.others_units("BTC/USDT") == 53_000


@pytest.mark.usefixtures("still_sleep")
async def test_the_vwap_of_an_order_is_known_and_leaves_own_fills_out() -> None:
    """The measurer over a tape: the benchmark of an order is what others traded while it lived."""
    async with open_gateway() as gateway:
        tape = open_tape(gateway.engine)
        for venue in gateway.venues:
            tape.expect(venue, ["BTC/USDT"], shows_own=True)
        measurer = Measurer(gateway.engine, tape.traded)
        await measurer.open()
        assert measurer._task is not None
        measurer._task.cancel()  # the test looks itself
        now_ns = gateway.clock.wall_ns()
        tape.take([TradePrint("ven_a", "BTC/USDT", 6_000_100, 40_000, None, now_ns, now_ns)])
        body = await place(gateway, qty="0.1")
        record = gateway.engine.ledger.parents[body["order_id"]]
        for fill in record.fills:
            own = fill.fill
            tape.take([TradePrint(own.venue, own.symbol, own.price_units, own.qty_units, None, now_ns, now_ns)])
        await pass_time(gateway, measurer, 75)
        assert record.fills
        assert record.interval is not None
        assert (record.interval.vwap_units, record.interval.traded_qty_units) == (6_000_100, 40_000)
        await measurer.close()
