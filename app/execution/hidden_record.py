"""What the log says of hidden liquidity: questions that are open, their answers by venue, and how often each was asked.

Part of the ledger: changed by facts only. Beliefs are worked out of it by learning/hidden.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any, Final

from app.domain.enums import Side
from app.domain.event import Event
from app.domain.hidden_facts import DarkAnswered, DarkAsk, DarkAsked, DealerAnswered, DealerQuoted, QuotesAsked
from app.domain.orders import ChildOrder

# The newest answers of a venue, symbol and side; older ones weigh next to nothing (learning/hidden.py).
ANSWERS_KEPT: Final = 256
# Questions to one venue that are remembered for its budget.
PINGS_KEPT: Final = 1_000
FILLED: Final = "filled"
DECLINED: Final = "declined"
NOTHING: Final = "nothing"
HiddenKey = tuple[str, str, Side]  # venue, symbol, side of ours


@dataclass(frozen=True, slots=True)
class OpenAsk:
    """A question whose child has not ended, and where the market was."""

    ask: DarkAsk
    asked: DarkAsked


@dataclass(slots=True)
class HiddenRecord:
    """`open`: by child id. `pings`: venue -> when it was asked, oldest first. Of orders that are not done: `n_waves`
    (dark ones of those that asked, none or one), `quotes_asked`, and `quotes` by venue. `accepted`: children that
    accept a quote, until they have ended. `looks`: what became of accepted quotes.
    """

    open: dict[str, OpenAsk] = field(default_factory=dict)
    answers: dict[HiddenKey, deque[DarkAnswered]] = field(default_factory=dict)
    pings: dict[str, deque[int]] = field(default_factory=dict)
    n_waves: dict[str, int] = field(default_factory=dict)
    quotes_asked: dict[str, QuotesAsked] = field(default_factory=dict)
    quotes: dict[str, dict[str, DealerQuoted]] = field(default_factory=dict)
    accepted: dict[str, DealerQuoted] = field(default_factory=dict)
    looks: dict[HiddenKey, deque[DealerAnswered]] = field(default_factory=dict)

    def n_pings_since(self, venue: str, from_ns: int) -> int:
        """How often `venue` was asked after `from_ns`."""
        return sum(ts_ns > from_ns for ts_ns in self.pings.get(venue, ()))

    def forget(self, order_id: str) -> None:
        """The order is done; its open questions stay until they are answered."""
        self.n_waves.pop(order_id, None)
        self.quotes_asked.pop(order_id, None)
        self.quotes.pop(order_id, None)

    def quote_id(self, order_id: str, venue: str) -> str:
        """The quote of `venue` that a child of the order accepts by going there; empty where there is none."""
        quote = self.quotes.get(order_id, {}).get(venue)
        return quote.quote_id if quote is not None else ""

    def note_child(self, child: ChildOrder) -> None:
        """A child that leaves with a quote uses it up."""
        if child.quote_id:
            quotes = self.quotes.get(child.order_id, {})
            quote = quotes.get(child.venue)
            if quote is not None:  # a reader may begin after the quote
                self.accepted[child.child_id] = quote
                quotes[child.venue] = replace(quote, quote_id="", code="accepted")

    @property
    def is_waiting(self) -> bool:
        """Whether the end of any child would answer a question."""
        return bool(self.open or self.accepted)


def apply(record: HiddenRecord, ts_ns: int, event: Event) -> None:
    """Folds one fact of HIDDEN_EVENTS."""
    _APPLY[type(event)](record, ts_ns, event)


def _asked(record: HiddenRecord, ts_ns: int, event: DarkAsked) -> None:
    record.n_waves[event.order_id] = int(bool(event.asks))
    for ask in event.asks:
        record.open[ask.child_id] = OpenAsk(ask, event)
        record.pings.setdefault(ask.venue, deque(maxlen=PINGS_KEPT)).append(ts_ns)


def _answered(record: HiddenRecord, _ts_ns: int, event: DarkAnswered) -> None:
    record.open.pop(event.child_id, None)  # a reader may begin after the question
    if not event.asked_units:
        return  # its child was refused, or a person closed it: nothing was seen
    key = (event.venue, event.symbol, event.side)
    record.answers.setdefault(key, deque(maxlen=ANSWERS_KEPT)).append(event)


def _quotes_asked(record: HiddenRecord, ts_ns: int, event: QuotesAsked) -> None:
    record.quotes_asked[event.order_id] = event
    for venue, _, _ in event.asks:
        record.pings.setdefault(venue, deque(maxlen=PINGS_KEPT)).append(ts_ns)


def _quoted(record: HiddenRecord, _ts_ns: int, event: DealerQuoted) -> None:
    record.quotes.setdefault(event.order_id, {})[event.venue] = event


def _looked(record: HiddenRecord, _ts_ns: int, event: DealerAnswered) -> None:
    record.accepted.pop(event.child_id, None)
    if event.outcome == NOTHING:
        return
    key = (event.venue, event.symbol, event.side)
    record.looks.setdefault(key, deque(maxlen=ANSWERS_KEPT)).append(event)


_APPLY: Final[dict[type[Event], Any]] = {
    DarkAsked: _asked,
    DarkAnswered: _answered,
    QuotesAsked: _quotes_asked,
    DealerQuoted: _quoted,
    DealerAnswered: _looked,
}
