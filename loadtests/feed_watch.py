"""What the feed bench notes of a run: orders that wait, when their bytes left, what plans were decided on.

Bytes have left when the kernel had them: by its own stamp where the far side tells it (loadtests/feed_sink.py), else
when our write came back, which is later by whatever the kernel did for the reader within it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.domain.enums import Side
from app.domain.events import Fact, OrderDone, RoutePlanned
from app.domain.fills import ExecutionReport
from app.domain.orders import ChildOrder


@dataclass(slots=True)
class Probe:
    """A waiting order: its limit, when a book first reached it, when its first child's bytes had left, and when our
    write of them came back (ns, 0: not); whether that was before its facts were durable.
    """

    symbol: str
    side: Side
    limit_units: int
    reached_ns: int = 0
    written_ns: int = 0
    returned_ns: int = 0
    is_ahead: bool = False

    def begin(self, accepted_ns: int) -> None:
        """The engine has the order since `accepted_ns`: a book that came before it was not for it to act on."""
        if self.reached_ns < accepted_ns:
            self.reached_ns = 0


@dataclass(slots=True)
class Watch:
    """Everything measured in one run."""

    probes: dict[str, Probe] = field(default_factory=dict)
    waiting: dict[str, list[Probe]] = field(default_factory=dict)
    writes_ns: dict[tuple[str, int], dict[str, int]] = field(default_factory=dict)  # wave -> client id -> when
    sent: dict[str, tuple[dict[str, int], Probe | None]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    oldest_book_ns: int = 0
    n_plans: int = 0
    n_events: int = 0
    late_ns: list[int] = field(default_factory=list)
    appends_ns: list[int] = field(default_factory=list)
    n_prompt: int = 0
    bare_syncs_ns: list[int] = field(default_factory=list)

    def on_written(self, child: ChildOrder, *, is_ahead: bool = False) -> None:
        now_ns, found = time.time_ns(), self.probes.get(child.order_id)
        wave = self.writes_ns.setdefault((child.order_id, child.wave), {})
        wave[child.client_id] = now_ns
        is_first = found is not None and not found.written_ns
        self.sent[child.client_id] = (wave, found if is_first else None)
        if found is not None and is_first:
            found.written_ns = found.returned_ns = now_ns
            found.is_ahead = is_ahead

    def on_report(self, report: ExecutionReport) -> None:
        """Bytes that the far side's kernel had by its stamp had left by then, though our write came back later: the
        reader that it wakes may run first. Both are processes of one machine and clock.
        """
        wave, first = self.sent.get(report.client_id, ({}, None))
        if 0 < report.venue_ts_ns < wave.get(report.client_id, 0):
            wave[report.client_id] = report.venue_ts_ns
            if first is not None:
                first.written_ns = report.venue_ts_ns

    def forget(self) -> None:
        """What was measured before the clock runs is not counted."""
        self.writes_ns.clear()
        self.appends_ns.clear()
        self.n_prompt = self.n_plans = self.oldest_book_ns = 0

    def on_facts(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if isinstance(fact.event, RoutePlanned):
                self.n_plans += 1
                ages = [book.age_ns for book in fact.event.plan.certificate.books]
                self.oldest_book_ns = max(self.oldest_book_ns, *ages, 0)
            elif isinstance(fact.event, OrderDone):
                self.ended.add(fact.event.order_id)

    def on_touch(self, symbol: str, bid_units: int, ask_units: int, received_ns: int) -> None:
        """Marks the probes that this event is the first to reach; looked at apart from the product's own look."""
        for waiting in self.waiting.get(symbol, ()):
            is_buy = waiting.side is Side.BUY
            is_reached = 0 < ask_units <= waiting.limit_units if is_buy else bid_units >= waiting.limit_units
            if is_reached and not waiting.reached_ns:
                waiting.reached_ns = received_ns
