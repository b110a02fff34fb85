"""A feed's rows as values: another board that hears them holds the same books and the same gaps."""

from app.domain.book import BookSnapshot
from app.shm.books import BookBoard
from app.venues.cex.direct.line import LineRule
from app.venues.cex.direct.okx import OkxFeed, spec
from app.venues.cex.direct.retold import Retold
from app.venues.clock import SystemClock

from .following import PRICE_SCALE, QTY_SCALE, holds, new_board, row, until
from .scripted import ScriptedOkx


async def test_another_board_hears_books_and_gaps():
    venue = ScriptedOkx(["BTC-USDT"])
    async with venue.open():
        own, other = new_board("okx", ["BTC/USDT"]), BookBoard([("okx", "BTC/USDT")], 20)

        def hear(event):
            if isinstance(event, BookSnapshot):
                other.write_snapshot(event)
            else:
                assert not other.apply_delta(event)

        specs = [spec("BTC/USDT", "BTC-USDT", (2, 3), (PRICE_SCALE, QTY_SCALE))]
        rule = LineRule(silent_s=5, ask_s=2, ask="ping")
        feed = OkxFeed("okx", specs, own, SystemClock(), f"ws://127.0.0.1:{venue.port}/ws", rule=rule)
        await feed.start(Retold("okx", own, hear))
        try:
            await until(lambda: holds(other, "BTC/USDT", venue.books["BTC-USDT"]))
            for _ in range(20):
                await venue.push("BTC-USDT")
            await until(lambda: holds(other, "BTC/USDT", venue.books["BTC-USDT"]))
            venue.spoil_sum, venue.rest_delay_s = True, 0.1
            await venue.push("BTC-USDT")
            await until(lambda: row(other, "BTC/USDT")[1])
            await until(lambda: holds(other, "BTC/USDT", venue.books["BTC-USDT"]))
        finally:
            await feed.stop()
        assert row(other, "BTC/USDT")[1], "a feed that stopped leaves its books gapped"
