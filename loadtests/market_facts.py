"""What is measured of a market, recorded or simulated, by the same code: stylised facts and response.

A `Tape` is a market's quotes, its takers' orders and its book on a 100 ms grid in buckets of 1/6 bp (a tick of the
simulated worlds), in USD. Recorded ones come from the event-level Binance books (hftbacktest examples, MIT).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from scipy.optimize import minimize

from app.venues.markets.world import Markets
from loadtests.calibrate_simulated import Source

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BUCKETS_A_BP = 6.0
N_BUCKETS = 2_048  # of price, the first in the middle
GRID_S = 0.1
LAGS_S = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0)
VOL_S = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0)
SIZE_CUTS = (0, 50, 80, 95, 100)  # percentiles of a taker's size
SIGN_LAGS = (1, 2, 5, 10, 30, 100)
BANDS_BP = (0.0, 1.0, 2.0, 5.0)
DECAYS_S = (0.003, 0.015, 0.07, 0.35, 1.7, 8.0)  # mean delays of the kernels that the Hawkes fit mixes
FALL_TO = 0.6
REFILL_STEPS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50)


@dataclass(frozen=True)
class Tape:
    """Times in s from the first quote; `mid` and `spread_bp` at each quote; takers' orders, one an instant and side.

    book_usd: float64[2, instants, N_BUCKETS] on a grid of GRID_S from `grid_s[0]`. `origin_s`: the first quote on the
    clock that several tapes share.
    """

    name: str
    quote_s: Floats
    mid: Floats
    spread_bp: Floats
    order_s: Floats
    order_sign: Floats
    order_usd: Floats
    grid_s: Floats
    book_usd: Floats
    origin_s: float = 0.0

    def mid_at(self, at_s: Floats) -> Floats:
        """The mid of the last quote at or before each time."""
        found: Floats = self.mid[np.clip(np.searchsorted(self.quote_s, at_s, side="right") - 1, 0, None)]
        return found


@dataclass(frozen=True)
class Facts:
    """One market's figures; NaN where a sample is too small. Volumes in USD, moves in bp."""

    span_s: float
    spread_bp: float
    volatility_bp: tuple[float, ...]  # a square root of a second, at VOL_S
    orders_per_s: float
    size_median_usd: float
    size_mean_usd: float
    size_log_sd: float
    sign_autocorrelation: tuple[float, ...]
    branching: float
    branching_other_side: float
    branching_delay_s: float
    depth_usd: tuple[float, ...]  # within BANDS_BP[1:]
    added_usd_per_s: tuple[float, ...]
    removed_usd_per_s: tuple[float, ...]
    refill_half_life_s: float
    n_refills: int
    response_bp: tuple[tuple[float, ...], ...]  # [size][lag]
    response_power: float  # of size, at 1 s


def merged_orders(at_s: Floats, sign: Floats, usd: Floats, instant: Ints) -> tuple[Floats, Floats, Floats]:
    """Trades of one instant and side are one taker's order."""
    starts = np.flatnonzero(np.r_[True, (np.diff(instant) != 0) | (np.diff(sign) != 0)])
    return at_s[starts], sign[starts], np.add.reduceat(usd, starts)


def recorded_tape(folder: Path, source: Source) -> Tape:
    """A recorded market; its own clock is used for nothing but differences."""
    trades, quotes = (pq.read_table(folder / f"{source.file}_{part}.parquet") for part in ("trades", "bbo"))
    meta = {name.decode(): value.decode() for name, value in trades.schema.metadata.items()}
    price_scale, qty_scale = 10 ** int(meta["price_decimals"]), 10 ** int(meta["qty_decimals"])
    begin_ns = quotes["recv_ns"][0].as_py()
    quote_s = (quotes["recv_ns"].to_numpy() - begin_ns) / 1e9
    bid, ask = (quotes[name].to_numpy() / price_scale for name in ("bid_price", "ask_price"))
    qty, price = trades["qty"].to_numpy() / qty_scale, trades["price"].to_numpy() / price_scale
    sign = np.where(trades["buyer_is_maker"].to_numpy(zero_copy_only=False), -1.0, 1.0)
    usd = qty * source.contract_usd if source.contract_usd else qty * price
    at_s = (trades["recv_ns"].to_numpy() - begin_ns) / 1e9
    orders = merged_orders(at_s, sign, usd, trades["trade_ms"].to_numpy())
    grid_s, book = _recorded_book(folder, source, begin_ns, price_scale, qty_scale)
    mid = (bid + ask) / 2
    return Tape(
        source.file.removeprefix("binance_"),
        quote_s,
        mid,
        (ask - bid) / mid * 1e4,
        *orders,
        grid_s,
        book,
        begin_ns / 1e9,
    )


def _recorded_book(
    folder: Path, source: Source, begin_ns: int, price_scale: int, qty_scale: int
) -> tuple[Floats, Floats]:
    """The book on the grid, rebuilt from the snapshot and its diffs."""
    snapshot = pq.read_table(folder / f"{source.file}_snapshot.parquet")
    diffs = pq.read_table(folder / f"{source.file}_depth.parquet")
    columns = {name: diffs[name].to_numpy() for name in ("recv_ns", "last_id", "side", "price", "qty")}
    is_new = columns["last_id"] > int(snapshot.schema.metadata[b"last_update_id"])
    at_s = (columns["recv_ns"][is_new] - begin_ns) / 1e9
    side, price, qty = (columns[name][is_new].tolist() for name in ("side", "price", "qty"))
    first = float(np.median(snapshot["price"].to_numpy()))
    bucket = (np.round(np.log(columns["price"][is_new] / first) * 1e4 * BUCKETS_A_BP) + N_BUCKETS // 2).astype(np.int64)
    book: tuple[dict[int, int], dict[int, int]] = ({}, {})
    now = np.zeros((2, N_BUCKETS))

    def put(s: int, p: int, q: int, b: int) -> None:
        changed = q - book[s].get(p, 0)
        book[s][p] = q
        if 0 <= b < N_BUCKETS:
            worth = source.contract_usd or p / price_scale
            now[s, b] += changed / qty_scale * worth

    for s, p, q in zip(*(snapshot[name].to_pylist() for name in ("side", "price", "qty")), strict=True):
        put(s, p, q, round(np.log(p / first) * 1e4 * BUCKETS_A_BP) + N_BUCKETS // 2)
    grid_s = np.arange(at_s[0] + 1.0, at_s[-1], GRID_S)
    ends = np.searchsorted(at_s, grid_s, side="right").tolist()
    out, row = np.zeros((2, len(grid_s), N_BUCKETS)), 0
    for instant, end in enumerate(ends):
        for i in range(row, end):
            if side[i] < 2:
                put(side[i], price[i], qty[i], int(bucket[i]))
        row = end
        out[:, instant] = np.where(now > 1e-3, now, 0.0)  # what sums leave behind is not a level
    return grid_s, out


def simulated_tape(
    market: Markets, name: str, seconds: float, usd_a_lot: float, venue_i: int = 0, quote_s: float = 0.02
) -> Tape:
    """One lit venue of a simulated world, looked at every `quote_s`, its own book of that instant."""
    start, every = market.now_ns, round(GRID_S / quote_s)
    n = round(seconds / quote_s)
    quotes, grid, book = [], [], np.zeros((2, n // every, N_BUCKETS))
    first = None
    for i in range(1, n + 1):
        market.advance(start + round(i * quote_s * 1e9))
        view = market.true_view(venue_i)
        if view.bids and view.asks:
            quotes.append((i * quote_s, view.bids[0][0], view.asks[0][0]))
            first = first or view.bids[0][0]
        if i % every == 0:
            grid.append(i * quote_s)
            for side, levels in enumerate((view.bids, view.asks)):
                for price, lots in levels:
                    bucket = price - (first or price) + N_BUCKETS // 2
                    if 0 <= bucket < N_BUCKETS:
                        book[side, len(grid) - 1, bucket] = lots * usd_a_lot
    at, bid, ask = (np.array(column, np.float64) for column in zip(*quotes, strict=True))
    prints = [t for t in market.trades() if t.venue_i == venue_i and t.ts_ns >= start]
    at_ns = np.array([t.ts_ns for t in prints], np.int64)
    sign = np.array([t.sign for t in prints], np.float64)
    usd = np.array([t.lots for t in prints]) * usd_a_lot
    orders = merged_orders((at_ns - start) / 1e9, sign, usd, at_ns)
    mid = (bid + ask) / 2
    return Tape(name, at, mid, (ask - bid) / mid * 1e4, *orders, np.array(grid), book)


def measure(tape: Tape) -> Facts:
    """All figures of one market."""
    held = np.diff(tape.quote_s)
    grid = np.arange(tape.quote_s[0] + 1.0, tape.quote_s[-1], GRID_S)
    log_bp = np.log(tape.mid_at(grid)) * 1e4
    sign = tape.order_sign
    branching, other, delay_s = fit_hawkes(tape)
    depth, added, removed = _book_facts(tape)
    half_life_s, n_refills = refill(tape)
    response, sizes = responses(tape)
    return Facts(
        span_s=float(tape.quote_s[-1] - tape.quote_s[0]),
        spread_bp=float((tape.spread_bp[:-1] * held).sum() / held.sum()),
        volatility_bp=tuple(_volatility(log_bp, round(s / GRID_S)) for s in VOL_S),
        orders_per_s=len(sign) / float(tape.quote_s[-1] - tape.quote_s[0]),
        size_median_usd=float(np.median(tape.order_usd)),
        size_mean_usd=float(tape.order_usd.mean()),
        size_log_sd=float(np.log(np.percentile(tape.order_usd, 99) / np.median(tape.order_usd)) / 2.326),
        sign_autocorrelation=tuple(float(np.corrcoef(sign[:-k], sign[k:])[0, 1]) for k in SIGN_LAGS),
        branching=branching,
        branching_other_side=other,
        branching_delay_s=delay_s,
        depth_usd=depth,
        added_usd_per_s=added,
        removed_usd_per_s=removed,
        refill_half_life_s=half_life_s,
        n_refills=n_refills,
        response_bp=response,
        response_power=_power(sizes, [row[LAGS_S.index(1.0)] for row in response]),
    )


def _volatility(log_bp: Floats, steps: int) -> float:
    return float(np.std(log_bp[steps:] - log_bp[:-steps]) / np.sqrt(steps * GRID_S))


def responses(tape: Tape) -> tuple[tuple[tuple[float, ...], ...], list[float]]:
    """[size][lag] mean signed move of the mid from just before the order, bp; and the mean size of each class."""
    cuts = np.percentile(tape.order_usd, SIZE_CUTS)
    is_inside = tape.order_s < tape.quote_s[-1] - LAGS_S[-1]
    rows, sizes = [], []
    for i in range(len(cuts) - 1):
        is_top = i == len(cuts) - 2
        is_mine = (tape.order_usd >= cuts[i]) & ((tape.order_usd < cuts[i + 1]) | is_top) & is_inside
        at, sign = tape.order_s[is_mine], tape.order_sign[is_mine]
        before = tape.mid_at(at - 1e-4)
        moves = [sign * np.log(tape.mid_at(at + lag) / before) * 1e4 for lag in LAGS_S]
        rows.append(tuple(float(move.mean()) if len(at) >= 20 else float("nan") for move in moves))
        sizes.append(float(tape.order_usd[is_mine].mean()) if len(at) >= 20 else float("nan"))
    return tuple(rows), sizes


def _power(sizes: list[float], moves: list[float]) -> float:
    """Slope of log move on log size where the move is positive; NaN below three classes."""
    is_fit = np.isfinite(sizes) & (np.nan_to_num(moves) > 0)
    if is_fit.sum() < 3:
        return float("nan")
    return float(np.polyfit(np.log(np.array(sizes)[is_fit]), np.log(np.array(moves)[is_fit]), 1)[0])


def fit_hawkes(tape: Tape) -> tuple[float, float, float]:
    """Orders' children on the same side, on the other, and their mean delay; maximum likelihood.

    Buys and sells excite themselves and each other through the same mixture of exponential kernels (DECAYS_S), which
    makes the likelihood concave in its weights. Orders beyond the first 6,000 are left out.
    """
    at, sign = tape.order_s[:6_000], tape.order_sign[:6_000]
    span, n_kernels = float(at[-1] - at[0]), len(DECAYS_S)
    rates = 1.0 / np.array(DECAYS_S)
    state = np.zeros((2, n_kernels))
    seen = np.zeros((len(at), 2 * n_kernels))  # kernels' sums over orders of the same side, then of the other
    last = at[0]
    for i, (now, s) in enumerate(zip(at.tolist(), (sign > 0).astype(int).tolist(), strict=True)):
        state *= np.exp(-rates * (now - last))
        seen[i, :n_kernels], seen[i, n_kernels:] = state[s], state[1 - s]
        state[s] += rates
        last = now
    ended = (1.0 - np.exp(-np.outer(at[-1] - at, rates))).sum(axis=0)
    mass = np.r_[2.0 * span, ended, ended]
    seen = np.column_stack([np.ones(len(at)), seen])

    def loss(weights: Floats) -> tuple[float, Floats]:
        intensity = seen @ weights
        return float(mass @ weights - np.log(intensity).sum()), mass - (1.0 / intensity) @ seen

    begin = np.r_[0.25 * len(at) / span, np.full(2 * n_kernels, 0.25 / n_kernels)]
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=[(1e-6, None)] * len(begin)).x
    same, other = found[1 : 1 + n_kernels], found[1 + n_kernels :]
    delay = float((same + other) @ np.array(DECAYS_S) / max(1e-12, (same + other).sum()))
    return float(same.sum()), float(other.sum()), delay


def _book_facts(tape: Tape) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Median depth within each band, USD that appeared and that went a second in each band, mean of both sides."""
    away = _away_bp(tape)
    changed = np.diff(tape.book_usd, axis=1)
    depth, added, removed = [], [], []
    for low, high in pairwise(BANDS_BP):
        depth.append(float(np.median(np.where(np.abs(away) <= high, tape.book_usd, 0.0).sum(axis=2))))
        is_in = ((np.abs(away) > low) & (np.abs(away) <= high))[:, 1:]
        inside = np.where(is_in, changed, 0.0)
        seconds = 2 * changed.shape[1] * GRID_S
        added.append(float(np.maximum(inside, 0.0).sum() / seconds))
        removed.append(float(-np.minimum(inside, 0.0).sum() / seconds))
    return tuple(depth), tuple(added), tuple(removed)


def _away_bp(tape: Tape) -> Floats:
    """float[2, instants, N_BUCKETS]: distance of each bucket from the side's best one, bp."""
    is_there = tape.book_usd > 0
    best_bid = N_BUCKETS - 1 - np.argmax(is_there[0, :, ::-1], axis=1)
    best_ask = np.argmax(is_there[1], axis=1)
    places = np.arange(N_BUCKETS)
    bids, asks = best_bid[:, None] - places, places - best_ask[:, None]
    away: Floats = np.stack([np.where(bids < 0, 1e9, bids), np.where(asks < 0, 1e9, asks)]) / BUCKETS_A_BP
    return away


def refill(tape: Tape) -> tuple[float, int]:
    """Half-life of the median recovery of depth within 1 bp after a fall below FALL_TO in 200 ms; number of falls."""
    near = np.where(_away_bp(tape) <= BANDS_BP[1], tape.book_usd, 0.0).sum(axis=2)
    lags, found = np.array(REFILL_STEPS), []
    for side in near:
        for i in range(2, len(side) - REFILL_STEPS[-1]):
            if 0 < side[i] < FALL_TO * side[i - 2]:
                found.append((side[i + lags] - side[i]) / (side[i - 2] - side[i]))
    if len(found) < 10:
        return float("nan"), len(found)
    median = np.maximum.accumulate(np.median(np.array(found), axis=0))
    return (float(np.interp(0.5, median, lags * GRID_S)) if median[-1] >= 0.5 else float("inf")), len(found)


def lead_s(one: Tape, other: Tape, most_s: float = 1.0) -> tuple[float, float]:
    """(lag, correlation): how long after `one` the mid of `other` moves, by the largest correlation of 20 ms moves."""
    shift = other.origin_s - one.origin_s
    low = max(one.quote_s[0], other.quote_s[0] + shift) + 1.0
    grid = np.arange(low, min(one.quote_s[-1], other.quote_s[-1] + shift), 0.02)
    a, b = np.diff(np.log(one.mid_at(grid))), np.diff(np.log(other.mid_at(grid - shift)))
    n = round(most_s / 0.02)
    lags = range(-n, n + 1)
    found = [float(np.corrcoef(a[n : len(a) - n], b[n + k : len(b) - n + k])[0, 1]) for k in lags]
    best = int(np.argmax(found))
    return lags[best] * 0.02, found[best]
