"""What the log says of hidden liquidity: questions that are open, their answers by venue, and how often each was asked.

Part of the ledger: changed by facts only. Beliefs are worked out of it by learning/hidden.py.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain.enums import Side
from app.domain.event import Event
from app.domain.hidden_facts import DarkAnswered, DarkAsk, DarkAsked

# The newest answers of a venue, symbol and side; older ones weigh next to nothing (learning/hidden.py).
ANSWERS_KEPT: Final = 256
# Questions to one venue that are remembered for its budget.
PINGS_KEPT: Final = 1_000
HiddenKey = tuple[str, str, Side]  # venue, symbol, side of ours


@dataclass(frozen=True, slots=True)
class OpenAsk:
    """A question whose child has not ended, and where the market was."""

    ask: DarkAsk
    asked: DarkAsked


@dataclass(slots=True)
class HiddenRecord:
    """`open`: by child id. `pings`: venue -> when it was asked, oldest first. `n_waves`: of orders that asked, if any
    venue was asked; until they are done.
    """

    open: dict[str, OpenAsk] = field(default_factory=dict)
    answers: dict[HiddenKey, deque[DarkAnswered]] = field(default_factory=dict)
    pings: dict[str, deque[int]] = field(default_factory=dict)
    n_waves: dict[str, int] = field(default_factory=dict)

    def n_pings_since(self, venue: str, from_ns: int) -> int:
        """How often `venue` was asked after `from_ns`."""
        return sum(ts_ns > from_ns for ts_ns in self.pings.get(venue, ()))


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


_APPLY: Final[dict[type[Event], Any]] = {DarkAsked: _asked, DarkAnswered: _answered}
