"""Measures the recorded markets and writes the simulated ones: app/venues/simulated.toml.

    python -m loadtests.calibrate_simulated [--data FOLDER] [--out FILE]

Measured: volatility, spread, depth by distance, its variation, how fast taken depth comes back, feed rate and delay,
and how far two markets of one coin stray from each other. Chosen, not measured: venue names, fees, ticks, lots, sizes
relative to the recorded market, far venues' delays. Same data, same bytes. Needs pyarrow.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "public" / "l2" / "binance_3mkt_20240808"
OUT = ROOT / "app" / "venues" / "simulated.toml"

# Outer edges of depth bands, bps from the best price of the side. One simulated level stands for one band and sits at
# its outer edge, so that a walk of the simulated book is never cheaper than a walk of the recorded one.
EDGES_BPS = (0.0, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0)
NEAR_BPS = 1.0
DEEP_BPS = 2.0
GRID_NS = 100_000_000
WARM_UP_NS = 1_000_000_000
VOL_HORIZON_STEPS = 50  # 5 s: long enough that the bounce of the best prices does not count as volatility
FALL_TO = 0.6  # a refill event: near depth falls below this part of what it was 200 ms before
REFILL_LAGS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """One recorded market. `contract_usd` 0: quantities are coins."""

    file: str
    coin: str
    contract_usd: int


SOURCES = (
    Source("binance_spot_BTCUSDT", "BTC", 0),
    Source("binance_usdm_BTCUSDT", "BTC", 0),
    Source("binance_coinm_BTCUSD_PERP", "BTC", 100),
    Source("binance_spot_ETHUSDT", "ETH", 0),
    Source("binance_usdm_ETHUSDT", "ETH", 0),
    Source("binance_coinm_ETHUSD_PERP", "ETH", 10),
)


@dataclass(frozen=True)
class Quotes:
    """Best prices on the grid, and what the quote stream says of itself."""

    grid_ns: Ints
    mid: Floats
    spread_bps: float
    volatility_bps: float
    messages_per_s: float
    span: str


@dataclass(frozen=True)
class Depth:
    """`level_qty` in coins per band; log sds of quantities; half-lives in seconds; delays in ms above the smallest."""

    edges_bps: tuple[float, ...]
    level_qty: tuple[float, ...]
    near_log_sd: float
    deep_log_sd: float
    qty_half_life_s: float
    refill_half_life_s: float
    n_refills: int
    n_samples: int
    messages_per_s: float
    delay_p50_ms: float
    delay_p95_ms: float


@dataclass(frozen=True)
class Stray:
    """How one market's mid moves about another's: log difference, mean taken out."""

    log_sd_bps: float
    half_life_s: float


# measuring


def measure_quotes(data: Path, source: Source) -> Quotes:
    """Volatility at 5 s, time-weighted mean spread, rate of quote messages."""
    table = pq.read_table(data / f"{source.file}_bbo.parquet")
    received = table["recv_ns"].to_numpy()
    bid, ask = table["bid_price"].to_numpy(), table["ask_price"].to_numpy()
    grid = np.arange(received[0] + GRID_NS, received[-1], GRID_NS)
    rows = np.searchsorted(received, grid, side="right") - 1
    mid = (bid + ask)[rows] / 2 / 10 ** int(_meta(table, "price_decimals"))
    moves = np.log(mid[VOL_HORIZON_STEPS:] / mid[:-VOL_HORIZON_STEPS]) * 1e4
    horizon_s = VOL_HORIZON_STEPS * GRID_NS / 1e9
    held_ns = np.diff(received)
    spread_bps = (ask - bid) / ((ask + bid) / 2) * 1e4
    span_s = float(received[-1] - received[0]) / 1e9
    return Quotes(
        grid_ns=grid,
        mid=mid,
        spread_bps=float((spread_bps[:-1] * held_ns).sum() / held_ns.sum()),
        volatility_bps=float(moves.std() / math.sqrt(horizon_s)),
        messages_per_s=len(received) / span_s,
        span=f"{_utc(received[0])} to {_utc(received[-1])} (capture clock), {span_s:.0f} s",
    )


def measure_depth(data: Path, source: Source) -> Depth:
    """Cumulative depth by distance on the grid, both sides, rebuilt from the snapshot and its diffs."""
    table = pq.read_table(data / f"{source.file}_depth.parquet")
    cumulative = _cumulative_depth(data, source, table)
    bands = np.diff(cumulative, axis=2, prepend=0.0)
    profile = np.median(cumulative, axis=(0, 1))
    level_qty = np.diff(profile, prepend=0.0)
    kept = level_qty > 0
    near = np.log(cumulative[:, :, EDGES_BPS.index(NEAR_BPS)])
    deep = bands[:, :, EDGES_BPS.index(DEEP_BPS) + 1 :]
    deep_sd = np.median(_robust_sd(np.log(np.maximum(deep, 1e-9))))
    half_life_s, n_refills = _refill(np.exp(near))
    delay_ms = _delay_ms(table)
    received = table["recv_ns"].to_numpy()
    return Depth(
        edges_bps=tuple(np.array(EDGES_BPS)[kept].tolist()),
        level_qty=tuple(level_qty[kept].tolist()),
        near_log_sd=float(np.median(near.std(axis=1))),
        deep_log_sd=float(deep_sd),
        qty_half_life_s=_half_life_s(float(np.mean([_autocorrelation(row[::10]) for row in near])), 1.0),
        refill_half_life_s=half_life_s,
        n_refills=n_refills,
        n_samples=cumulative.shape[1],
        messages_per_s=len(np.unique(table["last_id"].to_numpy())) / (float(received[-1] - received[0]) / 1e9),
        delay_p50_ms=float(np.percentile(delay_ms, 50)),
        delay_p95_ms=float(np.percentile(delay_ms, 95)),
    )


def measure_stray(one: Quotes, other: Quotes) -> Stray:
    """Standard deviation and half-life (AR(1) at 1 s) of the log difference of two mids of one coin."""
    low, high = max(one.grid_ns[0], other.grid_ns[0]), min(one.grid_ns[-1], other.grid_ns[-1])
    grid = np.arange(low, high, GRID_NS)
    gap = np.log(_at(other, grid) / _at(one, grid)) * 1e4
    gap -= gap.mean()
    return Stray(float(gap.std()), _half_life_s(_autocorrelation(gap[::10]), 1.0))


def _cumulative_depth(data: Path, source: Source, diffs: object) -> Floats:
    """float64[2 sides, instants, bands]: coins within each band edge of the side's best price."""
    snapshot = pq.read_table(data / f"{source.file}_snapshot.parquet")
    price_scale = 10 ** int(_meta(snapshot, "price_decimals"))
    qty_scale = 10 ** int(_meta(snapshot, "qty_decimals"))
    books: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for side, price, qty in zip(*(snapshot[name].to_pylist() for name in ("side", "price", "qty")), strict=True):
        books[side][price] = qty
    columns = {name: diffs[name].to_numpy() for name in ("recv_ns", "last_id", "side", "price", "qty")}  # type: ignore[index]
    is_new = columns["last_id"] > int(_meta(snapshot, "last_update_id"))
    received = columns["recv_ns"][is_new]
    sides, prices, qtys = (columns[name][is_new].tolist() for name in ("side", "price", "qty"))
    grid = np.arange(received[0] + WARM_UP_NS, received[-1], GRID_NS)
    ends = np.searchsorted(received, grid, side="right").tolist()
    out = np.zeros((2, len(grid), len(EDGES_BPS)))
    row = 0
    for instant, end in enumerate(ends):
        while row < end:
            if sides[row] < 2:
                book = books[sides[row]]
                if qtys[row]:
                    book[prices[row]] = qtys[row]
                else:
                    book.pop(prices[row], None)
            row += 1
        for side in (0, 1):
            price = np.fromiter(books[side].keys(), np.float64, len(books[side]))
            qty = np.fromiter(books[side].values(), np.float64, len(books[side])) / qty_scale
            coins = qty * source.contract_usd / (price / price_scale) if source.contract_usd else qty
            best = price.max() if side == 0 else price.min()
            distance_bps = np.round(np.abs(price - best) / best * 1e4, 9)
            band = np.searchsorted(EDGES_BPS, distance_bps, side="left")
            near = band < len(EDGES_BPS)
            out[side, instant] = np.cumsum(np.bincount(band[near], coins[near], len(EDGES_BPS)))
    return out


def _refill(depth: Floats) -> tuple[float, int]:
    """Half-life of the median recovery of near depth after a fall, and the number of falls.

    Quotes that follow the price and noise that reverts both help the recovery: the true refill is slower.
    """
    recoveries: list[Floats] = []
    lags = np.array(REFILL_LAGS)
    for side in depth:
        for i in range(2, len(side) - REFILL_LAGS[-1]):
            if side[i] < FALL_TO * side[i - 2]:
                recoveries.append((side[i + lags] - side[i]) / (side[i - 2] - side[i]))
    median = np.median(np.array(recoveries), axis=0)
    return float(np.interp(0.5, np.maximum.accumulate(median), lags * GRID_NS / 1e9)), len(recoveries)


def _delay_ms(table: object) -> Floats:
    """Receive minus exchange time of each message, above the smallest: the clocks' constant offset drops out."""
    received, stamped = table["recv_ns"].to_numpy(), table["exch_ms"].to_numpy()  # type: ignore[index]
    _, first = np.unique(received, return_index=True)
    delay_ms: Floats = received[first] / 1e6 - stamped[first]
    return delay_ms - delay_ms.min()


def _at(quotes: Quotes, grid: Ints) -> Floats:
    found: Floats = quotes.mid[np.searchsorted(quotes.grid_ns, grid, side="right") - 1]
    return found


def _autocorrelation(series: Floats) -> float:
    return float(np.corrcoef(series[:-1], series[1:])[0, 1])


def _half_life_s(autocorrelation: float, lag_s: float) -> float:
    """Half-life of the AR(1) process that has this autocorrelation at this lag."""
    return lag_s * math.log(2) / -math.log(min(max(autocorrelation, 1e-3), 1 - 1e-9))


def _robust_sd(values: Floats) -> Floats:
    """1.4826 times the median absolute deviation over time, per side and band."""
    spread: Floats = 1.4826 * np.median(np.abs(values - np.median(values, axis=1, keepdims=True)), axis=1)
    return spread


def _meta(table: object, name: str) -> str:
    value: bytes = table.schema.metadata[name.encode()]  # type: ignore[attr-defined]
    return value.decode()


def _utc(ns: int) -> str:
    return datetime.fromtimestamp(ns / 1e9, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


# choosing


@dataclass(frozen=True)
class ListingChoice:
    tick: str
    lot: str
    min_qty: str
    min_notional: str


@dataclass(frozen=True)
class VenueChoice:
    """What is chosen for one venue. `market` is the recorded market it is shaped after, `share` of its depth."""

    venue_id: str
    title: str
    taker_fee_ppm: int
    maker_fee_ppm: int
    fixed: str
    latency_ms: float | None  # None: the recorded feed delay of its market
    processing_ms: float
    publish_ms: int
    market: str
    share: float
    btc: ListingChoice
    eth: ListingChoice


VENUES = (
    VenueChoice(
        "sim_alpha",
        "Alpha",
        1000,
        1000,
        "0",
        None,
        1.0,
        100,
        "spot",
        1.0,
        ListingChoice("0.01", "0.00001", "0.00001", "5"),
        ListingChoice("0.01", "0.0001", "0.0001", "5"),
    ),
    VenueChoice(
        "sim_bravo",
        "Bravo",
        750,
        500,
        "0",
        None,
        1.0,
        100,
        "usdm",
        0.25,
        ListingChoice("0.1", "0.0001", "0.0001", "10"),
        ListingChoice("0.01", "0.001", "0.001", "10"),
    ),
    VenueChoice(
        "sim_charlie",
        "Charlie",
        600,
        200,
        "0",
        None,
        2.0,
        100,
        "coinm",
        0.6,
        ListingChoice("0.5", "0.0001", "0.0002", "10"),
        ListingChoice("0.05", "0.001", "0.002", "10"),
    ),
    VenueChoice(
        "sim_delta",
        "Delta",
        500,
        0,
        "0",
        15.0,
        2.0,
        150,
        "spot",
        0.35,
        ListingChoice("1", "0.001", "0.001", "50"),
        ListingChoice("0.1", "0.01", "0.01", "20"),
    ),
    VenueChoice(
        "sim_echo",
        "Echo",
        850,
        -50,
        "0",
        25.0,
        3.0,
        200,
        "usdm",
        0.15,
        ListingChoice("0.1", "0.00005", "0.0001", "5"),
        ListingChoice("0.01", "0.0005", "0.001", "5"),
    ),
    VenueChoice(
        "sim_foxtrot",
        "Foxtrot",
        450,
        450,
        "2.5",
        40.0,
        5.0,
        250,
        "coinm",
        0.4,
        ListingChoice("0.01", "0.0001", "0.0001", "1"),
        ListingChoice("0.01", "0.001", "0.001", "1"),
    ),
)
COINS = {"BTC": ("BTC/USDT", 2, 5), "ETH": ("ETH/USDT", 2, 4)}
STRAYS = {"spot": "usdm", "usdm": "usdm", "coinm": "coinm"}


# writing


def render(data: Path) -> str:
    """The whole TOML text."""
    quotes = {source.file: measure_quotes(data, source) for source in SOURCES}
    lines = [*_head(data, quotes)]
    for coin in COINS:
        lines += _symbol(coin, quotes)
    for source in SOURCES:
        lines += _profile(source, quotes, measure_depth(data, source))
    delays = {source.file.split("_")[1]: measure_delay(data, source) for source in SOURCES if source.coin == "BTC"}
    for choice in VENUES:
        lines += _venue(choice, delays)
    return "\n".join(lines) + "\n"


def measure_delay(data: Path, source: Source) -> float:
    """Median feed delay in ms above the smallest."""
    return float(np.percentile(_delay_ms(pq.read_table(data / f"{source.file}_depth.parquet")), 50))


def _head(data: Path, quotes: dict[str, Quotes]) -> list[str]:
    lines = [
        "# Simulated venues. Written by loadtests/calibrate_simulated.py: change the script, not this file.",
        "# `measured` figures describe the recorded markets below and nothing else: one exchange, one day, minutes.",
        "# `chosen` figures (fees, ticks, lots, shares, far delays) are ours: they are no real venue's.",
        "#",
    ]
    for source in SOURCES:
        schema = pq.read_schema(data / f"{source.file}_depth.parquet").metadata
        origin, licence, commit = (schema[name].decode() for name in (b"source", b"licence", b"commit"))
        lines.append(f"# {source.file}: {origin}, {licence}, commit {commit[:8]}")
        lines.append(f"#   {quotes[source.file].span}")
    return [*lines, "", "source = 'simulated'", "as_of = '2024-08-08'", "quote = 'USDT'", "step_ms = 50", ""]


def _symbol(coin: str, quotes: dict[str, Quotes]) -> list[str]:
    name, price_scale, qty_scale = COINS[coin]
    spot = next(quotes[source.file] for source in SOURCES if source.coin == coin and "_spot_" in source.file)
    return [
        "[[symbols]]",
        f"name = '{name}'",
        f"base = '{coin}'",
        f"price_scale = {price_scale}",
        f"qty_scale = {qty_scale}",
        f"start_price = {_figure(spot.mid[0])}  # measured: first spot mid",
        f"volatility_bps = {_figure(spot.volatility_bps)}  # measured: sd of spot mid moves over 5 s, per root second",
        "",
    ]


def _profile(source: Source, quotes: dict[str, Quotes], depth: Depth) -> list[str]:
    mine = quotes[source.file]
    market = source.file.split("_")[1]
    pair = {
        m: next(s for s in SOURCES if s.coin == source.coin and f"_{m}_" in s.file) for m in ("spot", "usdm", "coinm")
    }
    stray = measure_stray(quotes[pair["spot"].file], quotes[pair[STRAYS[market]].file])
    return [
        f"[profiles.{market}.'{COINS[source.coin][0]}']  # measured on {source.file}",
        f"# {depth.n_samples} instants a side",
        f"spread_bps = {_figure(mine.spread_bps)}  # time-weighted mean",
        f"quotes_per_s = {_figure(mine.messages_per_s)}",
        f"depth_messages_per_s = {_figure(depth.messages_per_s)}",
        f"delay_ms_p50 = {_figure(depth.delay_p50_ms)}  # above the smallest",
        f"delay_ms_p95 = {_figure(depth.delay_p95_ms)}",
        f"stray_bps = {_figure(stray.log_sd_bps)}  # sd of log mid {STRAYS[market]} against spot, mean taken out",
        f"stray_half_life_s = {_figure(stray.half_life_s)}",
        f"edges_bps = {_figures(depth.edges_bps)}  # from the best price of the side",
        f"level_qty = {_figures(depth.level_qty)}  # coins in the band, medians",
        f"near_log_sd = {_figure(depth.near_log_sd)}  # of log depth within {NEAR_BPS:g} bp",
        f"deep_log_sd = {_figure(depth.deep_log_sd)}  # of log band depth beyond {DEEP_BPS:g} bp, robust",
        f"qty_half_life_s = {_figure(depth.qty_half_life_s)}  # of near depth's own variation",
        f"refill_half_life_s = {_figure(depth.refill_half_life_s)}  # median of {depth.n_refills} falls of near depth",
        "",
    ]


def _venue(choice: VenueChoice, delays: dict[str, float]) -> list[str]:
    latency_ms, how = choice.latency_ms, "chosen"
    if latency_ms is None:
        latency_ms, how = delays[choice.market], f"measured: median feed delay of {choice.market} above the smallest"
    lines = [
        "[[venues]]",
        f"venue_id = '{choice.venue_id}'",
        f"title = '{choice.title} (simulated)'",
        f"taker_fee_ppm = {choice.taker_fee_ppm}  # chosen, like every figure below without another word",
        f"maker_fee_ppm = {choice.maker_fee_ppm}",
        f"fixed = '{choice.fixed}'  # per child, in the quote",
        f"latency_ms = {_figure(latency_ms)}  # one way; {how}",
        f"processing_ms = {_figure(choice.processing_ms)}",
        f"publish_ms = {choice.publish_ms}",
        "max_book_age_ms = 2000",
        "request_deadline_ms = 1500",
        f"profile = '{choice.market}'",
        f"share = {_figure(choice.share)}  # of the recorded depth",
    ]
    for coin, listing in (("BTC", choice.btc), ("ETH", choice.eth)):
        lines += [
            f"[venues.listings.'{COINS[coin][0]}']",
            f"venue_symbol = '{coin}-USDT'",
            f"tick = '{listing.tick}'",
            f"lot = '{listing.lot}'",
            f"min_qty = '{listing.min_qty}'",
            f"min_notional = '{listing.min_notional}'",
        ]
    return [*lines, ""]


def _figure(value: float) -> str:
    """Four significant digits, always with a point; enough for a model, and stable between machines."""
    text = np.format_float_positional(float(f"{value:.4g}"), trim="0")
    return text if abs(value) < 1000 else f"{value:.2f}"


def _figures(values: Sequence[float]) -> str:
    return "[" + ", ".join(_figure(value) for value in values) + "]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.write_text(render(options.data), encoding="utf-8")
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
