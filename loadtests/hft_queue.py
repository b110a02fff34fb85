"""Queue fills of a simulated venue against an independent backtester: `python -m loadtests.hft_queue --python PATH`.

hftbacktest (MIT) needs an older numpy than ours, so it runs in an interpreter of its own:

    python3.11 -m venv hft && hft/bin/pip install --require-hashes -r requirements/hftbacktest.lock
    BESTEX_HFT_PYTHON=hft/bin/python python -m loadtests.hft_queue

One venue without hidden orders, latency or fees runs with passive orders of one lot, one at a time, each at the best
bid or ask as it is, canceled after `LIFE_S` (one lot: hftbacktest fills what it knows to be reached and nobody else's
book changes by it). The book after every 10 ms and every public trade go to hftbacktest, which fills the same orders
by its own queue models: risk adverse (only trades move us: pessimistic) and probabilistic (log: cancels spread over
the queue). Our fills are exact, because the simulated venue knows where in the queue a cancel was; our own pessimistic
and optimistic (uniform cancels) fills are computed here from the same public data.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.venues.markets.hawkes import hawkes_markets
from app.venues.markets.port import Force, Order, Told
from app.venues.markets.propagator import propagator_markets
from app.venues.markets.spec import read_world
from app.venues.markets.world import Markets

MARKETS = Path(__file__).parents[1] / "app" / "venues" / "markets"
PYTHON_VARIABLE = "BESTEX_HFT_PYTHON"
STEP_NS = 10_000_000
LIFE_S = 2.0
EVERY_S = 3.0
MAKERS = {"hawkes": hawkes_markets, "propagator": propagator_markets}
Ints = npt.NDArray[np.int64]

# What runs under the other interpreter: reads FOLDER/events.npy and orders.npy, writes fills.json.
THERE = """
import json, sys
import numpy as np
import hftbacktest as h
from numba import njit

folder, model = sys.argv[1], sys.argv[2]
rows = np.load(folder + "/events.npy")
data = np.zeros(len(rows), h.event_dtype)
for i, name in enumerate(("ev", "exch_ts", "local_ts")):
    data[name] = rows[:, i]
data["px"], data["qty"] = rows[:, 3], rows[:, 4]
orders = np.load(folder + "/orders.npy")
asset = h.BacktestAsset().data([data]).linear_asset(1.0).constant_order_latency(0, 0)
asset = asset.risk_adverse_queue_model() if model == "risk_adverse" else asset.log_prob_queue_model()
asset = asset.no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0).tick_size(1.0).lot_size(1.0)
hbt = h.ROIVectorMarketDepthBacktest([asset.roi_lb(0.0).roi_ub(200000.0)])

@njit
def run(hbt, orders, out):
    for i in range(orders.shape[0]):
        if hbt.elapse(orders[i, 0] - hbt.current_timestamp) != 0:
            break
        if orders[i, 2] > 0:
            hbt.submit_buy_order(0, i, orders[i, 3], 1.0, h.GTC, h.LIMIT, False)
        else:
            hbt.submit_sell_order(0, i, orders[i, 3], 1.0, h.GTC, h.LIMIT, False)
        hbt.elapse(orders[i, 1] - hbt.current_timestamp)
        order = hbt.orders(0).get(i)
        if order is not None and order.status == h.FILLED:
            out[i] = order.exch_timestamp
        elif order is not None:
            hbt.cancel(0, i, False)
        hbt.elapse(1000)
        hbt.clear_inactive_orders(0)

out = np.full(len(orders), -1, np.int64)
run(hbt, orders, out)
hbt.close()
json.dump(out.tolist(), open(folder + "/" + model + ".json", "w"))
"""


@dataclass(frozen=True)
class Played:
    """What happened at the venue: public events, our orders (sent, ended, sign, price), our fill times (-1: none)."""

    events: npt.NDArray[np.float64]  # flags, exchange ns, local ns, price, lots
    orders: Ints
    exact_ns: Ints
    lower_ns: Ints  # pessimistic
    upper_ns: Ints  # optimistic


def lone_market(family: str, seed: int) -> Markets:
    """The family's first venue alone: no hidden orders, no icebergs, no latency."""
    table = read_world(MARKETS / f"{family}.toml")
    venue = {"publish_s": 0.01, "maker_fee_ppm": 0, "taker_fee_ppm": 0}
    law = {**table[family], "hidden_frac": 0.0}
    return MAKERS[family]({**table, family: law, "venue": venue, "venues": [{"venue": "alone"}]}, seed, 1)


def play(family: str, seed: int, seconds: float) -> Played:
    """Runs the venue with one order of ours at a time, buys and sells in turn."""
    flags = _Flags()
    market, book = lone_market(family, seed), ({}, {})
    events: list[tuple[float, ...]] = []
    orders: list[tuple[int, int, int, int]] = []
    exact: list[int] = []
    queues: list[_Queue] = []
    open_until, number, last_print = -1, -1, 0
    for step in range(1, round(seconds * 1e9) // STEP_NS + 1):
        now = step * STEP_NS
        market.advance(now)
        trades = market.trades()
        if number >= 0:
            for report in market.reports():
                if report.told is Told.FILLED and report.number == number:
                    exact[-1] = report.ts_ns
        view = market.true_view(0)
        mine = orders[-1] if number >= 0 and exact[-1] < 0 else None
        for trade in trades:
            events.append((flags.trade(trade.sign), trade.ts_ns, trade.ts_ns, trade.price_half_ticks / 2, trade.lots))
            if queues and open_until > 0:
                queues[-1].on_trade(trade.ts_ns, trade.sign, trade.price_half_ticks // 2, trade.lots)
        _compare(events, flags, book, view, now, mine)
        if queues and open_until > 0:
            queues[-1].on_book(now, book)
        if open_until > 0 and now >= open_until:
            if exact[-1] < 0:
                market.cancel(number)
            number, open_until = -1, -1
        elif open_until < 0 and now % round(EVERY_S * 1e9) == 0 and view.bids and view.asks:
            sign = 1 if len(orders) % 2 == 0 else -1
            price = (view.bids if sign > 0 else view.asks)[0][0]
            open_until = now + round(LIFE_S * 1e9)
            number = market.send(Order(0, sign, price, 1, Force.POST_ONLY))
            orders.append((now, open_until, sign, price))
            queues.append(_Queue(sign, price, book[0 if sign > 0 else 1][price]))
            exact.append(-1)
        last_print = len(events)
    assert last_print == len(events)
    columns = np.array(orders, np.int64)
    return Played(
        np.array(events, np.float64),
        columns,
        np.array(exact, np.int64),
        np.array([q.lower_ns for q in queues], np.int64),
        np.array([q.upper_ns for q in queues], np.int64),
    )


class _Flags:
    """hftbacktest's event flags: seen by exchange and local, a depth change or a trade, of one side."""

    both, depth_kind, trade_kind, buy, sell = (1 << 31) | (1 << 30), 1, 2, 1 << 29, 1 << 28

    def depth(self, side: int) -> int:
        return self.both | self.depth_kind | (self.sell if side else self.buy)

    def trade(self, sign: int) -> int:
        return self.both | self.trade_kind | (self.buy if sign > 0 else self.sell)


def _compare(events: list[Any], flags: _Flags, book: Any, view: Any, now: int, mine: Any) -> None:
    """Appends what changed in the crowd's book since the last look; what we show ourselves is taken out."""
    for side, levels in enumerate((view.bids, view.asks)):
        seen = dict(levels)
        if mine is not None and (mine[2] > 0) == (side == 0) and mine[3] in seen:
            seen[mine[3]] -= 1
            if seen[mine[3]] == 0:
                del seen[mine[3]]
        for price in [p for p in book[side] if p not in seen]:
            events.append((flags.depth(side), now, now, price, 0))
            del book[side][price]
        for price, lots in seen.items():
            if book[side].get(price) != lots:
                events.append((flags.depth(side), now, now, price, lots))
                book[side][price] = lots


class _Queue:
    """Our own bounds from public data: ahead of us only trades (lower), or cancels uniformly as well (upper)."""

    def __init__(self, sign: int, price: int, ahead: int) -> None:
        self.sign, self.price, self.lots = sign, price, float(ahead)
        self.lower, self.upper, self.traded = float(ahead), float(ahead), 0.0
        self.lower_ns = self.upper_ns = -1

    def on_trade(self, at_ns: int, taker_sign: int, price: int, lots: int) -> None:
        if taker_sign == self.sign or (price - self.price) * self.sign > 0:
            return
        if (price - self.price) * self.sign < 0:
            self.lower = self.upper = -1.0
        else:
            self.traded += lots
            self.lower -= lots
            self.upper -= lots
        self._fill(at_ns)

    def on_book(self, at_ns: int, book: Any) -> None:
        there = float(book[0 if self.sign > 0 else 1].get(self.price, 0))
        gone = max(0.0, self.lots - self.traded - there)
        before = max(1e-9, self.lots - self.traded)
        self.upper -= max(0.0, self.upper) * min(1.0, gone / before)
        self.lower, self.upper = min(self.lower, there), min(self.upper, there)
        self.lots, self.traded = there, 0.0
        other = book[1 if self.sign > 0 else 0]
        if other and ((min(other) if self.sign > 0 else max(other)) - self.price) * self.sign <= 0:
            self.lower = self.upper = -1.0
            self._fill(at_ns)

    def _fill(self, at_ns: int) -> None:
        if self.lower < 0 and self.lower_ns < 0:
            self.lower_ns = at_ns
        if self.upper < 0 and self.upper_ns < 0:
            self.upper_ns = at_ns


def ask_hftbacktest(played: Played, python: str) -> dict[str, Ints]:
    """Fill times by hftbacktest's two queue models, -1 where none. Raises CalledProcessError where it fails."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/events.npy", played.events)
        np.save(f"{folder}/orders.npy", played.orders)
        for model in ("risk_adverse", "log_prob"):
            subprocess.run([python, "-c", THERE, folder, model], check=True, timeout=300)
            found[model] = np.array(json.loads(Path(f"{folder}/{model}.json").read_text()), np.int64)
    return found


def table(played: Played, there: dict[str, Ints]) -> list[str]:
    """One row a model: orders filled, agreement with our exact fills, and how much later (ms, median and 90 %)."""
    rows = ["| queue model | filled | of the exact fills | filled, exact not | later, median ms | later, 90 % ms |"]
    rows.append("|---|---:|---:|---:|---:|---:|")
    models = {
        "exact (simulated venue)": played.exact_ns,
        "ours, pessimistic": played.lower_ns,
        "ours, optimistic": played.upper_ns,
        **{f"hftbacktest, {name}": at for name, at in there.items()},
    }
    for name, at in models.items():
        both, only = (at >= 0) & (played.exact_ns >= 0), (at >= 0) & (played.exact_ns < 0)
        late_ms = (at[both] - played.exact_ns[both]) / 1e6
        share = both.sum() / max(1, (played.exact_ns >= 0).sum())
        late = (np.median(late_ms), np.percentile(late_ms, 90)) if both.any() else (float("nan"), float("nan"))
        rows.append(
            f"| {name} | {(at >= 0).sum()} of {len(at)} | {share:.1%} | {only.sum()} | {late[0]:.1f} | {late[1]:.1f} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=os.environ.get(PYTHON_VARIABLE, ""))
    parser.add_argument("--seconds", type=float, default=600.0)
    arguments = parser.parse_args()
    if not arguments.python:
        parser.error(f"--python or {PYTHON_VARIABLE}: the interpreter that has hftbacktest")
    for family in MAKERS:
        played = play(family, 11, arguments.seconds)
        print(f"\n{family}\n\n" + "\n".join(table(played, ask_hftbacktest(played, arguments.python))))


if __name__ == "__main__":
    main()
