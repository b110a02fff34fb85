"""Books that nothing proves whole are asked for again and barred by age; one book's gap is not its venue's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from app.domain.book import BookDelta, BookSnapshot
from app.domain.statement import VenueState
from app.venues.cex.budget import Budgets
from app.venues.cex.feed import CcxtFeed, RetakePace, contradicted
from app.venues.cex.health import Health
from app.venues.cex.profile import BookRule, BookSource, Continuity
from app.venues.cex.profile_table import profile_of
from app.venues.cex.session import SessionSettings, make_session
from app.venues.clock import SystemClock
from tests.venues.cex.markets import listing
from tests.venues.exchange.server import LocalExchange

BTC, ETH = "BTC/USDT", "ETH/USDT"
LISTINGS = {BTC: listing("bybit", BTC, "0.01", "0.000001"), ETH: listing("bybit", ETH, "0.01", "0.00001")}
BIDS, ASKS = [("100.00", "5"), ("99.00", "7")], [("101.00", "5"), ("102.00", "7")]
UNPROVEN = BookRule(BookSource.STREAM, Continuity.NONE, "orderbook", 50)
QUICK = RetakePace(every_s=0.2, least_s=0.1, again_s=0.3)


@dataclass
class Scene:
    """A feed of two books at the local Bybit."""

    server: LocalExchange
    feed: CcxtFeed
    health: Health
    books: list[BookSnapshot | BookDelta] = field(default_factory=list)

    def last(self, name: str) -> BookSnapshot | BookDelta | None:
        return next((book for book in reversed(self.books) if book.symbol == name), None)

    def is_right(self, name: str) -> bool:
        last, theirs = self.last(name), self.server.control.book("bybit", name.replace("/", ""))
        if not isinstance(last, BookSnapshot):
            return False
        best = [[(float(p), float(q)) for p, q in theirs[side]] for side in ("bids", "asks")]
        scale = LISTINGS[name][0].qty_scale
        ours = [[(p / 100, q / 10**scale) for p, q in levels] for levels in (last.bids, last.asks)]
        return ours == best

    def quote(self, name: str, *far: tuple[str, str]) -> None:
        self.server.control.set_book("bybit", name.replace("/", ""), [*BIDS, *far], ASKS)

    async def until(self, is_true, timeout_s: float = 6.0) -> None:
        for _ in range(int(timeout_s / 0.02)):
            if is_true():
                return
            await asyncio.sleep(0.02)
        raise AssertionError((self.health.state(), self.books[-3:]))


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(["bybit"]) as running:
        yield running


@pytest.fixture
async def scene(request: pytest.FixtureRequest, server: LocalExchange) -> AsyncIterator[Scene]:
    rule, max_age_ns = request.param
    profile, clock = profile_of("bybit"), SystemClock()
    profile = replace(profile, book=rule or profile.book)
    budget = Budgets().of(profile, key_id="", account="")
    health = Health("bybit", clock, budget)
    feed = CcxtFeed(profile, LISTINGS, clock, health, max_age_ns=max_age_ns, retake=QUICK)
    settings = SessionSettings(base_url=f"http://127.0.0.1:{server.port}", timeout_s=1.0)
    exchange = make_session(profile, settings, budget, clock, on_wire=feed.on_wire)
    await exchange.load_markets()
    exchange.number = str
    health.has("connect")
    made = Scene(server, feed, health)
    server.control.clear()
    for name in LISTINGS:
        made.quote(name)
    feed.start(exchange, made.books.append)
    await made.until(lambda: made.is_right(BTC) and made.is_right(ETH))
    yield made
    await feed.stop()
    await exchange.close()


@pytest.mark.parametrize("scene", [(UNPROVEN, 0)], indirect=True)
async def test_a_delta_that_nothing_shows_missing_is_found_by_asking(scene: Scene) -> None:
    rule = scene.server.control.switch("book_gap", route="book")
    scene.quote(BTC, ("99.50", "3"))
    await asyncio.sleep(0.1)
    scene.server.control.clear(rule)
    assert not scene.is_right(BTC)
    await scene.until(lambda: scene.feed.n_gaps > 0)
    await scene.until(lambda: scene.is_right(BTC))
    assert scene.feed.n_gaps <= 2, "both books of the connection, once"


@pytest.mark.parametrize("scene", [(UNPROVEN, 0)], indirect=True)
async def test_a_quiet_book_is_told_again_for_its_age(scene: Scene) -> None:
    n_before = len(scene.books)
    await scene.until(lambda: len(scene.books) >= n_before + 4)
    assert all(isinstance(book, BookSnapshot) for book in scene.books[n_before:])
    assert scene.feed.n_gaps == 0


@pytest.mark.parametrize("scene", [(UNPROVEN, 600_000_000)], indirect=True)
async def test_an_unconfirmed_book_is_barred_by_its_age(scene: Scene) -> None:
    rule = scene.server.control.switch("error_before", route="public")
    await scene.until(lambda: isinstance(scene.last(BTC), BookDelta) and isinstance(scene.last(ETH), BookDelta))
    scene.server.control.clear(rule)
    await scene.until(lambda: scene.is_right(BTC) and scene.is_right(ETH))


@pytest.mark.parametrize("scene", [(None, 0)], indirect=True)
async def test_a_gap_in_one_book_degrades_no_venue(scene: Scene) -> None:
    scene.server.control.switch("book_gap", route="book", times=1)
    for n in count(1):
        scene.quote(BTC, ("98.00", str(n)))
        for _ in range(5):
            assert scene.health.state()[0] is VenueState.UP
            await asyncio.sleep(0.02)
        if scene.feed.n_gaps and scene.is_right(BTC) and scene.is_right(ETH):
            break
        assert n < 60
    rule = scene.server.control.switch("refuse_connection")
    scene.server.control.drop("bybit")
    await scene.until(lambda: scene.health.state()[0] is VenueState.DEGRADED)
    scene.server.control.clear(rule)
    await scene.until(lambda: scene.health.state()[0] is VenueState.UP)


def test_only_levels_that_stand_still_within_reach_are_contradicted():
    ours = ({100: 5, 99: 7}, {101: 5})
    assert contradicted(ours, ours, ours) == frozenset()
    assert contradicted(ours, ours, ({100: 5, 99: 8}, {101: 5})) == {(0, 99, 7)}
    assert contradicted(ours, ours, ({100: 5}, {101: 5})) == frozenset(), "their answer does not reach so far"
    assert contradicted(ours, ({100: 5, 99: 8}, {101: 5}), ({100: 5, 99: 9}, {101: 5})) == frozenset(), "it moved"
    assert contradicted(ours, ours, ({100: 5, 99: 7}, {101: 5, 100: 2})) == {(1, 100, 0)}
    assert contradicted(({}, {}), ({}, {}), ours) == frozenset()
