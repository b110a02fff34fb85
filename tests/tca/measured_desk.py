"""A desk whose fills are measured: three venues on a random walk, every sample kept, the real core and tracker."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from app.domain.enums import OrderType, Side, TimeInForce
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, VenueFilter
from app.domain.records import ParentRecord
from app.execution import inputs as inp
from app.tca.composite import Sample, take_sample
from app.tca.tracker import Tracker
from tests.worlds import MS, TICKS, VENUES, Desk, flat_book, make_desk, make_order, sent

SYMBOL = "BTC/USDT"
STEP_MS = 100


@dataclass
class MeasuredDesk:
    """`samples`: every look at the market that was taken, in order of time."""

    seed: int
    desk: Desk = field(default_factory=make_desk)
    samples: list[Sample] = field(default_factory=list)
    mid_units: int = 6_000_000
    most_told: int = 1_000_000  # orders at a time

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.tracker = Tracker(self.seed)
        self.n_told = 0

    @property
    def records(self) -> list[ParentRecord]:
        return list(self.desk.core.ledger.parents.values())

    def look(self) -> None:
        """Books as they are now, a sample of them, and everything that is due."""
        desk = self.desk
        for i, venue in enumerate(VENUES):
            lots = 200 + 100 * i
            book = flat_book(venue, self.mid_units + 7 * i, desk.now_ns, book_seq=next(desk.book_seqs), lots=lots)
            desk.board.write_snapshot(book)
        ages_ns = desk.core.world.max_book_age_ns
        sample = take_sample(desk.board.read(SYMBOL), ages_ns, desk.now_ns)
        self.samples.append(sample)
        self.tracker.take(SYMBOL, sample)
        self.tracker.settle(desk.now_ns)

    def step(self) -> None:
        """A tenth of a second: the mid moves, the market is looked at, what is measured becomes facts."""
        self.desk.now_ns += STEP_MS * MS
        self.mid_units += self.random.randrange(-60, 61)
        self.look()
        self._answer(sent(self.desk.turn(inp.Tick())))
        self.tell()

    def tell(self) -> None:
        """Hands new facts to the tracker, and what it has ready to the core."""
        self.tracker.note(self.desk.facts[self.n_told :])
        self.n_told = len(self.desk.facts)
        self.tracker.watched(self.desk.now_ns)
        for item in self.tracker.collect(self.desk.now_ns, self.most_told):
            self.desk.turn(inp.MarketMeasured(item))

    def order(self, **changes: object) -> ParentRecord:
        """An order whose children fill by chance: all, half, or nothing of each."""
        self.look()
        side = self.random.choice(list(Side))
        limit = self.mid_units + 5_000 if side is Side.BUY else self.mid_units - 5_000
        wanted: dict[str, object] = {
            "side": side,
            "qty_units": self.random.choice([1_000, 5_000, 20_000]),
            "order_type": OrderType.LIMIT,
            "limit_price_units": limit // 100 * 100,
            "time_in_force": TimeInForce.IOC,
            "venues": VenueFilter(include=self.random.choice([(), ("ven_a",), ("ven_b",)])),
        }
        record, children = self.desk.accepted(make_order(**(wanted | changes)))
        self.tell()
        self.desk.now_ns += 3 * MS
        self._answer(children)
        self.tell()
        return record

    def _answer(self, children: list[ChildOrder]) -> None:
        """Each child's fate, and that of the children of the waves that follow from it."""
        waiting = list(children)
        while waiting:
            child = waiting.pop(0)
            for turn in self._fate(child):
                waiting += sent(turn)

    def _fate(self, child: ChildOrder) -> list[inp.Turn]:
        n_lots = self.random.choice([0, child.qty_lots // 2, child.qty_lots, child.qty_lots])
        turns = [self.desk.report(child, ReportKind.ACKED)]
        if n_lots:
            sign = 1 if child.side is Side.BUY else -1
            price = self.mid_units + sign * self.random.randrange(0, 3) * 50
            tick = TICKS[child.venue]
            capped = min(price, child.price_units) if sign > 0 else max(price, child.price_units)
            fill = self.desk.report(
                child,
                ReportKind.FILLED,
                venue_trade_id=f"t{next(self.desk.trades)}",
                price_ticks=capped // tick if sign > 0 else -(-capped // tick),
                qty_lots=n_lots,
                fee_nano=1_000,
                fee_currency="USDT",
                mid_half_units=2 * self.mid_units,
            )
            turns.append(fill)
        if n_lots < child.qty_lots:
            turns.append(self.desk.report(child, ReportKind.CANCELED, evidence="x"))
        return turns


def measured_desk(n_orders: int = 32, seed: int = 3) -> MeasuredDesk:
    """A desk with `n_orders` finished and measured orders, and still instants between them."""
    made = MeasuredDesk(seed)
    for _ in range(n_orders):
        made.order()
        for _ in range(made.random.randrange(20, 60)):
            made.step()
    for _ in range(700):
        made.step()
    return made
