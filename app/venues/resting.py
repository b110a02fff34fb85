"""Orders that rest on a paper venue, outside its simulated book: who is before them, and what moves them. Pessimistic.

An order waits behind all that is shown at its price and better when it comes; what cancels before it moves nothing.
Only trades move it: at its price they eat the queue before it first, beyond its price they meet it at once. A book
that comes to its price from the other side fills it from what is shown there. It fills at its own price, as a maker.
It does not show in the book, and nobody trades less because of it. An iceberg fills one shown part at a time: the next
one waits behind all that is shown at its price and better; a trade beyond its price meets what it hides, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from app.domain.book import Level
from app.domain.enums import Side
from app.domain.fees import fee_nano
from app.domain.trade import TradePrint
from app.execution.simulator import Listing, SimulatedFill
from app.venues.exchange_spec import Made
from app.venues.ledger import AcceptedLine, DoneLine, FillLine, LedgerLine, ReplenishedLine


@dataclass(slots=True)
class Resting:
    """One order: lots that are left, and symbol units that trade before it. `cum_lots` counts its fills of any kind.

    `shown_lots`: left of the part that an iceberg shows; of any other order all that is left.
    """

    order: AcceptedLine
    listing: Listing
    cum_lots: int
    ahead_units: int
    shown_lots: int = 0

    @property
    def left_lots(self) -> int:
        return self.order.qty_lots - self.cum_lots

    @property
    def price_units(self) -> int:
        return self.order.price_ticks * self.listing.instrument.tick_units


@dataclass(frozen=True, slots=True)
class Met:
    """Lots of one order that are filled now. `taken`: what of it the shown book's other side gave. `next_lots`: what an
    iceberg shows next, behind `ahead_units`.
    """

    order: AcceptedLine
    listing: Listing
    qty_lots: int
    cum_qty_lots: int
    taken: tuple[Level, ...] = ()
    next_lots: int = 0
    ahead_units: int = 0
    price_ticks: int = 0

    @property
    def at_ticks(self) -> int:
        """Its own price, where none better is said."""
        return self.price_ticks or self.order.price_ticks


@dataclass(slots=True)
class RestingOrders:
    """All orders that rest on one venue, by client id, in the order in which they came."""

    _orders: dict[str, Resting] = field(default_factory=dict)

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._orders

    def has(self, symbol: str) -> bool:
        return any(one.order.symbol == symbol for one in self._orders.values())

    def add(self, order: AcceptedLine, listing: Listing, cum_lots: int, near: Sequence[Level]) -> None:
        """`near`: what is shown on its own side, best first."""
        one = Resting(order, listing, cum_lots, 0)
        self._line_up(one, near)
        self._orders[order.client_id] = one

    def _line_up(self, one: Resting, near: Sequence[Level]) -> None:
        """Shows all of it, or the next part of an iceberg, behind what is shown and our own at its price and better."""
        order, sign = one.order, one.order.side.sign
        one.shown_lots = min(one.left_lots, order.display_lots or one.left_lots)
        one.ahead_units = sum(qty for price, qty in near if sign * (price - one.price_units) >= 0)
        one.ahead_units += sum(
            other.shown_lots * _lot(other)
            for other in self._orders.values()
            if other is not one
            and (other.order.symbol, other.order.side) == (order.symbol, order.side)
            and sign * (other.price_units - one.price_units) >= 0
        )

    def drop(self, client_id: str) -> None:
        """Forgets an order that is over; dropping twice is dropping once."""
        self._orders.pop(client_id, None)

    def clear(self) -> None:
        self._orders.clear()

    def by_trades(
        self, symbol: str, trades: Iterable[TradePrint], bids: Sequence[Level] = (), asks: Sequence[Level] = ()
    ) -> list[Met]:
        """What others' `trades` fill. A print meets our orders in their order, best price first, and is used up.

        `bids`, `asks`: what is shown now, behind which the next part of an iceberg waits.
        """
        met = []
        for trade in trades:
            taken = Side.SELL if trade.aggressor is Side.BUY else Side.BUY
            met += self._one_trade(symbol, taken, trade, bids if taken is Side.BUY else asks)
        return met

    def _one_trade(self, symbol: str, side: Side, trade: TradePrint, near: Sequence[Level]) -> list[Met]:
        left_units, sign, met = trade.qty_units, side.sign, list[Met]()
        mine = [o for o in self._orders.values() if (o.order.symbol, o.order.side) == (symbol, side)]
        for one in sorted(mine, key=lambda o: -sign * o.price_units):
            through = sign * (one.price_units - trade.price_units)
            if through < 0:
                break
            if through > 0:
                one.ahead_units, one.shown_lots = 0, one.left_lots
            # Each order keeps its own queue, which holds the shown quantity and our own orders before it.
            passing_units = trade.qty_units
            while passing_units > 0 and one.left_lots:
                passed_units = min(one.ahead_units, passing_units)
                one.ahead_units -= passed_units
                passing_units -= passed_units
                lots = min(one.shown_lots, min(left_units, passing_units) // _lot(one))
                if lots <= 0:
                    break
                left_units -= lots * _lot(one)
                passing_units -= lots * _lot(one)
                met.append(self._fill(one, lots, near=near))
        return met

    def by_book(self, symbol: str, bids: Sequence[Level], asks: Sequence[Level]) -> list[Met]:
        """What a book that has come to our orders from the other side fills; each shown unit fills once."""
        met = []
        for side, levels in ((Side.BUY, asks), (Side.SELL, bids)):
            shown = [[price, qty] for price, qty in levels]
            mine = [o for o in self._orders.values() if (o.order.symbol, o.order.side) == (symbol, side)]
            for one in sorted(mine, key=lambda o: -side.sign * o.price_units):
                lots, taken = 0, list[Level]()
                for level in shown:
                    if side.sign * (level[0] - one.price_units) > 0:
                        break
                    some = min(one.left_lots - lots, level[1] // _lot(one))
                    level[1] -= some * _lot(one)
                    lots += some
                    if some:
                        taken.append((level[0], some * _lot(one)))
                if lots:
                    one.ahead_units = 0
                    near = bids if side is Side.BUY else asks
                    met.append(self._fill(one, lots, tuple(taken), near=near))
        return met

    def by_market(self, made: Iterable[Made]) -> list[Met]:
        """What a market that answers has filled, at its prices; orders that are over are left out."""
        met = []
        for one in made:
            known = self._orders.get(one.client_id)
            lots = min(known.left_lots, one.qty_units // _lot(known)) if known is not None else 0
            if known is not None and lots:
                ticks = one.price_units // known.listing.instrument.tick_units
                met.append(replace(self._fill(known, lots, near=()), price_ticks=ticks))
        return met

    def _fill(self, one: Resting, lots: int, taken: tuple[Level, ...] = (), *, near: Sequence[Level]) -> Met:
        one.cum_lots += lots
        one.shown_lots -= lots
        if not one.left_lots:
            self.drop(one.order.client_id)
        elif one.shown_lots <= 0:
            self._line_up(one, near)
            return Met(one.order, one.listing, lots, one.cum_lots, taken, one.shown_lots, one.ahead_units)
        return Met(one.order, one.listing, lots, one.cum_lots, taken)


def taker_fill(
    fill: SimulatedFill, order: AcceptedLine, listing: Listing, now_ns: int, told: tuple[str, int]
) -> FillLine:
    """The ledger's line of a fill as a taker; `told`: (the trade's id, twice the venue's mid)."""
    trade_id, mid_half_units = told
    return FillLine(
        ts_ns=now_ns,
        client_id=order.client_id,
        venue_order_id=order.venue_order_id,
        venue_trade_id=trade_id,
        symbol=order.symbol,
        price_ticks=fill.price_ticks,
        qty_lots=fill.qty_lots,
        cum_qty_lots=fill.cum_qty_lots,
        fee_nano=fill.fee_nano,
        fee_currency=listing.symbol.money_currency,
        mid_half_units=mid_half_units,
        gas_nano=fill.gas_nano,
    )


def lines_of(met: Met, listing: Listing, now_ns: int, trade_id: str, mid_half_units: int) -> list[LedgerLine]:
    """What the ledger holds of a fill as a maker: the fill, what an iceberg shows next, the end of a filled order."""
    order = met.order
    lines: list[LedgerLine] = [maker_fill(met, listing, now_ns, trade_id, mid_half_units)]
    if met.next_lots:
        lines.append(ReplenishedLine(now_ns, order.client_id, met.next_lots, met.cum_qty_lots, met.ahead_units))
    if met.cum_qty_lots == order.qty_lots:
        lines.append(DoneLine(now_ns, order.client_id, order.venue_order_id, "filled", met.cum_qty_lots, ""))
    return lines


def maker_fill(met: Met, listing: Listing, now_ns: int, trade_id: str, mid_half_units: int) -> FillLine:
    """The ledger's line of a fill as a maker, with the fee of `listing`; the fixed cost comes with the first fill."""
    order, instrument = met.order, listing.instrument
    money_nano = listing.symbol.money_nano(met.at_ticks * instrument.tick_units, met.qty_lots * instrument.lot_units)
    fixed_nano = listing.fee.fixed_nano if met.cum_qty_lots == met.qty_lots else 0
    return FillLine(
        ts_ns=now_ns,
        client_id=order.client_id,
        venue_order_id=order.venue_order_id,
        venue_trade_id=trade_id,
        symbol=order.symbol,
        price_ticks=met.at_ticks,
        qty_lots=met.qty_lots,
        cum_qty_lots=met.cum_qty_lots,
        fee_nano=fee_nano(money_nano, listing.fee.maker_fee_ppm) + fixed_nano,
        fee_currency=listing.symbol.money_currency,
        mid_half_units=mid_half_units,
        gas_nano=fixed_nano,
        is_maker=True,
    )


def _lot(one: Resting) -> int:
    return one.listing.instrument.lot_units
