"""The tape: others' volume summed over venues, own fills left out, never falling."""

from __future__ import annotations

from app.domain.enums import Side
from app.domain.trade import TradePrint
from app.execution.inputs import Tick
from app.services.tape import Tape, open_tape
from tests.api.gateway import open_gateway, place, settle
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
    assert tape.last_price_units["ven_b", "BTC/USDT"] == 6_000_000
    assert len(tape.curve("BTC/USDT", T0_NS, T0_NS + 10**12)) == 48


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
