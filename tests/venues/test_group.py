"""A group travels as text and gives the same ports on the other side."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from app.domain.book import BookDelta, BookSnapshot
from app.domain.statement import VenueState
from app.shm.books import BookBoard
from app.venues.cex.direct.feed import Rows
from app.venues.cex.profile import VenueProfile
from app.venues.cex.profile_table import profile_of
from app.venues.clock import SystemClock
from app.venues.group import GroupKind, GroupSpec, exchange_behind, make_group, universe_of
from tests.venues.exchange.server import LocalExchange


def test_a_group_makes_just_its_venues_on_its_own_folder(tmp_path: Path) -> None:
    sent = GroupSpec(GroupKind.SIMULATED, ("sim_bravo", "sim_alpha"), str(tmp_path), seed=3, max_book_age_ms=1_000)
    spec = msgspec.json.decode(msgspec.json.encode(sent), type=GroupSpec)
    assert spec == sent
    universe = universe_of(spec)
    assert universe.venues["sim_alpha"].max_book_age_ns <= 1_000_000_000
    ports = make_group(spec, universe, SystemClock()).ports
    assert list(ports) == ["sim_bravo", "sim_alpha"]
    paper = exchange_behind(ports["sim_bravo"])
    assert paper is not None
    assert (paper.exchange.spec.ledger_path.parent, paper.exchange.spec.seed) == (tmp_path, 3)


@pytest.mark.parametrize("feeds", ["direct", "ccxt"])
async def test_paper_orders_meet_the_books_of_either_path(tmp_path: Path, feeds: str) -> None:
    venues = ("binance", "okx")
    with LocalExchange(list(venues)) as server:
        urls = {"*": f"http://127.0.0.1:{server.port}"}
        spec = GroupSpec(
            GroupKind.LIVE_PAPER, venues, str(tmp_path), symbols=("BTC/USDT",), base_urls=urls, feeds=feeds
        )
        universe = universe_of(spec)
        rows = Rows(BookBoard([(venue, "BTC/USDT") for venue in venues]), lambda symbol: None)
        ports = make_group(spec, universe, SystemClock(), rows=rows).ports
        board = BookBoard([(venue, "BTC/USDT") for venue in venues])

        def on_book(book: BookSnapshot | BookDelta) -> None:
            if isinstance(book, BookSnapshot):
                board.write_snapshot(book)
            else:
                board.apply_delta(book)

        for port in ports.values():
            await port.start(lambda report: None, on_book)
        try:
            for venue, market in zip(venues, ("BTCUSDT", "BTC-USDT"), strict=True):
                async with asyncio.timeout(20):
                    while board.best(venue, "BTC/USDT") != (10_000 + 10 * len(market), 10_100):
                        bids = [(f"100.{len(market)}", "5"), ("99", str(1 + time.monotonic_ns() % 9))]
                        server.control.set_book(venue, market, bids, [("101.00", "5")])
                        await asyncio.sleep(0.05)
                assert ports[venue].health().state is VenueState.UP
                assert rows.board.snapshot(venue, "BTC/USDT") is None, "what paper orders change is never a raw row"
        finally:
            for port in ports.values():
                await port.stop()
        assert all(board.is_gapped(venue, "BTC/USDT") for venue in venues if feeds == "direct")


async def test_a_venue_that_cannot_be_served_leaves_its_group_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No stream of books at one of two: the other is made, and the one says why it is down."""

    class Signer:
        def __init__(self, channel: socket.socket) -> None:
            self.channel = channel

        def key_id(self, venue: str, account: str) -> str:
            return f"key-{venue}"

    def profile(venue: str) -> VenueProfile:
        return replace(profile_of(venue), streams=()) if venue == "okx" else profile_of(venue)

    monkeypatch.setattr("app.venues.signer.SignerClient", Signer)
    monkeypatch.setattr("app.venues.group.profile_of", profile)
    spec = GroupSpec(GroupKind.LIVE, ("okx", "binance"), str(tmp_path), symbols=("BTC/USDT",), account="desk")
    channel, other = socket.socketpair()
    with channel, other:
        ports = make_group(spec, universe_of(spec), SystemClock(), channel).ports
        assert {venue: type(port).__name__ for venue, port in ports.items()} == {
            "okx": "AbsentVenue",
            "binance": "CcxtVenue",
        }
        health = ports["okx"].health()
        assert health.state is VenueState.DOWN
        assert "streams no books" in health.reason
        await asyncio.gather(*(port.stop() for port in ports.values()))
