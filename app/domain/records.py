"""Orders as they stand after a fold of facts: the rows that memory holds, Postgres stores and the API shows.

Mutable on purpose, and touched by one function only: `evolve` in execution/ledger.py.
`PARENT_COLUMNS`, `CHILD_COLUMNS`, `FILL_COLUMNS` are the integer and text columns that the state hash covers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from app.domain.enums import ChildState, DoneReason, Mode, OrderStatus, ParentState, Side, child_status, parent_status
from app.domain.events import BreakFound, ChildFilled, ChildSending, Fact, OrderAccepted, RoutePlanned, TcaReported
from app.domain.markouts import IntervalStats, MidPath
from app.domain.orders import ChildOrder
from app.domain.quote_pool import Conversion
from app.domain.scheduled import ScheduleState


@dataclass(slots=True)
class FillRecord:
    """A fill with its place in the log."""

    seq: int
    account_seq: int
    ts_ns: int
    fill: ChildFilled


@dataclass(slots=True)
class ChildRecord:
    child: ChildOrder
    state: ChildState
    venue_order_id: str
    cum_qty_units: int
    cum_money_nano: int
    is_canceling: bool
    code: str
    text: str
    sent_ts_ns: int
    acked_ts_ns: int
    updated_ts_ns: int
    last_seq: int
    mid_half_units: int

    @property
    def leaves_qty_units(self) -> int:
        """What may still fill: zero once terminal, the full remainder while sending, acked or unknown."""
        return 0 if self.state.is_terminal else max(0, self.child.qty_units - self.cum_qty_units)

    @property
    def status(self) -> OrderStatus:
        return child_status(self.state, is_canceling=self.is_canceling)


@dataclass(slots=True)
class ParentRecord:
    """`accepted`: the order as it is now; `first`, where it was amended: as it was accepted, for its answer."""

    accepted: OrderAccepted
    mode: Mode
    state: ParentState
    done_reason: DoneReason | None
    done_detail: str
    cum_qty_units: int
    cum_money_nano: int
    cum_notional_nano: int
    fees_nano: dict[str, int]
    is_canceling: bool
    n_waves: int
    route_id: str
    created_ts_ns: int
    updated_ts_ns: int
    accepted_account_seq: int
    last_seq: int
    last_account_seq: int
    version: int
    children: dict[str, ChildRecord] = field(default_factory=dict)
    fills: list[FillRecord] = field(default_factory=list)
    routes: list[tuple[int, RoutePlanned]] = field(default_factory=list)  # (seq, fact)
    tca: TcaReported | None = None
    schedule: ScheduleState | None = None
    first: OrderAccepted | None = None
    paths: list[MidPath] = field(default_factory=list)  # what the market did after fills and children
    interval: IntervalStats | None = None

    @property
    def acknowledged(self) -> OrderAccepted:
        """What the acknowledgement is a pure function of, whatever was amended since."""
        return self.first or self.accepted

    @property
    def order_id(self) -> str:
        return self.accepted.order_id

    @property
    def account(self) -> str:
        return self.accepted.account

    @property
    def status(self) -> OrderStatus:
        live = [c for c in self.children.values() if not c.state.is_terminal]
        return parent_status(
            self.state,
            self.done_reason,
            has_fills=self.cum_qty_units > 0,
            is_canceling=self.is_canceling,
            is_unknown=bool(live) and all(c.state is ChildState.UNKNOWN for c in live),
        )

    @property
    def is_stop(self) -> bool:
        """Whether it is a stop that its venue holds: one child, and no plan."""
        return any(c.child.stop is not None for c in self.children.values())

    @property
    def soft_cap_units(self) -> int:
        """The price cap without what discretion adds to the limit, 0 for none: what rests is no worse than it, and what
        crosses without using discretion.
        """
        order, cap_units = self.accepted.order, self.accepted.price_cap_units
        if order.schedule is None or not order.schedule.past_limit_units or order.limit_price_units is None:
            return cap_units
        return (min if order.side is Side.BUY else max)(cap_units, order.limit_price_units)

    def conversion(self, child: ChildOrder) -> Conversion | None:
        """The rate at which a child in another quote currency counts, that of its wave's plan; None in the own one."""
        if child.symbol == self.accepted.order.symbol:
            return None
        plan = next(fact.plan for _, fact in reversed(self.routes) if fact.plan.wave == child.wave)
        return next(found for found in plan.conversions if found.symbol == child.symbol)

    @property
    def in_flight_qty_units(self) -> int:
        """`worst_case_fill_qty` beyond what is filled: everything that may still trade. Of bounds one at most left."""
        sent_units = bound_units = 0
        for record in self.children.values():
            if record.child.is_bound:
                bound_units = max(bound_units, record.leaves_qty_units)
            else:
                sent_units += record.leaves_qty_units
        return sent_units + bound_units


_NO: Final = False  # a field's first word, by its place


def begun(fact: Fact, event: OrderAccepted) -> ParentRecord:
    """The record that an acceptance begins; `event` is the fact's."""
    seq, ts_ns, account_seq = fact.seq, fact.ts_ns, fact.account_seq
    return ParentRecord(
        event,
        event.mode,
        ParentState.ACCEPTED,
        None,
        "",
        0,
        0,
        0,
        {},
        _NO,
        0,
        "",
        ts_ns,
        ts_ns,
        account_seq,
        seq,
        account_seq,
        1,
    )


def sent(event: ChildSending, seq: int, ts_ns: int) -> ChildRecord:
    """The record that a child's sending begins, which is fact `seq`."""
    return ChildRecord(
        event.child, ChildState.SENDING, "", 0, 0, _NO, "", "", ts_ns, 0, ts_ns, seq, event.mid_half_units
    )


@dataclass(frozen=True, slots=True)
class BreakRecord:
    """An open break: the fact that told it last, and since when it is known."""

    found: BreakFound
    opened_ts_ns: int


PARENT_COLUMNS: Final = (
    "order_id",
    "account",
    "client_order_id",
    "symbol",
    "side",
    "state",
    "done_reason",
    "cum_qty_units",
    "cum_money_nano",
    "cum_notional_nano",
    "last_seq",
)
CHILD_COLUMNS: Final = (
    "child_id",
    "order_id",
    "venue",
    "state",
    "price_ticks",
    "qty_lots",
    "cum_qty_units",
    "cum_money_nano",
    "last_seq",
)
FILL_COLUMNS: Final = (
    "exec_id",
    "order_id",
    "child_id",
    "venue",
    "venue_trade_id",
    "price_units",
    "qty_units",
    "fee_nano",
    "seq",
)
