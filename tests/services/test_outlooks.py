"""Forecasts of a running engine: looked at once a second, as usual before anything is known, and asked by schedules."""

from __future__ import annotations

from app.domain.bending import Outlook
from app.domain.trade import TradePrint
from app.domain.units import NANO, PPM
from app.services.outlooks import Outlooks
from app.services.tape import Tape
from tests.api.gateway import Gateway, open_gateway
from tests.worlds import VENUES, flat_book


def print_of(gateway: Gateway, qty_units: int) -> TradePrint:
    now_ns = gateway.clock.wall_ns()
    return TradePrint("ven_a", "BTC/USDT", 6_000_000, qty_units, None, now_ns, now_ns)


def look(gateway: Gateway, outlooks: Outlooks, *, qty_units: int, mid_units: int = 6_000_000) -> None:
    gateway.clock.advance(NANO)
    now_ns = gateway.clock.wall_ns()
    for venue in VENUES:
        gateway.engine.on_book(flat_book(venue, mid_units, now_ns, book_seq=now_ns // 1_000_000))
    outlooks.tape.take([print_of(gateway, qty_units)])
    outlooks.look("BTC/USDT")


async def test_a_burst_of_trades_and_moves_is_foreseen_to_last() -> None:
    async with open_gateway() as gateway:
        tape = Tape()
        tape.expect("ven_a", ["BTC/USDT"], shows_own=False)
        outlooks = Outlooks(gateway.engine, tape)
        assert outlooks.outlook("BTC/USDT", NANO) == Outlook()
        for i in range(120):
            look(gateway, outlooks, qty_units=100, mid_units=6_000_000 + i % 2 * 100)
        steady = outlooks.outlook("BTC/USDT", 10 * NANO)
        assert abs(steady.volume_ppm - PPM) < PPM // 10
        assert steady.watched_s >= 118
        for i in range(15):
            look(gateway, outlooks, qty_units=1_000, mid_units=6_000_000 + i % 2 * 2_000)
        stormy = outlooks.outlook("BTC/USDT", 10 * NANO)
        assert stormy.volume_ppm > steady.volume_ppm * 1.2
        assert stormy.sigma_ppm > steady.sigma_ppm * 1.1


async def test_a_symbol_that_no_tape_tells_is_not_looked_at() -> None:
    async with open_gateway() as gateway:
        outlooks = Outlooks(gateway.engine, Tape())
        outlooks.look("BTC/USDT")
        assert outlooks.outlook("BTC/USDT", NANO) == Outlook()


async def test_it_becomes_the_engines_forecast_and_ends() -> None:
    async with open_gateway() as gateway:
        outlooks = Outlooks(gateway.engine, Tape())
        await outlooks.open()
        assert gateway.engine.core.world.outlooks is outlooks
        await outlooks.close()
