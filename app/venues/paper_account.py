"""What a paper venue's ledger adds up to: the venue's own statement, kept line by line and by no rule of ours.

A paper venue is paid nothing in: an account's balances and positions are what its trades have moved since the ledger
began, so a balance may be below zero. Whoever reconciles adds what was credited elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.enums import ContractKind
from app.domain.statement import VenueBalance, VenueOpenOrder, VenuePosition, VenueStatement
from app.domain.units import NANO_SCALE
from app.execution.simulator import Listing
from app.venues.ledger import AcceptedLine, DoneLine, FillLine, LedgerLine


@dataclass(slots=True)
class PaperAccount:
    """Running sums over one ledger; `note` takes every line once, in order."""

    listings: Mapping[str, Listing]
    _open: dict[str, AcceptedLine] = field(default_factory=dict)
    _cum_lots: dict[str, int] = field(default_factory=dict)
    _total_nano: dict[tuple[str, str], int] = field(default_factory=dict)  # (account, currency)
    _position_lots: dict[tuple[str, str], int] = field(default_factory=dict)  # (account, symbol)

    def note(self, line: LedgerLine) -> None:
        """Takes one line of the ledger; one of a market that is listed no more moves nothing but its fee."""
        match line:
            case AcceptedLine():
                self._open[line.client_id] = line
                self._cum_lots[line.client_id] = 0
            case FillLine() if line.client_id in self._open:
                self._fill(self._open[line.client_id], line)
            case DoneLine():
                self._open.pop(line.client_id, None)
                self._cum_lots.pop(line.client_id, None)
            case _:
                pass

    def _fill(self, order: AcceptedLine, fill: FillLine) -> None:
        self._cum_lots[fill.client_id] = fill.cum_qty_lots
        account = order.account
        self._move(account, fill.fee_currency, -fill.fee_nano)
        listing = self.listings.get(fill.symbol)
        if listing is None:
            return
        symbol, instrument = listing.symbol, listing.instrument
        if symbol.fungible.kind is not ContractKind.SPOT:
            place = (account, fill.symbol)
            self._position_lots[place] = self._position_lots.get(place, 0) + order.side.sign * fill.qty_lots
            return
        price_units, qty_units = fill.price_ticks * instrument.tick_units, fill.qty_lots * instrument.lot_units
        base_nano = qty_units * 10 ** (NANO_SCALE - symbol.qty_scale)
        self._move(account, symbol.fungible.base, order.side.sign * base_nano)
        self._move(account, symbol.fungible.quote, -order.side.sign * symbol.money_nano(price_units, qty_units))

    def _move(self, account: str, currency: str, amount_nano: int) -> None:
        slot = (account, currency)
        self._total_nano[slot] = self._total_nano.get(slot, 0) + amount_nano

    def statement(
        self, venue_id: str, account: str, now_ns: int, open_orders: Sequence[AcceptedLine]
    ) -> VenueStatement:
        """The account's sums at the venue's time `now_ns`; open orders hold nothing."""
        return VenueStatement(
            venue=venue_id,
            as_of_ts_ns=now_ns,
            balances=tuple(
                VenueBalance(currency, nano, nano)
                for (owner, currency), nano in sorted(self._total_nano.items())
                if owner == account and nano
            ),
            positions=tuple(
                VenuePosition(symbol, lots)
                for (owner, symbol), lots in sorted(self._position_lots.items())
                if owner == account and lots
            ),
            open_orders=tuple(
                VenueOpenOrder(
                    order.client_id,
                    order.venue_order_id,
                    order.symbol,
                    order.side,
                    order.price_ticks,
                    order.qty_lots - self._cum_lots.get(order.client_id, 0),
                )
                for order in open_orders
                if order.account == account
            ),
        )
