"""A simulated world as arrays, and the shell that every family shares: messages in, reports and books out.

A family is an `Engine`: what its event loop needs beside the world. The shell knows no mechanism of any family.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from app.domain.errors import BadRequest, InvariantBroken
from app.kernels import sim_words as w
from app.kernels.sim_desk import open_world, order_halt, peek, send_message
from app.venues.markets.port import BookView, Order, Report, Told, TradePrint, Why
from app.venues.markets.spec import VenueSpec, ns_of_s

Int64 = npt.NDArray[np.int64]
World = tuple[Any, ...]

N_ORDERS: Final = 1 << 14
N_QUEUE: Final = 1 << 12
N_REPORTS: Final = 1 << 15
N_PRINTS: Final = 1 << 14


class Engine(Protocol):
    """What a family adds to the frame. Both work in place on the world's arrays."""

    def open(self, world: World) -> None:
        """Lays the first books and starts its clocks, at time 0."""
        ...

    def run(self, world: World) -> int:
        """Lets events happen up to the head's STOP_NS: 0 when there, 1 when the shell must read first."""
        ...

    def value_ticks(self, world: World) -> float:
        """The price behind the prices now."""
        ...


def new_world(specs: Sequence[VenueSpec], seed: int) -> World:
    """The arrays of a world at time 0, its books empty. `seed`: 0 to 2^62."""
    n = len(specs)
    venues = np.zeros((n, w.VENUE_SIZE), np.int64)
    laws = np.zeros((n, w.LAW_SIZE), np.float64)
    for v, spec in enumerate(specs):
        _lay_venue(spec, v, n, venues[v], laws[v])
    head = np.zeros(w.HEAD_SIZE, np.int64)
    head[w.SEED] = seed
    return (
        head,
        venues,
        laws,
        np.zeros(w.FORCE_SIZE, np.float64),
        np.zeros((n, 2, w.LAYERS, w.WINDOW), np.int64),
        np.zeros((N_ORDERS, w.OWN_SIZE), np.int64),
        np.zeros((n, 1 + w.MOST_LIVE), np.int64),
        np.zeros((N_QUEUE, w.QUEUE_SIZE), np.int64),
        np.zeros((N_REPORTS, w.REPORT_SIZE), np.int64),
        np.zeros((N_PRINTS, w.PRINT_SIZE), np.int64),
        np.zeros((n, w.SHOT_ROWS, w.SHOT_SIZE), np.int64),
        np.zeros(w.QUEUE_SIZE, np.int64),
    )


def _lay_venue(spec: VenueSpec, v: int, n: int, row: Int64, law: npt.NDArray[np.float64]) -> None:
    row[w.KIND] = spec.kind
    row[w.LATENCY_IN_NS] = ns_of_s(spec.latency_in_s)
    row[w.LATENCY_OUT_NS] = ns_of_s(spec.latency_out_s)
    row[w.LATENCY_DATA_NS] = ns_of_s(spec.latency_data_s)
    row[w.JITTER_NS] = ns_of_s(spec.jitter_s)
    row[w.PUBLISH_NS] = ns_of_s(spec.publish_s)
    row[w.PUBLISH_PHASE_NS] = v * row[w.PUBLISH_NS] // n
    row[w.MIN_LOTS] = spec.min_lots
    row[w.PEAK_LOTS] = spec.peak_lots
    row[w.TOXIC_DELAY_NS] = ns_of_s(spec.toxic_delay_s)
    row[w.HOLD_NS] = ns_of_s(spec.hold_s)
    row[w.QUOTE_NS] = ns_of_s(spec.quote_s)
    row[[w.BEST, w.TOP]] = w.NO_BID
    row[[w.BEST + 1, w.TOP + 1]] = w.NO_ASK
    law[w.TOXIC_PPM] = spec.toxic_ppm
    law[w.FADE_FRAC] = spec.fade_frac
    law[w.HALTS_PER_S] = spec.halts_per_s
    law[w.HALT_S] = spec.halt_s
    law[w.DARK_PER_S] = spec.dark_per_s
    law[w.DARK_MEAN_LOTS] = spec.mean_lots
    law[w.DARK_LIFE_S] = spec.dark_life_s
    law[w.DEALER_HALF_PPM] = spec.dealer_half_ppm
    law[w.DEALER_SLOPE_PPM] = spec.dealer_slope_ppm
    law[w.DEALER_TOLERANCE_PPM] = spec.dealer_tolerance_ppm
    law[w.DEALER_REFUSAL_FRAC] = spec.dealer_refusal_frac
    law[w.LEAK_PPM] = spec.leak_ppm


class Markets:
    """A world of one family, behind the port `MarketFamily`."""

    def __init__(self, specs: Sequence[VenueSpec], seed: int, engine: Engine) -> None:
        self.specs = tuple(specs)
        self.world = new_world(self.specs, seed)
        self._engine = engine
        self._head: Int64 = self.world[w.HEAD]
        self._coming: list[tuple[int, int, Report]] = []
        self._printed: list[tuple[int, int, TradePrint]] = []
        self._unread: list[tuple[int, Int64]] = []  # prints as rows, made into values only when somebody asks
        open_world(self.world)
        engine.open(self.world)

    @property
    def now_ns(self) -> int:
        return int(self._head[w.NOW_NS])

    @property
    def n_venues(self) -> int:
        return len(self.specs)

    def advance(self, until_ns: int) -> None:
        self._run(until_ns, wants_news=False)

    def advance_to_news(self, until_ns: int) -> int:
        self._run(until_ns, wants_news=True)
        return self.now_ns

    def _run(self, until_ns: int, *, wants_news: bool) -> None:
        if until_ns < self.now_ns:
            return
        stop_ns = until_ns
        if wants_news and self._coming:
            stop_ns = min(until_ns, max(self._coming[0][0], self.now_ns))
        self._head[w.STOP_NS] = stop_ns
        self._head[w.WANTS_NEWS] = int(wants_news)
        status = 1
        while status:
            status = self._engine.run(self.world)
            self._read()
            if self._head[w.IS_FULL]:
                raise InvariantBroken(what="simulated events", limit=N_QUEUE)

    def send(self, order: Order) -> int:
        show = order.qty_lots if order.show_lots is None else order.show_lots
        if abs(order.sign) != 1 or not 0 < order.qty_lots < 1 << 40 or not 0 < order.price_ticks < 1 << 40:
            raise BadRequest("validation_failed", "An order has a sign, and whole lots and ticks above 0.")
        if not 0 <= show <= order.qty_lots or (show and order.qty_lots > w.MOST_REFILLS * show):
            raise BadRequest("validation_failed", f"An iceberg shows at least 1/{w.MOST_REFILLS} of its lots.")
        row = self._new_row(order.venue_i, order.sign, order.qty_lots)
        own = self.world[w.OWN][row]
        own[w.FORCE] = order.force
        own[w.PRICE_TICKS] = order.price_ticks
        own[w.SHOW_LOTS] = show
        own[w.LEAST_LOTS] = order.least_lots
        send_message(self.world, w.EV_ORDER, order.venue_i, row)
        return int(own[w.NUMBER])

    def _new_row(self, venue_i: int, sign: int, qty_lots: int) -> int:
        """A row of ours; the table is a ring, so an order that never ends would be met again after N_ORDERS others."""
        if not 0 <= venue_i < self.n_venues:
            raise BadRequest("validation_failed", f"Venues are 0 to {self.n_venues - 1}.")
        number = int(self._head[w.N_ORDERS])
        row = number % N_ORDERS
        own = self.world[w.OWN][row]
        if own[w.STATE] not in {w.FREE, w.DONE, w.QUOTED}:
            raise InvariantBroken(what="open simulated orders", limit=N_ORDERS)
        self._head[w.N_ORDERS] = number + 1
        own[:] = 0
        own[w.NUMBER] = number
        own[w.STATE] = w.IN_FLIGHT
        own[w.VENUE] = venue_i
        own[w.SIDE] = w.BID if sign > 0 else w.ASK
        own[[w.QTY_LOTS, w.LEFT_LOTS]] = qty_lots
        return row

    def _row_of(self, number: int) -> int:
        row = number % N_ORDERS
        if number < 0 or number >= self._head[w.N_ORDERS] or self.world[w.OWN][row, w.NUMBER] != number:
            raise BadRequest("validation_failed", f"No order {number} that is still remembered.")
        return row

    def cancel(self, number: int) -> None:
        row = self._row_of(number)
        send_message(self.world, w.EV_CANCEL, int(self.world[w.OWN][row, w.VENUE]), row)

    def request_quote(self, venue_i: int, sign: int, qty_lots: int) -> int:
        if abs(sign) != 1 or not 0 < qty_lots < 1 << 40:
            raise BadRequest("validation_failed", "A request has a sign, and whole lots above 0.")
        row = self._new_row(venue_i, sign, qty_lots)
        send_message(self.world, w.EV_REQUEST, venue_i, row)
        return int(self.world[w.OWN][row, w.NUMBER])

    def accept_quote(self, number: int) -> None:
        row = self._row_of(number)
        send_message(self.world, w.EV_ACCEPT, int(self.world[w.OWN][row, w.VENUE]), row)

    def halt(self, venue_i: int, at_ns: int, length_ns: int) -> None:
        if not 0 <= venue_i < self.n_venues or at_ns < self.now_ns or length_ns <= 0:
            raise BadRequest("validation_failed", "A halt is of a venue, from now on, of some length.")
        order_halt(self.world, venue_i, at_ns, length_ns)

    # what reaches us

    def _read(self) -> None:
        """Takes reports and prints out of their rings, to be given out when they have reached us."""
        reports, prints = self.world[w.REPORTS], self.world[w.PRINTS]
        for i in range(int(self._head[w.N_REPORTS_READ]), int(self._head[w.N_REPORTS])):
            report = self._report(reports[i % N_REPORTS].tolist())
            heapq.heappush(self._coming, (report.seen_ns, i, report))
        self._head[w.N_REPORTS_READ] = self._head[w.N_REPORTS]
        first, last = int(self._head[w.N_PRINTS_READ]), int(self._head[w.N_PRINTS])
        if first < last:
            self._unread.append((first, prints[np.arange(first, last) % N_PRINTS]))
        self._head[w.N_PRINTS_READ] = self._head[w.N_PRINTS]

    def _report(self, row: list[int]) -> Report:
        spec = self.specs[row[w.R_VENUE]]
        fee_ppm = spec.maker_fee_ppm if row[w.R_IS_MAKER] else spec.taker_fee_ppm
        told = Told(row[w.R_KIND])
        fee_utick_lots = fee_ppm * row[w.R_HALF_TICKS] * row[w.R_LOTS] // 2 if told is Told.FILLED else 0
        return Report(
            row[w.R_SEEN_NS],
            row[w.R_NS],
            told,
            row[w.R_NUMBER],
            row[w.R_VENUE],
            row[w.R_HALF_TICKS],
            row[w.R_LOTS],
            row[w.R_LEFT],
            bool(row[w.R_IS_MAKER]),
            row[w.R_TRADE],
            Why(row[w.R_CODE]),
            row[w.R_AHEAD],
            fee_utick_lots,
        )

    def reports(self) -> list[Report]:
        found = []
        while self._coming and self._coming[0][0] <= self.now_ns:
            found.append(heapq.heappop(self._coming)[2])
        return found

    def trades(self) -> list[TradePrint]:
        for first, rows in self._unread:
            for i, row in enumerate(rows.tolist(), first):
                seen_ns = row[w.P_NS] + int(self.world[w.VENUES][row[w.P_VENUE], w.LATENCY_DATA_NS])
                told = TradePrint(
                    seen_ns,
                    row[w.P_NS],
                    row[w.P_TRADE],
                    row[w.P_VENUE],
                    row[w.P_SIGN],
                    row[w.P_HALF_TICKS],
                    row[w.P_LOTS],
                )
                heapq.heappush(self._printed, (seen_ns, i, told))
        self._unread.clear()
        found = []
        while self._printed and self._printed[0][0] <= self.now_ns:
            found.append(heapq.heappop(self._printed)[2])
        return found

    def view(self, venue_i: int) -> BookView:
        row = self._latest(venue_i)
        return BookView(venue_i, 0, 0, is_halted=False, bids=(), asks=()) if row is None else _view(venue_i, row)

    def best(self, venue_i: int) -> tuple[int, int] | None:
        """Best bid and ask of what `view` shows, without its levels; None where a side is empty or the venue halted."""
        row = self._latest(venue_i)
        if row is None or row[w.S_IS_HALTED] or not (row[w.S_N_BIDS] and row[w.S_N_BIDS + 1]):
            return None
        return int(row[w.S_LEVELS]), int(row[w.S_LEVELS + 2 * w.SHOT_LEVELS])

    def _latest(self, venue_i: int) -> Int64 | None:
        """The latest published row that has reached us."""
        venue = self.world[w.VENUES][venue_i]
        shots: Int64 = self.world[w.SHOTS][venue_i]
        latest = int(venue[w.N_SHOTS])
        for n in range(latest, max(0, latest - w.SHOT_ROWS), -1):
            row: Int64 = shots[(n - 1) % w.SHOT_ROWS]
            if row[w.S_NS] + venue[w.LATENCY_DATA_NS] <= self.now_ns:
                return row
        return None

    def true_view(self, venue_i: int) -> BookView:
        shot = np.zeros((1, 1, w.SHOT_SIZE), np.int64)
        peek(self.world, venue_i, shot)
        return _view(venue_i, shot[0, 0])

    def value_ticks(self) -> float:
        return self._engine.value_ticks(self.world)


def _view(venue_i: int, row: Int64) -> BookView:
    sides = []
    for side in (w.BID, w.ASK):
        first, n = w.S_LEVELS + 2 * w.SHOT_LEVELS * side, int(row[w.S_N_BIDS + side])
        flat = row[first : first + 2 * n].tolist()
        sides.append(tuple(zip(flat[::2], flat[1::2], strict=True)))
    return BookView(venue_i, int(row[w.S_NS]), int(row[w.S_NUMBER]), bool(row[w.S_IS_HALTED]), sides[0], sides[1])
