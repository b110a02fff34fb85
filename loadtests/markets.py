"""Seeded books for benchmarks: integer units, strictly sorted, made here so that no figure depends on a recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.domain.enums import OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.orders import ParentOrder, VenueFilter

Int64 = npt.NDArray[np.int64]

MID_UNITS = 6_400_000  # 64,000.00 at two decimals
N_TERMS = 12  # as kernels/cost.py
RATIO = 100.0  # nano of money for one price unit times one quantity unit: scales 2 and 5


@dataclass(frozen=True, slots=True)
class Market:
    """One symbol at `n_venues` x `n_levels`: what the kernels, the heapq twin and the C twin all read.

    price_units, qty_units: int64[n_venues, 2, n_levels]; n_levels: int64[n_venues, 2]; terms: int64[n_venues, 12].
    `target_units` is a quarter of the asks' depth.
    """

    name: str
    price_units: Int64
    qty_units: Int64
    n_levels: Int64
    terms: Int64
    rule: Int64
    room_units: Int64
    target_units: int

    @property
    def n_venues(self) -> int:
        return int(self.price_units.shape[0])

    @property
    def depth(self) -> int:
        return int(self.price_units.shape[2])


def make_market(n_venues: int, n_levels: int, seed: int = 7) -> Market:
    """Books around one mid with geometric gaps and lognormal sizes; taker fees of 0 to 10 bps."""
    rng = np.random.default_rng((seed, n_venues, n_levels))
    gaps = rng.geometric(0.25, (n_venues, 2, n_levels)).cumsum(axis=2)
    signs = np.array([-1, 1]).reshape(1, 2, 1)
    skew = rng.integers(-20, 21, (n_venues, 1, 1))
    price = MID_UNITS + skew + signs * gaps
    qty = np.maximum(rng.lognormal(10.0, 1.0, price.shape).astype(np.int64), 100)
    terms = np.zeros((n_venues, N_TERMS), np.int64)
    terms[:, 0] = rng.integers(0, 1_001, n_venues)
    return Market(
        name=f"{n_venues}x{n_levels}",
        price_units=np.ascontiguousarray(price, np.int64),
        qty_units=np.ascontiguousarray(qty, np.int64),
        n_levels=np.full((n_venues, 2), n_levels, np.int64),
        terms=terms,
        rule=np.array([1, 1, 100, 1, 0, 0], np.int64),
        room_units=np.full(n_venues, 2**40, np.int64),
        target_units=int(qty[:, 1].sum()) // 4,
    )


def market_order(account: str, symbol: str, side: Side, qty_units: int, received_ts_ns: int) -> ParentOrder:
    """A market order, immediate or cancel, with nothing else in its way; its client id is the account's name."""
    return ParentOrder(
        account=account,
        client_order_id=account,
        symbol=symbol,
        side=side,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        strategy=Strategy.SOR,
        remainder=Remainder.NONE,
        qty_units=qty_units,
        notional_nano=None,
        limit_price_units=None,
        max_slippage_ppm=None,
        expire_ts_ns=0,
        venues=VenueFilter(),
        is_full_fill_required=False,
        decision_ts_ns=0,
        decision_price_units=None,
        received_ts_ns=received_ts_ns,
        body_hash=account,
    )
