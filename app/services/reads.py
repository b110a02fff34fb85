"""What can be asked: orders, fills, books, venues, limits. Never shows what is not durable."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from app import observe
from app.domain.conditional_records import ConditionalRecord
from app.domain.enums import KillScope, RefusalCode
from app.domain.errors import BadRequest
from app.domain.events import Fact, KillSwitchSet
from app.domain.instrument import Symbol
from app.domain.limits import Limits
from app.domain.ports import FactReader
from app.domain.records import BreakRecord, ParentRecord
from app.domain.statement import VenueHealth, VenueState
from app.domain.units import NANO_SCALE
from app.domain.venue import Venue
from app.execution.context import Context, Memory
from app.execution.inputs import Turn
from app.execution.overdue import overdue_children
from app.execution.settling import Left
from app.execution.stakes import account_view
from app.risk.exposure import qty_nano
from app.risk.reference import read_reference
from app.services import warm
from app.services.engine import MIN_FREE_FACTS, Engine
from app.services.fees import FeeView, fee_views
from app.services.ladder import Ladder, build_ladder
from app.services.order_past import PAGE_FACTS
from app.services.order_views import OrderReplica, order_id_of
from app.services.pages import PAGED, Execution, History, OrderFilter, OrderPages, PageOf, Slice, cut, numbered
from app.services.streams import StreamItem

__all__ = ["Execution", "History", "OrderFilter", "PageOf", "Reads", "Slice"]

MAX_NAMED: Final = 5  # of a kind of trouble; the metrics count them all
_SEPARATORS: Final = str.maketrans("", "", "/-:_ ")


@dataclass(frozen=True, slots=True)
class VenueView:
    """A venue and how it is now; ages in ns per symbol."""

    venue: Venue
    is_enabled: bool
    is_killed: bool
    health: VenueHealth
    symbols: Sequence[str]
    book_age_ns: Mapping[str, int]
    n_live_children: int


@dataclass(frozen=True, slots=True)
class Used:
    """One limit and what is used of it, both integers at `scale`."""

    code: RefusalCode
    limit: int
    used: int
    scale: int
    unit: str
    detail: str


@dataclass(frozen=True, slots=True)
class Pricing:
    """Whether a symbol can be priced: books that may be believed now; age of the oldest of them, -1 for none."""

    n_fresh: int
    oldest_age_ns: int


@dataclass(frozen=True, slots=True)
class ReadinessState:
    """What an operator and a load balancer ask first. `degraded` names what is not as it should be."""

    is_journal_writable: bool
    is_draining: bool
    seq: int
    durable_seq: int
    n_open_orders: int
    n_live_children: int
    symbols: Mapping[str, Pricing]
    degraded: Sequence[str]


class Reads:
    """Everything that is asked and changes nothing."""

    def __init__(self, engine: Engine, history: History | None, reader: FactReader) -> None:
        self._engine = engine
        self._reader = reader
        self._base_seq = engine.ledger.seq
        self._pages = OrderPages(engine, history)
        self._names = _aliases(engine.universe.symbols)
        engine.add_listener(self._on_durable)

    def symbol(self, text: str) -> Symbol | None:
        """The symbol that `text` names: CCXT's word, or an unambiguous looser spelling of it."""
        found = self._engine.universe.symbols.get(text)
        if found is not None:
            return found
        name = self._names.get(_loose(text))
        return self._engine.universe.symbols[name] if name else None

    def known_symbol(self, text: str, pointer: str) -> Symbol:
        """`symbol`, or BadRequest("unknown_symbol")."""
        found = self.symbol(text)
        if found is None:
            names = ", ".join(sorted(self._engine.universe.symbols)[:20])
            raise BadRequest("unknown_symbol", "No such symbol.", pointer=pointer, hint=f"Known: {names}.")
        return found

    # orders and fills

    async def order(self, account: str, reference: str) -> ParentRecord:
        """One order by id or `client:ID`; BadRequest("not_found") for a foreign one as for none."""
        return await self._pages.order(account, reference)

    async def orders(self, account: str, wanted: OrderFilter, part: Slice) -> PageOf[ParentRecord]:
        """Orders of an account by id, newest first unless `part` says otherwise."""
        return await self._pages.orders(account, wanted, part)

    async def executions(self, account: str, wanted: OrderFilter, part: Slice) -> PageOf[Execution]:
        """Fills of an account by their place in the log, newest first unless `part` says otherwise."""
        return await self._pages.executions(account, wanted, part)

    def forget(self, left: Left) -> None:
        """Orders have left memory: from here on the database answers for them."""
        self._pages.forget(left)

    def remember(self, record: ParentRecord | ConditionalRecord) -> None:
        """What had left is in memory again."""
        if isinstance(record, ParentRecord):
            self._pages.remember(record)

    async def order_events(self, record: ParentRecord) -> list[StreamItem]:
        """Every durable fact of one order, oldest first, each with the order right after it."""
        return await asyncio.to_thread(
            self._order_items, record.account, record.order_id, record.accepted_account_seq, record.last_account_seq
        )

    def _order_items(self, account: str, order_id: str, first_seq: int, last_seq: int) -> list[StreamItem]:
        replica = OrderReplica()
        items: list[StreamItem] = []
        after_seq = first_seq - 1
        while after_seq < last_seq:
            page = self._reader.read_account(account, after_seq, min(PAGE_FACTS, last_seq - after_seq))
            if not page:
                break
            after_seq = page[-1].account_seq
            items += [StreamItem(f, replica.apply(f)) for f in page if order_id_of(f.event) == order_id]
        return items

    def refusals(self, account: str, part: Slice) -> PageOf[Fact]:
        """The account's latest refusals by their place in the log."""
        cursor = numbered(part)
        facts = [
            fact
            for fact in self._engine.ledger.refusals.get(account, ())
            if not cursor or (fact.account_seq > cursor if part.is_ascending else fact.account_seq < cursor)
        ]
        return cut(facts if part.is_ascending else facts[::-1], part.limit, lambda fact: str(fact.account_seq))

    # the market

    def ladder(self, symbol: Symbol, n_levels: int, *, is_all_in: bool) -> Ladder:
        """At most `n_levels` a side over every valid venue, best raw (or all-in) price first."""
        return build_ladder(self._engine, symbol, n_levels, is_all_in=is_all_in)

    def venues(self) -> list[VenueView]:
        """Every venue, by id."""
        engine = self._engine
        ledger, universe = engine.ledger, engine.universe
        ages_ns = engine.health().book_age_ns
        n_live: dict[str, int] = {}
        for record in ledger.live_children.values():
            n_live[record.child.venue] = n_live.get(record.child.venue, 0) + 1
        states = []
        for venue_id, venue in sorted(universe.venues.items()):
            symbols = sorted(name for listed, name in universe.instruments if listed == venue_id)
            states.append(
                VenueView(
                    venue=venue,
                    is_enabled=venue_id not in ledger.disabled_venues,
                    is_killed=(KillScope.VENUE, venue_id) in ledger.kills,
                    health=engine.venue_health.get(venue_id) or VenueHealth(venue_id, VenueState.DOWN, "not started"),
                    symbols=symbols,
                    book_age_ns={s: ages_ns[(venue_id, s)] for s in symbols if (venue_id, s) in ages_ns},
                    n_live_children=n_live.get(venue_id, 0),
                )
            )
        return states

    # the account

    def fees(self, account: str) -> list[FeeView]:
        """What `account` pays at each venue; the first tiers for an empty one."""
        return fee_views(self._engine, account)

    def last_seq(self, account: str) -> int:
        """The account's newest sequence number."""
        return self._engine.ledger.account_seqs.get(account, 0)

    def balances(self, account: str) -> list[tuple[str, str, int]]:
        """(venue, currency, nano), sorted."""
        held = self._engine.ledger.balances.items()
        return sorted((venue, currency, nano) for (owner, venue, currency), nano in held if owner == account)

    def positions(self, account: str) -> list[tuple[str, str, int]]:
        """(venue, symbol, signed units), sorted; flat ones are left out."""
        held = self._engine.ledger.positions.items()
        return sorted((venue, symbol, units) for (owner, venue, symbol), units in held if owner == account and units)

    def breaks(self, account: str, *, is_everybody: bool = False) -> list[BreakRecord]:
        """Open breaks of `account`, or of every account, oldest first."""
        held = self._engine.ledger.breaks.items()
        found = [record for key, record in held if is_everybody or key[0] == account]
        return sorted(found, key=lambda record: record.opened_ts_ns)

    def limits(self, account: str) -> Limits | None:
        return self._engine.ledger.limits.get(account)

    def kills(self, account: str, *, is_operator: bool) -> list[KillSwitchSet]:
        """Switches in force that cover `account`; the operator sees every one."""
        kills = self._engine.ledger.kills
        return [
            kill
            for (scope, target), kill in sorted(kills.items())
            if is_operator or scope is not KillScope.ACCOUNT or target == account
        ]

    def usage(self, account: str, limits: Limits) -> list[Used]:
        """What is used of each limit that accumulates; positions per symbol at their worst case."""
        engine = self._engine
        ctx = Context(engine.core.world, engine.ledger, Memory(), engine.now_ns(), Turn())
        rows: list[Used] = []
        for symbol in engine.universe.symbols.values():
            view = account_view(ctx, account, symbol)
            if not rows:
                rows.append(
                    Used(RefusalCode.MAX_OPEN_ORDERS, limits.max_open_orders, view.n_open_orders, 0, "orders", "")
                )
                quote = symbol.fungible.quote
                used = view.open_notional_nano
                rows.append(
                    Used(RefusalCode.MAX_OPEN_NOTIONAL, limits.max_open_notional_nano, used, NANO_SCALE, quote, "")
                )
            held_units = sum(view.position_units.values())
            worst_units = max(held_units + view.open_buy_units, view.open_sell_units - held_units, 0)
            if worst_units:
                worst_nano = qty_nano(symbol, worst_units)
                unit, limit_nano = symbol.qty_currency, limits.max_position_nano
                rows.append(Used(RefusalCode.MAX_POSITION, limit_nano, worst_nano, NANO_SCALE, unit, symbol.name))
            worst: dict[str, int] = {}
            for (venue, _), nano in view.venue_stake_nano.items():
                worst[venue] = max(worst.get(venue, 0), nano)
            for venue, nano in sorted(worst.items()):
                if nano:
                    detail, quote = f"{venue} {symbol.name}", symbol.fungible.quote
                    rows.append(
                        Used(RefusalCode.CREDIT_LIMIT, limits.venue_credit_nano, nano, NANO_SCALE, quote, detail)
                    )
        return rows

    # the process

    def readiness(self) -> ReadinessState:
        """Up is not "can price": each symbol's books are judged as the gate judges them."""
        engine = self._engine
        health = engine.health()
        now_ns = engine.now_ns()
        symbols: dict[str, Pricing] = {}
        for name in engine.universe.symbols:
            ladder_books = engine.books(name)
            reference = read_reference(ladder_books, engine.core.world.max_book_age_ns, now_ns)
            received = dict(zip(ladder_books.venues, ladder_books.received_ts_ns.tolist(), strict=True))
            ages_ns = [now_ns - received[venue] for venue in reference.venue_mids]
            symbols[name] = Pricing(len(ages_ns), max(ages_ns, default=-1))
        degraded = [f"no fresh book: {name}" for name, pricing in symbols.items() if not pricing.n_fresh]
        degraded += [f"venue unreachable: {venue}" for venue in sorted(engine.core.memory.unreachable)]
        degraded += [f"kill switch: {scope.value} {target}".rstrip() for scope, target in sorted(engine.ledger.kills)]
        degraded += [
            f"child overdue: {late.record.child.child_id} of {late.record.child.order_id} at {late.record.child.venue}"
            for late in islice(overdue_children(engine.ledger, engine.core.memory, now_ns), MAX_NAMED)
        ]
        if engine.is_behind:
            degraded.append("venues' words on closed orders wait for the database: new orders are refused")
        if not warm.is_complete():
            degraded.append("exact search: being compiled; plans are made without it")
        free_facts = engine.journal.free_facts if engine.journal is not None else 0
        return ReadinessState(
            is_journal_writable=engine.is_ready and free_facts >= MIN_FREE_FACTS and not engine.is_behind,
            is_draining=health.is_draining,
            seq=health.seq,
            durable_seq=health.durable_seq,
            n_open_orders=health.n_open_orders,
            n_live_children=health.n_live_children,
            symbols=symbols,
            degraded=degraded,
        )

    def measure(self) -> None:
        """Hands the engine's own counts to the metrics."""
        engine, health = self._engine, self._engine.health()
        counts = {
            "seq": health.seq,
            "durable_seq": health.durable_seq,
            "open_orders": health.n_open_orders,
            "live_children": health.n_live_children,
            "waiting_inputs": health.n_waiting_inputs,
            "duplicate_fills": health.n_duplicate_fills,
            "foreign_reports": health.n_foreign_reports,
            "overfills": health.n_overfills,
            "late_fills": health.n_late_fills,
            "overdue_children": sum(1 for _ in overdue_children(engine.ledger, engine.core.memory, engine.now_ns())),
        }
        observe.engine_measured(counts, {key: age_ns / 1e9 for key, age_ns in health.book_age_ns.items()})

    def _on_durable(self, facts: Sequence[Fact]) -> None:
        if facts and facts[0].seq <= self._base_seq:
            facts = [fact for fact in facts if fact.seq > self._base_seq]
        self._pages.note([fact for fact in facts if type(fact.event) in PAGED])


def _loose(text: str) -> str:
    return text.upper().translate(_SEPARATORS)


def _aliases(symbols: Iterable[str]) -> dict[str, str]:
    """Loose spelling -> symbol, for those that only one symbol has."""
    found: dict[str, list[str]] = {}
    for name in symbols:
        found.setdefault(_loose(name), []).append(name)
    return {loose: names[0] for loose, names in found.items() if len(names) == 1}
