"""Random lives of three accounts in three symbols at four venues, whose every turn may hold anything that a desk does.

Limits are near their bounds or change between two orders of a turn, and so do balances, fee tiers, breaks, venues and
kill switches; reports, cancels and amendments come between orders; names are used again, by the same and by other
accounts; now and then a new process goes on with the log.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from random import Random
from typing import Final

from app.domain import events as ev
from app.domain.book import BookSnapshot
from app.domain.enums import (
    BreakKind,
    ContractKind,
    FeeStatus,
    KillAction,
    KillScope,
    MarketKind,
    Mode,
    OrderType,
    Remainder,
    Side,
    TimeInForce,
)
from app.domain.events import Event, Fact
from app.domain.fees import FeeTier
from app.domain.fills import ReportKind
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.limits import Limits
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.pretrade import PretradeLaw
from app.domain.scheduled import Amendment
from app.domain.units import NANO
from app.domain.universe import Universe
from app.domain.venue import Venue
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.step import Core
from app.learning.pretrade import CostEstimator
from app.shm.books import BookBoard
from app.store.encoder import Encoder
from app.store.turns import decode_line
from tests.learning.costs import made_law
from tests.worlds import LIMITS, MS, T0_NS, make_core, make_order, report, sent

ACCOUNTS: Final = ("desk", "alpha", "beta")
VENUES: Final = ("ven_a", "ven_b", "ven_c", "ven_d")
FEES_PPM: Final = {"ven_a": 1_000, "ven_b": 500, "ven_c": 200, "ven_d": -50}
LOTS: Final = {"ven_a": 1, "ven_b": 10, "ven_c": 100, "ven_d": 1}
TICKS: Final = {"ven_a": 1, "ven_b": 10, "ven_c": 50, "ven_d": 5}
SPOT: Final = ContractKind.SPOT
LINEAR: Final = FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR, "", NANO // 1_000)
# Each symbol with its usual mid and the venues that list it.
SYMBOLS: Final = {
    "BTC/USDT": (Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", SPOT), 2, 5), 6_000_000, VENUES),
    "ETH/USDT": (Symbol("ETH/USDT", FungibilityClass("ETH", "USDT", "USDT", SPOT), 2, 4), 300_000, VENUES[:3]),
    "BTC/USDT:USDT": (Symbol("BTC/USDT:USDT", LINEAR, 2, 3), 6_000_500, VENUES[1:]),
}
KILLS: Final = (
    (KillScope.GLOBAL, ""),
    (KillScope.ACCOUNT, "alpha"),
    (KillScope.SYMBOL, "ETH/USDT"),
    (KillScope.VENUE, "ven_a"),
    (KillScope.VENUE, "ven_c"),
)


@cache
def _law() -> PretradeLaw:
    """By which acceptances say what their orders will cost."""
    return made_law()


def make_universe() -> Universe:
    return Universe(
        {v: Venue(v, v, Mode.PAPER, True, 5 * MS, 2_000 * MS, 1_000 * MS) for v in VENUES},
        {name: symbol for name, (symbol, _, _) in SYMBOLS.items()},
        {
            (v, name): Instrument(
                v, name, name, symbol.fungible, TICKS[v], LOTS[v], 2 if v == "ven_c" else 1, min_notional_nano=5 * NANO
            )
            for name, (symbol, _, venues) in SYMBOLS.items()
            for v in venues
        },
        {v: FeeTier(v, "base", ppm, min(ppm // 2, ppm), 0, "test", "2026-11-01") for v, ppm in FEES_PPM.items()},
    )


def near_limits(rng: Random, version: int, n_open: int) -> Limits:
    """Generous, or with some limits so near that orders come up to them; `n_open`: orders of the account."""
    near: dict[str, object] = {
        "max_open_orders": n_open + rng.randint(0, 3),
        "max_order_notional_nano": rng.choice([60, 600, 6_000]) * NANO,
        "max_order_qty_nano": rng.choice([NANO // 1_000, NANO // 100, NANO]),
        "max_open_notional_nano": rng.choice([600, 6_000, 60_000]) * NANO,
        "max_position_nano": rng.choice([0, NANO // 200, NANO // 50, NANO // 10]),
        "venue_credit_nano": rng.choice([0, 0, 100, 500, 3_000]) * NANO,
        "price_collar_ppm": rng.choice([0, 500, 1_000]),
        "max_slippage_ppm": rng.choice([0, 499, 2_500]),
        "default_slippage_ppm": rng.choice([0, 100, 500]),
        "allowed_symbols": rng.choice([(), ("BTC/USDT",), ("ETH/USDT",)]),
        "message_rate_per_s": rng.choice([1, 400]),
        "message_burst": rng.choice([1, 3, 8]),
    }
    chosen = rng.sample(sorted(near), rng.choice([0, 0, 0, 1, 1, 2]))
    chosen += rng.choice([[], ["max_open_orders"], ["max_position_nano"]])
    loose = replace(LIMITS, version=version, duplicate_window_ns=rng.choice([0, 0, 3, 1_000]) * MS)
    return replace(loose, **{name: near[name] for name in chosen})  # type: ignore[arg-type]


@dataclass
class Life:
    """One life, by its chance alone. `told`: all that turns answered, commanded and kept. `asked`: the orders."""

    rng: Random
    board: BookBoard
    core: Core
    now_ns: int = T0_NS
    facts: list[Fact] = field(default_factory=list)
    told: list[object] = field(default_factory=list)
    asked: list[ParentOrder] = field(default_factory=list)
    children: list[ChildOrder] = field(default_factory=list)
    orders: list[tuple[str, str]] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 1))
    numbers: count[int] = field(default_factory=lambda: count(2))

    @staticmethod
    def begun(seed: int) -> Life:
        universe = make_universe()
        board = BookBoard(list(universe.instruments), depth=12)
        core = make_core(universe, board)
        core.world = replace(core.world, costs=CostEstimator(_law()))
        life = Life(Random(seed), board, core)
        life.show_books(1.0)
        items: list[inp.Input] = [inp.Start("s0", "epoch", "test", Mode.PAPER)]
        for account in ACCOUNTS:
            window_ns = 1_000 * MS if account == "beta" else 0
            items.append(inp.SetLimits(account, replace(LIMITS, duplicate_window_ns=window_ns), "t"))
            for venue in VENUES:
                for currency in ("USDT", "BTC", "ETH"):
                    nano = life.rng.choice([10**6, 10**4, 100]) * NANO
                    items.append(inp.SetBalance(account, venue, currency, nano, "t"))
        life.turn(items)
        return life

    def live(self, n_turns: int) -> Life:
        rng = self.rng
        for n in range(1, n_turns + 1):
            if rng.random() < 0.2:
                self.core.memory.unreachable = {v for v in VENUES if rng.random() < 0.2}
            if n % 40 == 0:
                self.rise_again()
            self.turn([self.some_item() for _ in range(rng.choice([1, 2, 3, 5, 8, 16]))])
            if rng.random() < 0.15:  # whatever it says, it must change nothing
                self.core.preview(self.some_order(), Mode.PAPER, self.now_ns)
            if rng.random() < 0.6:
                self.now_ns += rng.choice([1, MS, 7 * MS, 40 * MS, 150 * MS])
            if rng.random() < 0.75:
                self.show_books(rng.choice([1.0, 0.9, 0.5, 0.2]))
        return self

    def turn(self, items: list[inp.Input]) -> None:
        turn = self.core.turn(items, self.now_ns)
        self.facts += turn.facts
        for reply in turn.replies:
            is_no = isinstance(reply, inp.Failed)
            self.told.append((str(reply.error), repr(getattr(reply.error, "facts", ""))) if is_no else repr(reply))  # type: ignore[union-attr]
        self.told += [*map(repr, turn.commands), *turn.receipts, len(turn.facts)]
        self.children += sent(turn)
        for fact in turn.facts:
            if isinstance(fact.event, ev.OrderAccepted):
                self.orders.append((fact.event.account, fact.event.order_id))

    def rise_again(self) -> None:
        """A new process, which knows the log and nothing else."""
        ledger = fold(map(decode_line, Encoder(1).spell(self.facts).lines))
        self.core = Core(self.core.world, ledger=ledger)
        self.turn([inp.Start("s0", "epoch", "test", Mode.PAPER)])

    def show_books(self, share: float) -> None:
        """New books of so many of the listings: deep, thin, crossed or with one side."""
        rng = self.rng
        for name, (_, mid_units, venues) in SYMBOLS.items():
            for venue in venues:
                if rng.random() >= share:
                    continue
                tick, lot = TICKS[venue], LOTS[venue]
                mid = (mid_units + rng.randint(-60, 60) * 10) // tick * tick
                first = -3 if rng.random() < 0.02 else 1
                steps = range(rng.choice([1, 3, 5, 10]))
                bids = tuple((mid - (i + first) * tick, rng.choice([1, 5, 50, 2_000]) * lot) for i in steps)
                asks = tuple((mid + (i + 1) * tick, rng.choice([1, 5, 50, 2_000]) * lot) for i in steps)
                gone = rng.random()
                sides = (() if gone < 0.02 else bids), (() if gone > 0.98 else asks)
                stamp_ns = self.now_ns if rng.random() < 0.7 else 0
                self.board.write_snapshot(BookSnapshot(venue, name, next(self.numbers), self.now_ns, stamp_ns, *sides))

    def some_order(self) -> ParentOrder:
        """Plain most often; now and then one that was asked before, as it was, changed, or by somebody else."""
        rng = self.rng
        if self.asked and rng.random() < 0.12:
            old, chance = rng.choice(self.asked[-6:]), rng.random()
            if chance < 0.4:
                return old
            if chance < 0.7:
                return replace(old, client_order_id=f"o{next(self.numbers)}")
            return replace(old, account=rng.choice(ACCOUNTS)) if chance < 0.85 else replace(old, body_hash="other")
        name, side, is_limit = rng.choice(list(SYMBOLS)), rng.choice(list(Side)), rng.random() < 0.45
        _, mid_units, venues = SYMBOLS[name]
        forces = [TimeInForce.IOC] * 12 + [TimeInForce.FOK] + [TimeInForce.GTC] * 8 * is_limit
        time_in_force, is_money = rng.choice(forces), rng.random() < 0.05
        filters = [VenueFilter()] * 12 + [
            VenueFilter(venues[:2]),
            VenueFilter((), venues[:1]),
            VenueFilter(max_venues=1),
        ]
        order = make_order(
            account=rng.choice(ACCOUNTS),
            client_order_id=f"o{next(self.numbers)}",
            symbol=name,
            side=side,
            order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
            time_in_force=time_in_force,
            remainder=Remainder.HELD if time_in_force is TimeInForce.GTC else Remainder.NONE,
            qty_units=None
            if is_money
            else rng.choice([0, 7, 100, 200, 300, 300, 500, 500, 700, 1_000, 1_000, 3_000, 40_000]),
            notional_nano=rng.randrange(10, 9_000) * NANO if is_money else None,
            limit_price_units=mid_units + side.sign * rng.randint(-90, 500) * 10 if is_limit else None,
            max_slippage_ppm=rng.choice([None, None, None, None, 2_500, 2_500, 500, 10_001]),
            venues=rng.choice(filters),
        )
        self.asked.append(order)
        return order

    def some_item(self) -> inp.Input:
        rng = self.rng
        chance = rng.random()
        if chance < 0.70:
            return inp.Submit(self.some_order(), Mode.PAPER)
        if chance < 0.80 and self.children:
            return self.some_word()
        if chance < 0.83 and self.orders:
            return inp.Cancel(*rng.choice(self.orders[-15:]), "t")
        if chance < 0.85 and self.core.ledger.open_parents:
            parent = rng.choice([*self.core.ledger.open_parents.values()])
            change = Amendment(qty_units=rng.choice([50, 400, 5_000]))
            return inp.Amend(parent.account, parent.order_id, "t", change)
        if chance < 0.90:
            return inp.BookReached(rng.choice(list(SYMBOLS))) if rng.random() < 0.5 else inp.Tick()
        return self.some_order_of_an_operator()

    def some_word(self) -> inp.Report:
        """Of a venue about a child, mostly its last one."""
        rng = self.rng
        child = rng.choice(self.children[-12:])
        if rng.random() < 0.7:
            self.children.remove(child)
        kind = rng.choice([ReportKind.FILLED] * 5 + [*ReportKind])
        if kind is not ReportKind.FILLED:
            return inp.Report(report(child, kind))
        return inp.Report(
            report(
                child,
                kind,
                venue_trade_id=f"t{next(self.numbers)}",
                price_ticks=child.price_ticks,
                qty_lots=rng.choice([child.qty_lots, max(1, child.qty_lots // 2)]),
                fee_nano=1_000,
                fee_currency="USDT",
                mid_half_units=2 * SYMBOLS[child.symbol][1],
                venue_ts_ns=rng.choice([0, self.now_ns]),
            )
        )

    def some_order_of_an_operator(self) -> inp.Input:
        rng = self.rng
        account, venue, chance = rng.choice(ACCOUNTS), rng.choice(VENUES), rng.random()
        if chance < 0.35:
            self.versions[account] += 1
            n_open = len(self.core.ledger.open_by_account.get(account, ()))
            return inp.SetLimits(account, near_limits(rng, self.versions[account], n_open), "t")
        if chance < 0.60:
            nano = rng.choice([0, 50, 10**4, 10**6]) * NANO
            return inp.SetBalance(account, venue, rng.choice(["USDT", "BTC", "ETH"]), nano, "t")
        if chance < 0.68:
            return inp.SetVenue(venue, rng.random() < 0.7, "t")
        if chance < 0.70:
            return inp.SetKillSwitch("", *rng.choice(KILLS), rng.choice(list(KillAction)), "t", "t")
        if chance < 0.85:
            return inp.ClearKillSwitch("", *rng.choice([*self.core.ledger.kills] or KILLS), "t")
        return Told(self.some_fact(account, venue))  # type: ignore[return-value]

    def some_fact(self, account: str, venue: str) -> Event:
        """A fee tier, or a break between an account and a venue, or that one is over."""
        if self.rng.random() < 0.5:
            ppm, market = self.rng.choice([0, 123, 9_000]), self.rng.choice(list(MarketKind))
            rates = ppm, ppm, ppm, ppm, 0, 0
            return ev.FeeTierSet(account, venue, market, "x", *rates, False, "", "2026-11-01", FeeStatus.VERIFIED)
        if (account, venue) in self.core.ledger.n_broken:
            return ev.BreakClosed(account, venue, BreakKind.BALANCE, "BTC", 5)
        return ev.BreakFound(account, venue, BreakKind.BALANCE, "BTC", 1, 2, 0, 0, 0, "")


@dataclass(frozen=True)
class Told:
    """A fact as it is, where the machinery that finds it is none of these lives'."""

    event: Event
