"""Others' trades on a simulated venue: a Poisson flow of lognormal quantities at the touch. Simulated, and called so.

Figures: simulated_trades.toml, measured by loadtests/calibrate_trades.py. Our own fills are not among them. They do not
take from the book: depth has its own noise (simulated_market.py). The same seed and looks at the same times give the
same trades.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.domain.enums import Side
from app.domain.ids import hash80
from app.domain.instrument import Instrument, Symbol
from app.domain.trade import TradePrint
from app.venues.registry import SIMULATED, read_table
from app.venues.simulated_market import Sides

TRADES: Final = SIMULATED.with_name("simulated_trades.toml")
# After a longer silence (a suspended machine) the flow goes on instead of catching up.
_MAX_GAP_NS: Final = 5_000_000_000
_NS: Final = 1e9


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """Trades a second, the mean quantity of one in base, and the standard deviation of its logarithm."""

    trades_per_s: float
    mean_qty: float
    log_sd: float


def load_flow_specs(path: Path = TRADES, market: Path = SIMULATED) -> Mapping[tuple[str, str], FlowSpec]:
    """(venue, symbol) -> its part of the recorded flow."""
    flows = read_table(path)["flows"]
    found: dict[tuple[str, str], FlowSpec] = {}
    rows: list[dict[str, Any]] = read_table(market)["venues"]
    for row in rows:
        for symbol in row["listings"]:
            flow = flows[row["profile"]][symbol]
            spec = FlowSpec(flow["trades_per_s"] * row["share"], flow["mean_qty"], flow["log_sd"])
            found[row["venue_id"], symbol] = spec
    return found


class TradeFlow:
    """One venue's trades of one symbol, told as one print a side each time that somebody looks."""

    def __init__(self, spec: FlowSpec, symbol: Symbol, instrument: Instrument, seed: int, start_ns: int) -> None:
        self._spec = spec
        self._instrument = instrument
        self._base_units = 10**symbol.qty_scale
        self._log_mean = math.log(spec.mean_qty) - 0.5 * spec.log_sd**2
        self._last_ns = start_ns
        name = (instrument.venue, instrument.symbol)
        self._chance = np.random.Generator(np.random.PCG64(hash80(seed, "trades", *name)))

    def since_last(self, sides: Sides, now_ns: int) -> list[TradePrint]:
        """What others have traded since the look before, at the touches of `sides`; no book, no trade."""
        passed_ns = min(max(0, now_ns - self._last_ns), _MAX_GAP_NS)
        self._last_ns = max(self._last_ns, now_ns)
        found = []
        for aggressor, levels in ((Side.BUY, sides.asks), (Side.SELL, sides.bids)):
            qty_units = self._traded_units(0.5 * passed_ns / _NS)
            if qty_units and levels:
                instrument = self._instrument
                found.append(
                    TradePrint(instrument.venue, instrument.symbol, levels[0][0], qty_units, aggressor, now_ns, now_ns)
                )
        return found

    def _traded_units(self, both_sides_s: float) -> int:
        """Whole lots; a trade of less than one is one."""
        n_trades = int(self._chance.poisson(self._spec.trades_per_s * both_sides_s))
        if not n_trades:
            return 0
        qty = self._chance.lognormal(self._log_mean, self._spec.log_sd, n_trades)
        lot_units = self._instrument.lot_units
        lots = np.maximum(1, np.rint(qty * self._base_units / lot_units)).astype(np.int64)
        return int(lots.sum()) * lot_units
