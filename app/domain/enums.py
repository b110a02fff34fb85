"""Every choice, in FIX words. Values are the wire's lower snake case."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final


@unique
class Side(StrEnum):
    """`sign`: +1 for a buy, -1 for a sell, the side as arithmetic."""

    BUY = "buy"
    SELL = "sell"

    def __init__(self, word: str) -> None:
        self.sign = 1 if word == "buy" else -1


@unique
class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"


@unique
class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    GTD = "gtd"


@unique
class Strategy(StrEnum):
    SOR = "sor"
    SWEEP = "sweep"
    TWAP = "twap"
    VWAP = "vwap"
    POV = "pov"
    SHORTFALL = "is"

    @property
    def is_scheduled(self) -> bool:
        """Whether its children are given out in time."""
        return self not in _AT_ONCE


_AT_ONCE: Final = frozenset({Strategy.SOR, Strategy.SWEEP})


@unique
class Remainder(StrEnum):
    """What the remainder of a waiting limit order does: `held` waits inside the engine, not at a venue."""

    NONE = "none"
    HELD = "held"


@unique
class ParentState(StrEnum):
    ACCEPTED = "accepted"
    WORKING = "working"
    DONE = "done"


@unique
class DoneReason(StrEnum):
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


@unique
class ChildState(StrEnum):
    SENDING = "sending"
    ACKED = "acked"
    PARTIALLY_FILLED = "partially_filled"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_terminal(self) -> bool:
        """Terminal means: no further send. A late fill still counts."""
        return self in _TERMINAL_CHILD


_TERMINAL_CHILD: Final = frozenset({ChildState.FILLED, ChildState.CANCELED, ChildState.EXPIRED, ChildState.REJECTED})


@unique
class OrderStatus(StrEnum):
    """FIX tag 39 plus an honest `unknown`; always derived, never stored."""

    PENDING_NEW = "pending_new"
    NEW = "new"
    ROUTING = "routing"
    WORKING = "working"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@unique
class ExecType(StrEnum):
    """FIX tag 150: what happened."""

    NEW = "new"
    ROUTED = "routed"
    TRADE = "trade"
    TRADE_LATE = "trade_late"
    CANCELED = "canceled"
    PENDING_CANCEL = "pending_cancel"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"
    SUSPENDED = "suspended"
    RESTATED = "restated"
    ORDER_STATUS = "order_status"


@unique
class Liquidity(StrEnum):
    """FIX tag 851."""

    TAKER = "taker"
    MAKER = "maker"


@unique
class Mode(StrEnum):
    PAPER = "paper"
    LIVE = "live"


@unique
class Scope(StrEnum):
    READ = "read"
    TRADE = "trade"
    RISK = "risk"
    ADMIN = "admin"


@unique
class ContractKind(StrEnum):
    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"


@unique
class MarketKind(StrEnum):
    """What a fee schedule is for: venues charge by product."""

    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"
    OPTION = "option"


@unique
class FeeStatus(StrEnum):
    """How far a fee table may be believed; none is believed against the account's own fills."""

    VERIFIED = "verified"  # the venue's own words are at hand
    COMPILED = "compiled"  # somebody else's table, which passed our checks
    UNVERIFIED = "unverified"  # no document at hand


@unique
class KillAction(StrEnum):
    BLOCK = "block"
    CANCEL = "cancel"


@unique
class KillScope(StrEnum):
    GLOBAL = "global"
    ACCOUNT = "account"
    VENUE = "venue"
    SYMBOL = "symbol"


@unique
class SolveStatus(StrEnum):
    OPTIMAL = "optimal"
    WITHIN_GAP = "within_gap"
    DEADLINE = "deadline"


@unique
class ExclusionCode(StrEnum):
    """Why an enabled venue got nothing."""

    DISABLED = "disabled"
    NOT_INCLUDED = "not_included"
    EXCLUDED_BY_ORDER = "excluded_by_order"
    KILLED = "killed"
    NO_BOOK = "no_book"
    STALE_BOOK = "stale_book"
    CROSSED_BOOK = "crossed_book"
    BOOK_GAP = "book_gap"
    EMPTY_SIDE = "empty_side"
    BEYOND_LIMIT = "beyond_limit"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    CREDIT_LIMIT = "credit_limit"
    MIN_QTY = "min_qty"
    MIN_NOTIONAL = "min_notional"
    DEARER = "dearer"
    MAX_VENUES = "max_venues"
    PENDING_UNKNOWN = "pending_unknown"
    UNREACHABLE = "unreachable"
    UNCERTIFIED = "uncertified"  # live money, and no proof of the adapter that the venue itself has answered
    TERM_MISSING = "term_missing"  # a perpetual whose funding, margin mode or reduce-only nobody said
    RECONCILIATION_BREAK = "reconciliation_break"  # the venue's own books differ from ours and nothing explains it
    NO_QUOTE_RATE = "no_quote_rate"  # another quote currency, and no fresh book of ours says what it is worth
    QUOTE_BASIS = "quote_basis"  # another quote currency, further from par than the order's quote_pool allows
    UNLIT = "unlit"  # it shows no book; an order that asks for hidden liquidity asks it apart
    QUOTE_SCALE = "quote_scale"  # another quote currency's symbol, whose quantities are counted in other units


@unique
class BreakKind(StrEnum):
    """What of an account does not agree. BALANCE, POSITION and OPEN_ORDER: with a venue. PROJECTION: our two copies."""

    BALANCE = "balance"
    POSITION = "position"
    OPEN_ORDER = "open_order"
    PROJECTION = "projection"


@unique
class UnallocatedCode(StrEnum):
    """Why a part of the request has no venue."""

    DEPTH_LIMITED = "depth_limited"
    BALANCE_LIMITED = "balance_limited"
    BEYOND_LIMIT = "beyond_limit"
    BELOW_LOT = "below_lot"
    BELOW_MINIMUM = "below_minimum"
    NO_VENUE = "no_venue"


@unique
class RefusalCode(StrEnum):
    """Names of RELIABILITY's catalogue; the wire shows the value, the problem type its kebab form."""

    TRADING_HALTED = "trading_halted"
    NOT_AUTHORISED = "not_authorised"
    RESTRICTED_INSTRUMENT = "restricted_instrument"
    DUPLICATE_ORDER = "duplicate_order"
    STALE_REQUEST = "stale_request"
    INVALID_QUANTITY = "invalid_quantity"
    INVALID_PRICE_INCREMENT = "invalid_price_increment"
    MAX_ORDER_QTY = "max_order_qty"
    MAX_ORDER_NOTIONAL = "max_order_notional"
    MIN_NOTIONAL = "min_notional"
    PRICE_COLLAR = "price_collar"
    REFERENCE_PRICE_UNAVAILABLE = "reference_price_unavailable"
    BOOK_INVALID = "book_invalid"
    MAX_SLIPPAGE = "max_slippage"
    MAX_OPEN_ORDERS = "max_open_orders"
    MAX_OPEN_NOTIONAL = "max_open_notional"
    MAX_POSITION = "max_position"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    CREDIT_LIMIT = "credit_limit"
    MESSAGE_RATE = "message_rate"
    VENUE_UNAVAILABLE = "venue_unavailable"
    PARENT_OVERSEND = "parent_oversend"
    NOT_ATOMIC = "not_atomic"
    FOK_NO_SINGLE_VENUE = "fok_no_single_venue"
    STORAGE_DEGRADED = "storage_degraded"


# code -> (P-number of the catalogue, FIX 103, HTTP status). One table; the gate evaluates in P order.
REFUSALS: Final[dict[RefusalCode, tuple[str, int, int]]] = {
    RefusalCode.TRADING_HALTED: ("P01", 2, 422),
    RefusalCode.NOT_AUTHORISED: ("P03", 15, 403),
    RefusalCode.RESTRICTED_INSTRUMENT: ("P04", 1, 422),
    RefusalCode.DUPLICATE_ORDER: ("P05", 6, 422),
    RefusalCode.STALE_REQUEST: ("P06", 8, 422),
    RefusalCode.INVALID_QUANTITY: ("P07", 13, 422),
    RefusalCode.INVALID_PRICE_INCREMENT: ("P08", 18, 422),
    RefusalCode.MAX_ORDER_QTY: ("P09", 3, 422),
    RefusalCode.MAX_ORDER_NOTIONAL: ("P10", 3, 422),
    RefusalCode.MIN_NOTIONAL: ("P11", 13, 422),
    RefusalCode.PRICE_COLLAR: ("P12", 16, 422),
    RefusalCode.REFERENCE_PRICE_UNAVAILABLE: ("P13", 19, 422),
    RefusalCode.BOOK_INVALID: ("P14", 19, 422),
    RefusalCode.MAX_SLIPPAGE: ("P15", 16, 422),
    RefusalCode.MAX_OPEN_ORDERS: ("P17", 3, 422),
    RefusalCode.MAX_OPEN_NOTIONAL: ("P18", 3, 422),
    RefusalCode.MAX_POSITION: ("P19", 3, 422),
    RefusalCode.INSUFFICIENT_BALANCE: ("P20", 25, 422),
    RefusalCode.CREDIT_LIMIT: ("P21", 25, 422),
    RefusalCode.MESSAGE_RATE: ("P24", 3, 429),
    RefusalCode.VENUE_UNAVAILABLE: ("P29", 2, 422),
    RefusalCode.PARENT_OVERSEND: ("P32", 3, 422),
    RefusalCode.NOT_ATOMIC: ("P35", 11, 422),
    RefusalCode.FOK_NO_SINGLE_VENUE: ("P36", 11, 422),
    RefusalCode.STORAGE_DEGRADED: ("P33", 0, 503),
}


def parent_status(
    state: ParentState, done: DoneReason | None, *, has_fills: bool, is_canceling: bool, is_unknown: bool
) -> OrderStatus:
    """FIX 39 of a parent, from what is stored: the only derivation there is.

    `is_unknown`: it has live children and all of them are unknown.
    """
    if state is ParentState.DONE:
        assert done is not None
        return OrderStatus(done.value)
    if is_unknown:
        return OrderStatus.UNKNOWN
    if is_canceling:
        return OrderStatus.PENDING_CANCEL
    if has_fills:
        return OrderStatus.PARTIALLY_FILLED
    return OrderStatus.NEW if state is ParentState.ACCEPTED else OrderStatus.WORKING


def child_status(state: ChildState, *, is_canceling: bool) -> OrderStatus:
    """FIX 39 of a child."""
    if is_canceling and not state.is_terminal and state is not ChildState.UNKNOWN:
        return OrderStatus.PENDING_CANCEL
    return _CHILD_STATUS[state]


_CHILD_STATUS: Final[dict[ChildState, OrderStatus]] = {
    ChildState.SENDING: OrderStatus.PENDING_NEW,
    ChildState.ACKED: OrderStatus.NEW,
    ChildState.PARTIALLY_FILLED: OrderStatus.PARTIALLY_FILLED,
    ChildState.UNKNOWN: OrderStatus.UNKNOWN,
    ChildState.FILLED: OrderStatus.FILLED,
    ChildState.CANCELED: OrderStatus.CANCELED,
    ChildState.EXPIRED: OrderStatus.EXPIRED,
    ChildState.REJECTED: OrderStatus.REJECTED,
}
