"""A whole process on a folder: first start, an order, a stop, the next start."""

from __future__ import annotations

import stat
from decimal import Decimal
from pathlib import Path

import pytest

from app.bootstrap import Process, child_caps_nano, make_universe, venue_groups
from app.domain.enums import Mode, OrderStatus
from app.domain.errors import InvariantBroken
from app.domain.listing import Listing
from app.domain.units import NANO
from app.execution.ledger import fold
from app.services.container import Services
from app.settings import LiveMarket, PaperPace, RiskSettings, Settings
from app.store.journal import JournalReader
from app.store.listings import ListingsFile, StoredVenue
from app.store.lock import JournalInUse
from app.store.statehash import ledger_hash
from app.venues.group import universe_of
from tests.worlds import make_order


async def place(services: Services, client_order_id: str) -> str:
    order = make_order(account="demo", client_order_id=client_order_id, qty_units=5_000)
    accepted = await services.submit.place(order, Mode.PAPER)
    await services.submit.wait_done(accepted.fact.order_id, 5_000)
    return accepted.fact.order_id


async def wait_for_books(services: Services) -> None:
    import asyncio

    for _ in range(200):
        books, venues = services.engine.books("BTC/USDT"), services.engine.universe.venues
        if all(seq or not venues[venue].is_lit for venue, seq in zip(books.venues, books.book_seq, strict=True)):
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("no books")


async def test_a_life_of_one_home_folder(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", replica_path=tmp_path / "second" / "journal.db")
    settings.replica_path.parent.mkdir()  # type: ignore[union-attr]
    process = Process(settings)
    services = await process.open()
    try:
        await wait_for_books(services)
        order_id = await place(services, "first")
        assert services.engine.ledger.parents[order_id].status is OrderStatus.FILLED
        with pytest.raises(JournalInUse):
            await Process(settings).open()
    finally:
        await process.close()
    for name in ("demo.key", "operator.key"):
        assert stat.S_IMODE((settings.home / name).stat().st_mode) == 0o600
    first = ledger_hash(services.engine.ledger)

    again = Process(settings)
    services = await again.open()
    try:
        assert services.engine.ledger.parents[order_id].status is OrderStatus.FILLED
        await wait_for_books(services)
        assert await place(services, "first") == order_id
        assert len(services.engine.ledger.keys) == 2
    finally:
        await again.close()
    assert ledger_hash(services.engine.ledger).sha256 == first.sha256

    for path in (settings.journal_path, settings.replica_path):
        assert path is not None
        reader = JournalReader(path)
        assert ledger_hash(fold(reader.replay())) == ledger_hash(services.engine.ledger)
        reader.close()


async def test_a_venue_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvariantBroken):
        await Process(Settings(home=tmp_path, venues="somewhere")).open()


def test_live_money_is_bounded_at_venues_that_are_not_certified(tmp_path: Path) -> None:
    def caps(mode: str, allowed: tuple[str, ...]) -> dict[str, int]:
        live = LiveMarket(venues=("binance", "okx"))
        risk = RiskSettings(allow_uncertified=allowed)
        settings = Settings(home=tmp_path, mode=mode, market="live", live=live, risk=risk)  # type: ignore[arg-type]
        return child_caps_nano(settings, make_universe(settings))

    assert caps("paper", ()) == {}
    assert caps("live", ()) == {"binance": 0, "okx": 0}
    assert caps("live", ("okx",)) == {"binance": 0, "okx": 1_000 * NANO}
    with pytest.raises(InvariantBroken, match="kraken"):
        caps("live", ("kraken",))


def test_a_refresh_in_the_home_folder_changes_the_live_facts_on_both_sides_of_the_border(tmp_path: Path) -> None:
    pace = {"okx": PaperPace(latency_ms=70, refill_ms=9)}
    live = LiveMarket(venues=("okx", "kraken"), venues_per_process=1, pace=pace)
    settings = Settings(home=tmp_path, market="live", live=live)
    spot = make_universe(settings).symbols["BTC/USDT"].fungible
    listing = Listing("okx", "BTC-USDT", "BTC/USDT", spot, Decimal("0.5"), Decimal("0.001"))
    ListingsFile(settings.listings_path).write({"okx": StoredVenue(1, (listing,), ())})
    universe = make_universe(settings)
    assert universe.instruments[("okx", "BTC/USDT")].tick_units == 50
    groups = venue_groups(settings, universe)
    assert [group.venues for group in groups] == [("okx",), ("kraken",)]
    assert [group.paces for group in groups] == [{"okx": {"latency_ms": 70, "refill_ms": 9}}] * 2
    assert universe.venues["okx"].latency_ns == universe_of(groups[0]).venues["okx"].latency_ns == 70_000_000
    for group in groups:
        for key, instrument in universe_of(group).instruments.items():
            assert instrument == universe.instruments[key]
