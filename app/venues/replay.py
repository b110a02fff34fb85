"""A venue whose market is a recording: IOC children meet the recorded book when they arrive, nothing else exists.

Pure matching in the venue's own ticks and lots; time and books are arguments, so a replay is exact. The recorded
market does not answer us: nobody refills, fades or follows because we traded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.book import Level
from app.domain.enums import Liquidity
from app.domain.errors import InvariantBroken
from app.domain.fees import FeeTier, fee_nano
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder


@dataclass(frozen=True, slots=True)
class ReplayVenue:
    """One listing of one symbol, served from recorded levels."""

    instrument: Instrument
    symbol: Symbol
    fee: FeeTier

    def execute(
        self, child: ChildOrder, levels: Sequence[Level], mid_half_units: int, arrived_ts_ns: int
    ) -> tuple[ExecutionReport, ...]:
        """Reports of an IOC child that meets `levels` (the far side, best first) at `arrived_ts_ns`.

        A child after its deadline is rejected. A lot that spans two levels is paid at the worse price. Fees are the
        tier's taker rate on each fill, in the symbol's money. Receive times are left 0: the driver stamps them.
        """
        if child.venue != self.instrument.venue or child.symbol != self.symbol.name:
            raise InvariantBroken(venue=self.instrument.venue, child_venue=child.venue, symbol=child.symbol)
        if arrived_ts_ns > child.deadline_ts_ns:
            return (self._report(ReportKind.REJECTED, child, arrived_ts_ns, code="deadline_passed"),)
        reports: list[ExecutionReport] = []
        done_lots = reached_units = 0
        for price_units, qty_units in levels:
            if done_lots == child.qty_lots or child.side.sign * (price_units - child.price_units) > 0:
                break
            reached_units += qty_units
            lots = min(child.qty_lots, reached_units // child.lot_units) - done_lots
            if lots:
                done_lots += lots
                reports.append(self._fill(child, (price_units, lots, done_lots), mid_half_units, arrived_ts_ns))
        if done_lots < child.qty_lots:
            reports.append(self._report(ReportKind.EXPIRED, child, arrived_ts_ns, cum_qty_lots=done_lots))
        return tuple(reports)

    def _fill(
        self, child: ChildOrder, fill: tuple[int, int, int], mid_half_units: int, arrived_ts_ns: int
    ) -> ExecutionReport:
        """`fill`: price units, lots of this fill, lots so far."""
        price_units, lots, done_lots = fill
        money = self.symbol.money_nano(price_units, lots * child.lot_units)
        return ExecutionReport(
            kind=ReportKind.FILLED,
            venue=child.venue,
            client_id=child.client_id,
            venue_order_id=f"R{child.client_id}",
            venue_trade_id=f"T{child.client_id}{done_lots}",
            price_ticks=price_units // child.tick_units,
            qty_lots=lots,
            cum_qty_lots=done_lots,
            fee_nano=fee_nano(money, self.fee.taker_fee_ppm),
            fee_currency=self.symbol.money_currency,
            liquidity=Liquidity.TAKER,
            venue_ts_ns=arrived_ts_ns,
            mid_half_units=mid_half_units,
            evidence=f"T{child.client_id}{done_lots}",
        )

    def _report(
        self, kind: ReportKind, child: ChildOrder, arrived_ts_ns: int, *, code: str = "", cum_qty_lots: int = 0
    ) -> ExecutionReport:
        return ExecutionReport(
            kind=kind,
            venue=child.venue,
            client_id=child.client_id,
            venue_order_id=f"R{child.client_id}",
            cum_qty_lots=cum_qty_lots,
            venue_ts_ns=arrived_ts_ns,
            code=code,
            evidence=f"R{child.client_id}",
        )
