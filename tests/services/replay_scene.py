"""A small made-up recording: random books of a few venues, the same for the same seed, and what runs on it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import ContractKind, Mode
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.recorded import RecordedMarket, RecordedTrade, RecordingGap
from app.domain.units import NANO
from app.domain.venue import Venue
from app.services.replay_protocol import Protocol, load_protocol

MS = 1_000_000
START_NS = 1_700_000_000_000_000_000
CLASSES = {
    "spot": Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5),
    "linear": Symbol("BTC/USDT:USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR), 2, 3),
    "inverse": Symbol(
        "BTC/USD:BTC",
        FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE, multiplier_nano=100 * NANO),
        1,
        0,
    ),
}


def recorded_market(kind: str, venue: str, number: int, *, knows_terms: bool = True) -> RecordedMarket:
    symbol = CLASSES[kind]
    lot = {"spot": 10, "linear": 1, "inverse": 1}[kind]
    return RecordedMarket(
        symbol=symbol,
        instrument=Instrument(venue, symbol.name, venue.upper(), symbol.fungible, 1, lot * (1 + number)),
        source="made up",
        venue=Venue(venue, venue, Mode.PAPER, True, (5 + 20 * number) * MS, 10**9, 5 * 10**9) if knows_terms else None,
        fee=FeeTier(venue, "own", 400 + 60 * number, 0, 0, "made up", "2026-01-01") if knows_terms else None,
    )


@dataclass(frozen=True)
class MadeUp:
    """A recording of random walks. `markets` share one true price; each venue stands a little apart from it."""

    markets: tuple[RecordedMarket, ...]
    seconds: int = 12
    seed: int = 1
    name: str = "made-up"
    digest: str = "0" * 64
    gaps: tuple[RecordingGap, ...] = ()

    def span_ns(self, market: RecordedMarket) -> tuple[int, int]:
        return START_NS, START_NS + self.seconds * 1000 * MS

    def trades(self, market: RecordedMarket) -> Iterator[RecordedTrade]:
        return iter(())

    def events(self, market: RecordedMarket) -> Iterator[BookSnapshot | BookDelta]:
        venue, symbol = market.instrument.venue, market.symbol
        rng = random.Random(f"{self.seed}-{venue}-{symbol.name}")
        scale, size = (
            10**symbol.price_scale,
            {"spot": 30_000, "linear": 300, "inverse": 200}[symbol.fungible.kind.value],
        )
        path = random.Random(self.seed)
        mid = 60_000 * scale + rng.randrange(scale)
        now_ns, seq = START_NS, 1
        books = None
        for _ in range(self.seconds * 10):
            mid += path.randrange(-2 * scale, 2 * scale + 1)
            bids = {mid - scale - i * scale // 2 - rng.randrange(9): rng.randrange(1, size) for i in range(40)}
            asks = {mid + scale + i * scale // 2 + rng.randrange(9): rng.randrange(1, size) for i in range(40)}
            if books is None:
                yield BookSnapshot(venue, symbol.name, 1, now_ns, now_ns, _best(bids, -1), _best(asks, 1))
            else:
                gone = tuple(dict.fromkeys(books[0], 0).items()), tuple(dict.fromkeys(books[1], 0).items())
                yield BookDelta(
                    venue,
                    symbol.name,
                    seq,
                    seq + 1,
                    now_ns,
                    now_ns,
                    (*gone[0], *bids.items()),
                    (*gone[1], *asks.items()),
                )
                seq += 1
            books = bids, asks
            now_ns += 100 * MS


def _best(levels: dict[int, int], sign: int) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(levels.items(), key=lambda level: sign * level[0]))


def small_protocol(sizes_usd: Sequence[int] = (20_000, 400_000)) -> Protocol:
    """The committed protocol with fewer and faster parents: for tests of the machine, not for results."""
    protocol = load_protocol()
    return replace(
        protocol,
        sizes_usd=tuple(sizes_usd),
        first_after_ns=1000 * MS,
        every_ns=1500 * MS,
        last_before_ns=2000 * MS,
        errors=replace(protocol.errors, n_replications=50),
    )
