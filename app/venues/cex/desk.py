"""What one account asks a venue over REST, in ccxt's unified words: each question once, bounded, and counted.

A question that is not answered raises Unavailable; an answer that proves absence is an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeVar

from app import observe
from app.domain.errors import Unavailable
from app.domain.instrument import Instrument, Symbol
from app.domain.ports import Clock
from app.venues.cex.dialects import OPEN_BY_MARKET, cancel_words, ids_at_once, list_words, lists_of_ended
from app.venues.cex.errors import n_rows, says_absent
from app.venues.cex.health import Health
from app.venues.cex.profile import QueryRoute, VenueProfile
from app.venues.cex.reports import OwnOrder
from app.venues.cex.session import Call, calling
from app.venues.cex.stops import Apart, apart_at, apart_of, as_order, is_of_stop, told_of, under_its_stop
from app.venues.cex.streams import STREAM_ERRORS
from app.venues.cex.together import Shared, Together
from app.venues.cex.trade_pages import (
    SHORTEST_OPEN,
    PageRule,
    Rows,
    ended_page_rule,
    is_told_whole,
    open_page_rule,
    page_rule,
)

T = TypeVar("T")
_NS_PER_MS: Final = 1_000_000
# Orders and trades are asked for from so long before they can exist: clocks differ, and a listing's edge is not exact.
_MARGIN_MS: Final = 5_000
_N_LISTED: Final = 100
# No child lives longer between its sending and its deadline.
_MAX_LIFE_NS: Final = 30_000_000_000
_MAX_PAGES: Final = 50
# How long a page after the first may wait for its budget: begun anew, it would spend on the first ones again.
_NEXT_PAGE_WAIT_S: Final = 60.0


class Desk:
    """Questions of one account at one venue."""

    def __init__(
        self,
        profile: VenueProfile,
        listings: Mapping[str, tuple[Symbol, Instrument]],
        exchange: Any,
        clock: Clock,
        health: Health,
    ) -> None:
        self._profile = profile
        self._listings = listings
        self._exchange = exchange
        self._clock = clock
        self._health = health
        self._pages_open = open_page_rule(profile.ccxt_id)
        self._pages_ended = ended_page_rule(profile.ccxt_id)
        self._lists = {name: Shared(partial(self._listed, name)) for name in listings}
        self._trades = {name: Shared(partial(self.trades, name)) for name in listings}
        n_at_once = ids_at_once(profile.ccxt_id)
        self._together = Together(self._several, n_at_once) if n_at_once > 1 else None
        self.on_listed: Callable[[Mapping[str, Any]], object] = lambda order: None

    async def ask(self, name: str, question: Callable[[], Awaitable[T]], *, call: Call | None = None) -> T:
        """The answer to `question`, counted as `name`; raises Unavailable where there is none."""
        call = call or Call(name)
        try:
            with calling(call):
                answer = await question()
        except STREAM_ERRORS as error:
            if call.is_answered:
                self._health.answered()
            elif not isinstance(error, Unavailable):
                self._health.unanswered()
            observe.venue_call_failed(self._profile.venue_id, name, error)
            raise Unavailable(
                "venue_unavailable", f"{self._profile.venue_id}: {name}: {type(error).__name__}"
            ) from error
        self._health.answered()
        return answer

    async def venue_time_ns(self) -> int:
        """The venue's clock, read now; our view of its offset learns from it."""
        asked_ns = self._clock.wall_ns()
        venue_ms = await self.ask("time", self._exchange.fetch_time)
        answered_ns = self._clock.wall_ns()
        venue_ns = int(venue_ms) * _NS_PER_MS
        self._health.offset.take(asked_ns, venue_ns, answered_ns)
        return venue_ns

    async def order(self, order: OwnOrder) -> Mapping[str, Any] | None:
        """The venue's view of one of our orders; None where it says that it knows none."""
        name = order.child.symbol
        if (apart := apart_of(self._profile.ccxt_id, order.child)) is not None:
            return await self._stop(order, apart)
        if order.venue_order_id and self._together is not None:
            found = await self._together.one(order.venue_order_id)
            return await self._one(order.venue_order_id, name, {}) if found is None else found
        if order.venue_order_id:
            return await self._one(order.venue_order_id, name, {})
        if self._profile.query_route is QueryRoute.ORDER:
            return await self._one("", name, {self._profile.client_id.param: order.wire_id})
        listed, is_cut = await self._lists[name].since(self._since_ms(order))
        for each in listed:
            self.on_listed(each)  # one list answers for every order in it: at some venues a minute has few of them
        found = next((each for each in listed if self._is(order, each)), None)
        return await self._named(order) if found is None and is_cut else found

    async def cancel(self, order: OwnOrder, call: Call) -> None:
        """Wishes one of our orders away; raises Unavailable where that was not answered, or answered with no."""
        name, params = order.live_id or order.venue_order_id, dict[str, str]()
        if not name:
            name, params = cancel_words(self._profile.ccxt_id, self._profile.client_id.param, order.wire_id)
        apart = None if order.live_id else apart_of(self._profile.ccxt_id, order.child)
        asking = {} if apart is None else apart.asking
        question = partial(self._exchange.cancel_order, name, order.child.symbol, {**params, **asking})
        await self.ask("cancel", question, call=call)

    async def _stop(self, order: OwnOrder, apart: Apart) -> Mapping[str, Any] | None:
        """A stop that is kept apart: itself, or what came of it. Raises Unavailable where that is not shown yet."""
        name, live_id = order.child.symbol, order.live_id
        if not live_id and apart.by_label:
            return await self._stop_by_label(order, apart)
        if not live_id:
            ours = {} if order.venue_order_id else {self._profile.client_id.param: order.wire_id}
            found = await self._one(order.venue_order_id, name, {**apart.asking, **ours})
            made_ids = apart.made(found.get("info")) if found is not None else ()
            if found is None or not made_ids:
                return None if found is None else as_order(apart, found)
            live_id = made_ids[0]
        made = await self._one(live_id, name, {})
        if made is None:
            raise Unavailable("venue_unavailable", f"{self._profile.venue_id}: a stop's order is not shown yet")
        return as_order(apart, made)

    async def _stop_by_label(self, order: OwnOrder, apart: Apart) -> Mapping[str, Any] | None:
        """The same where the two bear one label: by it, then in the lists of the market, then by the stop's own id.

        The question by label names a currency, and which of a market's two it is nobody says: both are asked.
        """
        name, rows, is_cut = order.child.symbol, list[Mapping[str, Any]](), False
        base, _, rest = name.partition("/")
        for code in (rest.partition(":")[0], base):
            rows = rows or await self._labelled(name, code, order.wire_id)
        found = told_of(apart, rows)
        if found is None:
            listed, is_cut = await self._lists[name].since(self._since_ms(order))
            of_it = (e for e in listed if self._is(order, e) or is_of_stop(apart, e, order.venue_order_id))
            rows += of_it
            found = told_of(apart, rows)
        if (
            not rows
            and order.venue_order_id
            and (itself := await self._one(order.venue_order_id, name, {})) is not None
        ):
            found = told_of(apart, [itself])
        if found is None and (rows or is_cut or order.venue_order_id):
            raise Unavailable("venue_unavailable", f"{self._profile.venue_id}: a stop's order is not shown yet")
        return None if found is None else as_order(apart, found)

    async def _labelled(self, name: str, code: str, label: str) -> list[Mapping[str, Any]]:
        """Every order under `label`, of those that the venue counts as `code`; of Deribit alone."""
        exchange, words = self._exchange, {"currency": code, "label": label}
        answer = await self.ask("query", lambda: exchange.private_get_get_order_state_by_label(words))
        rows: list[Mapping[str, Any]] = exchange.parse_orders(answer["result"], exchange.market(name))
        return rows

    async def _one(self, venue_order_id: str, name: str, params: dict[str, Any]) -> Mapping[str, Any] | None:
        """None where the venue's words prove it, by its row of the table: ccxt's class of an error proves nothing."""
        call = Call("query")
        try:
            return await self.ask("query", lambda: self._exchange.fetch_order(venue_order_id, name, params), call=call)
        except Unavailable:
            if says_absent(self._profile, call):
                return None
            raise

    async def _several(self, venue_order_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """By the venue's id, those of these orders that one answer shows. One that it does not know may refuse all."""
        call = Call("query")
        try:
            found = await self.ask(
                "query", lambda: self._exchange.fetch_orders_by_ids(list(venue_order_ids)), call=call
            )
        except Unavailable:
            if not says_absent(self._profile, call):
                raise
            return {}
        return {str(each.get("id")): each for each in found}

    def _is(self, order: OwnOrder, found: Mapping[str, Any]) -> bool:
        info = found.get("info")
        stated = found.get("clientOrderId") or (info or {}).get(self._profile.client_id.wire)
        return bool(stated == order.wire_id)

    async def open_orders(self, name: str | None = None) -> list[Mapping[str, Any]]:
        """Every order that the account holds open, of one market or of all listed."""
        names = [name] if name is not None or self._profile.ccxt_id not in OPEN_BY_MARKET else list(self._listings)
        found: list[Mapping[str, Any]] = []
        for each in names:
            rows, is_cut = await self._open(each)
            if is_cut and self._pages_open:
                raise Unavailable("venue_unavailable", f"{self._profile.venue_id}: more open orders than pages")
            found += rows
        apart = apart_at(self._profile.ccxt_id)
        if apart is not None and apart.of_stop:
            found = [under_its_stop(apart, each) for each in found]
        if apart is not None and apart.listing is not None:
            stops, is_cut = await self._open(name, apart.listing)
            if is_cut:
                raise Unavailable("venue_unavailable", f"{self._profile.venue_id}: more stops than pages")
            found += [as_order(apart, each) for each in stops]
        return found

    async def _open(
        self, name: str | None, words: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """(open orders, page after page; whether there may be more than were told)."""
        rule, question = self._pages_open, self._exchange.fetch_open_orders
        if rule is None:
            call = Call("open_orders")
            rows = list(await self.ask("open_orders", partial(question, name, None, None, dict(words)), call=call))
            is_whole = is_told_whole(self._profile.ccxt_id)
            return rows, not is_whole and max(len(rows), n_rows(call.answer)) >= SHORTEST_OPEN
        return await self._paged("open_orders", partial(question, name, None), rule, words)

    async def _paged(
        self,
        title: str,
        question: Callable[[int, dict[str, Any]], Awaitable[Any]],
        rule: PageRule,
        words: Mapping[str, str],
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """(orders, page after page; whether there may be more than were told)."""
        found: dict[str, Mapping[str, Any]] = {}
        n_seen, more = 0, {**rule.fixed, **words}
        for page_i in range(_MAX_PAGES):
            call = Call(title, may_wait_s=_NEXT_PAGE_WAIT_S if page_i else 0.0)
            page = await self.ask(title, partial(question, rule.size, dict(more)), call=call)
            raw = rule.rows(call.answer) or page
            n_told = max(len(raw), n_rows(call.answer))  # some answer by market, each with its rows
            n_seen += n_told
            n_before = len(found)
            found |= {str(each.get("id")): each for each in page}
            if n_told < rule.size:
                return list(found.values()), False
            if rule.following is None:
                break
            following = rule.following(call.answer, raw, n_seen)
            if following is None:
                return list(found.values()), False
            if page and len(found) == n_before:
                break  # the venue tells the same page again
            more |= following
        return list(found.values()), True

    async def _listed(
        self, name: str, since_ms: int, words: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[list[Mapping[str, Any]], bool]:
        """(orders out of lists, whether one may be cut short): open ones first, and what ends meanwhile after them."""
        found, is_cut = await self._open(name, words)
        for method in lists_of_ended(self._exchange.has):
            question = partial(getattr(self._exchange, method), name, since_ms)
            rows, is_short = await self._paged("closed_orders", question, self._pages_ended, words)
            found, is_cut = found + rows, is_cut or is_short
        return found, is_cut

    async def _named(self, order: OwnOrder) -> Mapping[str, Any] | None:
        """The order by our own id, where lists can be asked for it. Raises Unavailable where a list may still be cut
        short of it: that proves no absence.
        """
        words = list_words(self._profile.ccxt_id, order.wire_id)
        listed, is_cut = await self._listed(order.child.symbol, self._since_ms(order), words) if words else ([], True)
        found = next((each for each in listed if self._is(order, each)), None)
        if found is None and is_cut:
            raise Unavailable("venue_unavailable", f"{self._profile.venue_id}: more orders than a list shows")
        return found

    async def trades(self, name: str, since_ms: int) -> list[Mapping[str, Any]]:
        """The account's own trades in one market, oldest first; page after page until the venue has no more.

        What more pages than `_MAX_PAGES` hold stays unseen by this look: whoever lacks it asks again.
        """
        rule = page_rule(self._profile.ccxt_id)
        found: dict[tuple[str, str], Mapping[str, Any]] = {}
        if rule.following is None:
            await self._trades_by_time(rule, name, since_ms, found)
        else:
            since: int | None = since_ms
            n_seen, more = 0, dict(rule.fixed)
            for _ in range(_MAX_PAGES):
                answer, rows, is_new = await self._page(rule, name, since, more, found)
                n_seen += len(rows)
                following = rule.following(answer, rows, n_seen)
                if following is None or len(rows) < rule.size or not is_new:
                    break
                more = {**rule.fixed, **following}
                since = None if rule.is_since_first else since_ms
        return sorted(found.values(), key=_place)

    async def _trades_by_time(
        self, rule: PageRule, name: str, since_ms: int, found: dict[tuple[str, str], Mapping[str, Any]]
    ) -> None:
        """A full page may be the oldest or the youngest: from it on, then back from it, each until nothing is new."""
        _, rows, _ = await self._page(rule, name, since_ms, rule.fixed, found)
        if len(rows) < rule.size:
            return
        for is_forward in (True, False):
            for _ in range(_MAX_PAGES):
                times = [int(each.get("timestamp") or 0) for each in found.values()]
                if not times:
                    return
                since, more = (
                    (max(times), rule.fixed) if is_forward else (since_ms, {**rule.fixed, "until": min(times)})
                )
                _, rows, is_new = await self._page(rule, name, since, more, found)
                if len(rows) < rule.size or not is_new:
                    break

    async def _page(
        self,
        rule: PageRule,
        name: str,
        since_ms: int | None,
        more: Mapping[str, Any],
        found: dict[tuple[str, str], Mapping[str, Any]],
    ) -> tuple[Any, Rows, bool]:
        """(the vendor's answer, its rows, whether they may lead to more); trades are added to `found`."""
        call = Call("my_trades", may_wait_s=_NEXT_PAGE_WAIT_S if found else 0.0)
        page = await self.ask(
            "my_trades", partial(self._exchange.fetch_my_trades, name, since_ms, rule.size, dict(more)), call=call
        )
        fresh = {(str(each.get("order")), str(each.get("id"))): each for each in page}
        is_new = bool(fresh.keys() - found.keys()) or not page  # a page of other markets says nothing of ours
        found |= fresh
        return call.answer, rule.rows(call.answer) or page, is_new

    def _since_ms(self, order: OwnOrder) -> int:
        """An order that a process before this one sent was sent before its deadline, and not long before."""
        sent_ts_ns = min(order.sent_ts_ns, order.child.deadline_ts_ns - _MAX_LIFE_NS)
        return (sent_ts_ns + self._health.offset.offset_ns) // _NS_PER_MS - _MARGIN_MS

    async def trades_of(self, order: OwnOrder) -> list[Mapping[str, Any]]:
        """The trades of one order's market since it was sent."""
        return await self._trades[order.child.symbol].since(self._since_ms(order))

    async def balance(self) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await self.ask("balance", self._exchange.fetch_balance)
        return answer

    async def positions(self) -> list[Mapping[str, Any]]:
        """Contract positions; none where the venue's listings have no contracts."""
        if all(symbol.fungible.kind.value == "spot" for symbol, _ in self._listings.values()):
            return []
        names = [name for name, (symbol, _) in self._listings.items() if symbol.fungible.kind.value != "spot"]
        answer: list[Mapping[str, Any]] = await self.ask("positions", lambda: self._exchange.fetch_positions(names))
        return answer


def _place(trade: Mapping[str, Any]) -> tuple[int, int, str]:
    """Where a trade stands among others: ids that are numbers count as such, for one order's may share a millisecond.

    Parts of lots are told with the trade that completes them, so every process must see the same order.
    """
    trade_id = str(trade.get("id"))
    return int(trade.get("timestamp") or 0), len(trade_id), trade_id
