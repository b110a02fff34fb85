"""What every account has committed, kept up to date fact by fact, so that a gate never walks over all open orders.

Sums of integers over open parents and live children: what may still be traded, and what may still be taken. Derived
from the ledger alone and rebuilt from it whenever the two are not at the same fact; never a fact, never in a replay.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

from app.domain import events as ev
from app.domain.enums import ContractKind, Side
from app.domain.events import Event
from app.domain.fees import FeeTier, fee_nano, market_of
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.quick import tupled
from app.domain.records import ChildRecord, ParentRecord
from app.domain.units import PPM, div_up
from app.domain.universe import Universe
from app.execution.ledger import Ledger
from app.risk.exposure import qty_nano

K = TypeVar("K", bound=Hashable)

_OF_PARENTS: Final = frozenset({ev.OrderAccepted, ev.ChildFilled, ev.OrderAmended, ev.OrderDone})
_OF_CHILDREN: Final = frozenset({ev.ChildFilled, ev.ChildCanceled, ev.ChildExpired, ev.ChildRejected, ev.ChildResolved})
_COUNTED: Final = _OF_PARENTS | _OF_CHILDREN | {ev.ChildSending, ev.FeeTierSet}


class _Open(NamedTuple):
    """One open parent's part: leaves in symbol units and in quote nano."""

    account: str
    side_key: tuple[str, str, Side]
    leaves_units: int
    leaves_nano: int


class _Live(NamedTuple):
    """One live child's part: what it may take of a balance, and its notional in flight at a venue."""

    balance_key: tuple[str, str, str]
    reserved_nano: int
    venue_key: tuple[str, str, str, Side]
    flying_nano: int


class _Lane(NamedTuple):
    """What children of one account, venue, symbol and side share until a fee tier changes. `spot_scale`: nano of the
    quote in one unit of price and one of quantity, 0 of a contract. `base_nano`: nano of the base in one unit of what a
    sale of spot delivers, 0 of any other.
    """

    balance_key: tuple[str, str, str]
    symbol: Symbol
    tier: FeeTier
    spot_scale: int
    fee_ppm: int
    base_nano: int


Taking = tuple[str, int, int]  # a venue, units, and the limit in price units
Judged = tuple[
    int, int, int
]  # an order's price cap, 0 for none; twice the mid as it is accepted, and as children leave
Parts = tuple[_Open, Sequence[_Live]]
_open: Final = tupled(_Open)
_live: Final = tupled(_Live)


@dataclass(slots=True)
class Commitments:
    """Sums by account; an absent key is zero.

    `open_units`: (account, symbol, side) -> leaves of open parents. `reserved_nano`: (account, venue, currency) -> what
    live children may still take, worst price and fee included. `flying_nano`: (account, venue, symbol, side) ->
    quote notional in flight. `open_notional_nano`: account -> leaves of all open parents in quote nano.
    """

    seq: int = -1
    open_units: dict[tuple[str, str, Side], int] = field(default_factory=dict)
    open_notional_nano: dict[str, int] = field(default_factory=dict)
    reserved_nano: dict[tuple[str, str, str], int] = field(default_factory=dict)
    flying_nano: dict[tuple[str, str, str, Side], int] = field(default_factory=dict)
    _parents: dict[str, _Open] = field(default_factory=dict)
    _children: dict[str, _Live] = field(default_factory=dict)
    _lanes: dict[tuple[str, str, str, Side], _Lane] = field(default_factory=dict, compare=False, repr=False)
    _universe: Universe | None = field(default=None, compare=False, repr=False)

    def at(self, ledger: Ledger, universe: Universe) -> Commitments:
        """These sums as of `ledger`; added up anew where facts were folded that were not noted here."""
        if self.seq != ledger.seq:
            for sums in (self.open_units, self.open_notional_nano, self.reserved_nano, self.flying_nano):
                sums.clear()
            self._parents.clear()
            self._children.clear()
            self._lanes.clear()
            for order_id in ledger.open_parents:
                self._note_parent(ledger, universe, order_id)
            for child_id in ledger.live_children:
                self._note_child(ledger, universe, child_id)
            self.seq = ledger.seq
        return self

    def note(self, ledger: Ledger, universe: Universe, event: Event) -> None:
        """Follows the one fact that was just folded into `ledger`; sums that were behind before stay behind."""
        if self.seq != ledger.seq - 1:
            return
        self.seq = ledger.seq
        kind = type(event)
        if kind not in _COUNTED:
            return
        if kind in _OF_CHILDREN:
            self._note_child(ledger, universe, event.child_id)  # type: ignore[attr-defined]
        if kind in _OF_PARENTS:
            self._note_parent(ledger, universe, event.order_id)  # type: ignore[attr-defined]
        elif isinstance(event, ev.ChildSending):
            self._note_child(ledger, universe, event.child.child_id)
        elif isinstance(event, ev.FeeTierSet):
            self._lanes.clear()
            for child_id, record in ledger.live_children.items():
                if (record.child.account, record.child.venue) == (event.account, event.venue):
                    self._note_child(ledger, universe, child_id)

    def note_sent(self, ledger: Ledger, universe: Universe, sent: Sequence[ChildRecord]) -> None:
        """As `note` of a plan and of the sending of each of these, which were just folded into `ledger`."""
        if self.seq != ledger.seq - 1 - len(sent):
            return
        self.seq = ledger.seq
        for record in sent:
            self._note_sent(ledger, universe, record)

    def decide(
        self, ledger: Ledger, universe: Universe, order: ParentOrder, judged: Judged, takings: Sequence[Taking]
    ) -> Parts:
        """As `note` of the acceptance of an order of a quantity, of its first plan, and of children that take so much,
        none of which has a name yet: `name` makes complete what this gives. For sums that are up to everything decided.
        """
        account, name, side, qty_units = order.account, order.symbol, order.side, order.qty_units
        assert qty_units is not None, "a plain order has a quantity"
        cap_units, mid_half_units, sent_half_units = judged
        if universe is not self._universe:
            self._lanes, self._universe = {}, universe
        live, lanes, scale = [], self._lanes, 0
        for venue, leaves_units, price_units in takings:
            key = account, venue, name, side
            lane = lanes.get(key) or self._lane(ledger, key)
            scale = lane.spot_scale
            live.append(self._add_child(lane, key, leaves_units, (price_units, sent_half_units)))
        price_units = _judged_units(side, cap_units, mid_half_units)
        nano = price_units * qty_units * scale or universe.symbols[name].notional_nano(price_units, qty_units)
        part = _open((account, (account, name, side), qty_units, nano))
        self.seq += 2 + len(takings)
        self._add_parent(part)
        return part, live

    def name(self, order_id: str, parts: Parts, sent: Sequence[ChildRecord]) -> None:
        """The order's id and its children, of which `decide` has spoken."""
        part, live = parts
        self._parents[order_id] = part
        for record, child in zip(sent, live, strict=True):
            self._children[record.child.child_id] = child

    def _note_parent(self, ledger: Ledger, universe: Universe, order_id: str) -> None:
        before = self._parents.pop(order_id, None)
        if before is not None:
            _add(self.open_units, before.side_key, -before.leaves_units)
            _add(self.open_notional_nano, before.account, -before.leaves_nano)
        parent = ledger.open_parents.get(order_id)
        if parent is None:
            return
        order, (units, nano) = parent.accepted.order, leaves(universe, parent)
        account = order.account
        self._parents[order_id] = part = _open((account, (account, order.symbol, order.side), units, nano))
        self._add_parent(part)

    def _add_parent(self, part: _Open) -> None:
        account, side_key, units, nano = part
        if units:  # parts are above zero, and so is their sum: no key has to leave
            self.open_units[side_key] = self.open_units.get(side_key, 0) + units
        if nano:
            self.open_notional_nano[account] = self.open_notional_nano.get(account, 0) + nano

    def _note_child(self, ledger: Ledger, universe: Universe, child_id: str) -> None:
        before = self._children.pop(child_id, None)
        if before is not None:
            _add(self.reserved_nano, before.balance_key, -before.reserved_nano)
            _add(self.flying_nano, before.venue_key, -before.flying_nano)
        record = ledger.live_children.get(child_id)
        if record is not None:
            self._note_sent(ledger, universe, record)

    def _note_sent(self, ledger: Ledger, universe: Universe, record: ChildRecord) -> None:
        child = record.child
        key = child.account, child.venue, child.symbol, child.side
        if universe is not self._universe:
            self._lanes, self._universe = {}, universe
        leaves_units = max(0, child.qty_lots * child.lot_units - record.cum_qty_units)
        prices = child.price_ticks * child.tick_units, record.mid_half_units
        self._children[child.child_id] = self._add_child(self._lane(ledger, key), key, leaves_units, prices)

    def _lane(self, ledger: Ledger, venue_key: tuple[str, str, str, Side]) -> _Lane:
        lane = self._lanes.get(venue_key)
        if lane is None:
            assert self._universe is not None
            lane = self._lanes[venue_key] = _lane_of(ledger, self._universe, venue_key)
        return lane

    def _add_child(
        self, lane: _Lane, venue_key: tuple[str, str, str, Side], leaves_units: int, prices: tuple[int, int]
    ) -> _Live:
        """Adds what a live child may take; `prices`: its limit, and twice the mid that it was sent at."""
        balance_key, symbol, tier, spot_scale, fee_ppm, base_nano = lane
        price_units, mid_half_units = prices
        if not spot_scale:
            dear_units, cheap_units = _dear_units(venue_key[3], *prices), _cheap_units(venue_key[3], *prices)
            amount_nano, flying_nano = _amounts(symbol, tier, venue_key[3], leaves_units, (dear_units, cheap_units))
        elif not base_nano:  # as `_amounts`: most are of spot, and each one comes by several times
            flying_nano = price_units * leaves_units * spot_scale
            due_nano = -(-flying_nano * fee_ppm // PPM)
            amount_nano = flying_nano + (due_nano if due_nano > 0 else 0) + tier.fixed_nano
        else:
            mid_units = -(-mid_half_units // 2)
            flying_nano = (price_units if price_units > mid_units else mid_units) * leaves_units * spot_scale
            amount_nano = leaves_units * base_nano
        if amount_nano:
            self.reserved_nano[balance_key] = self.reserved_nano.get(balance_key, 0) + amount_nano
        if flying_nano:
            self.flying_nano[venue_key] = self.flying_nano.get(venue_key, 0) + flying_nano
        return _live((balance_key, amount_nano, venue_key, flying_nano))


def _lane_of(ledger: Ledger, universe: Universe, venue_key: tuple[str, str, str, Side]) -> _Lane:
    account, venue, name, side = venue_key
    symbol = universe.symbols[name]
    tier = ledger.fees.tiers.get((account, venue, market_of(name))) or universe.fees[venue]
    is_spot = symbol.fungible.kind is ContractKind.SPOT
    is_sale = is_spot and side is Side.SELL
    return _Lane(
        balance_key=(account, venue, symbol.fungible.base if is_sale else symbol.money_currency),
        symbol=symbol,
        tier=tier,
        spot_scale=symbol.money_nano(1, 1) if is_spot else 0,
        fee_ppm=tier.taker_fee_ppm,
        base_nano=qty_nano(symbol, 1) if is_sale else 0,
    )


def _add(sums: dict[K, int], key: K, amount: int) -> None:
    """Keys whose sum is zero leave, so that memory is bounded by what is open."""
    total = sums.get(key, 0) + amount
    if total:
        sums[key] = total
    else:
        sums.pop(key, None)


def leaves(universe: Universe, parent: ParentRecord) -> tuple[int, int]:
    """Open quantity (symbol units) and notional (quote nano) of a parent, everything in flight included.

    Judged as the gate judged it: a seller at no less than the mid, a notional order's quantity at the mid.
    """
    order = parent.accepted.order
    symbol = universe.symbols[order.symbol]
    mid_half_units = parent.accepted.approved_mid_half_units
    price_units = _judged_units(order.side, parent.accepted.price_cap_units, mid_half_units)
    if order.qty_units is not None:
        leaves_units = max(0, order.qty_units - parent.cum_qty_units)
        return leaves_units, symbol.notional_nano(price_units, leaves_units)
    assert order.notional_nano is not None
    leaves_nano = max(0, order.notional_nano - parent.cum_notional_nano)
    one_nano = max(1, symbol.notional_nano(max(1, mid_half_units // 2), 10**symbol.qty_scale))
    return div_up(leaves_nano * 10**symbol.qty_scale, one_nano), leaves_nano


def _judged_units(side: Side, cap_units: int, mid_half_units: int) -> int:
    mid_units = -(-mid_half_units // 2) or 1
    if side is Side.SELL:
        return cap_units if cap_units > mid_units else mid_units
    return cap_units or mid_units


def reservation(universe: Universe, record: ChildRecord, tier: FeeTier) -> tuple[str, str, int]:
    """(venue, currency, nano) that a live child may still take, at its worst price and with its account's fee."""
    currency, amount_nano, _ = _taken(universe.symbols[record.child.symbol], record, tier)
    return record.child.venue, currency, amount_nano


def _taken(symbol: Symbol, record: ChildRecord, tier: FeeTier) -> tuple[str, int, int]:
    """(currency, nano of it that a live child may still take, its notional in flight in quote nano)."""
    side = record.child.side
    leaves_units = 0 if record.state.is_terminal else max(0, record.child.qty_units - record.cum_qty_units)
    is_sale = symbol.fungible.kind is ContractKind.SPOT and side is Side.SELL
    prices = dear_price_units(record), cheap_price_units(record)
    currency = symbol.fungible.base if is_sale else symbol.money_currency
    return currency, *_amounts(symbol, tier, side, leaves_units, prices)


def _amounts(symbol: Symbol, tier: FeeTier, side: Side, leaves_units: int, prices: tuple[int, int]) -> tuple[int, int]:
    """(nano that a child may take of its balance, its notional in quote nano); `prices`: dearest and cheapest."""
    dear_units, cheap_units = prices
    fungible = symbol.fungible
    if fungible.is_inverse:  # it takes most at the lowest price: it pays multiplier / price
        money_nano = symbol.money_nano(cheap_units, leaves_units)
        flying_nano = symbol.notional_nano(dear_units, leaves_units)
    else:
        money_nano = flying_nano = symbol.money_nano(dear_units, leaves_units)
    if fungible.kind is ContractKind.SPOT and side is Side.SELL:
        return qty_nano(symbol, leaves_units), flying_nano
    return money_nano + max(0, fee_nano(money_nano, tier.taker_fee_ppm)) + tier.fixed_nano, flying_nano


def cheap_price_units(record: ChildRecord) -> int:
    """The lowest price that counts for a child: a seller's limit bounds it, a buyer may get the mid it was sent at."""
    return _cheap_units(record.child.side, record.child.price_units, record.mid_half_units)


def flying_notional_nano(symbol: Symbol, record: ChildRecord) -> int:
    """Quote notional that a child may still trade: at its limit, a seller at no less than the mid of its sending."""
    return symbol.notional_nano(dear_price_units(record), record.leaves_qty_units)


def dear_price_units(record: ChildRecord) -> int:
    """The highest price that counts for a child: a buyer's limit bounds it, a seller's limit is only the least."""
    return _dear_units(record.child.side, record.child.price_units, record.mid_half_units)


def _dear_units(side: Side, price_units: int, mid_half_units: int) -> int:
    return price_units if side is Side.BUY else max(price_units, div_up(mid_half_units, 2))


def _cheap_units(side: Side, price_units: int, mid_half_units: int) -> int:
    if side is Side.SELL or not mid_half_units:
        return price_units
    return min(price_units, max(1, mid_half_units // 2))
