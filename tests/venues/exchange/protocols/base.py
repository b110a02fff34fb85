"""What one venue's protocol offers to the server, and the words in which it says what its behaviour rests on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import parse_qsl

from tests.venues.exchange.book import Order
from tests.venues.exchange.engine import NS_PER_MS, Event, Exchange, OrderChange
from tests.venues.exchange.faults import Fault, Faults
from tests.venues.exchange.markets import Habits, Market
from tests.venues.exchange.settlement import Account, Fill

if TYPE_CHECKING:
    from tests.venues.exchange.session import Session


@dataclass(frozen=True, slots=True)
class Basis:
    """Why the local exchange behaves so: a recorded message, the venue's document (or ccxt's source, which is written
    from it and works live), or an assumption that a testnet run must confirm. `source` names the file or the document.
    """

    behaviour: str
    rests_on: Literal["recording", "document", "assumption"]
    source: str


@dataclass(slots=True)
class Call:
    """One REST request, as it came over the wire."""

    method: str
    host: str
    path: str
    raw_query: str
    body: str
    headers: Mapping[str, str]
    params: dict[str, str] = field(default_factory=dict)  # the {words} of the route's path
    account: Account | None = None

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}

    @property
    def owner(self) -> str:
        """The name of the account that signed."""
        assert self.account is not None
        return self.account.name


@dataclass(slots=True)
class Answer:
    """What goes back: `body` is JSON unless it is a str."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The venue says no, in its own words."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.body))
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. `kind` is the word by which faults find it: see faults.Rule."""

    method: str
    path: str  # "/api/v3/order/{id}"
    kind: str
    handler: Callable[[Call], Any]
    private: bool = False
    weight: int = 1


class Protocol:
    """One venue's REST and WebSocket words around an Exchange.

    A subclass sets the class variables, returns its routes and handles messages; everything is synchronous and runs in
    the server's loop, so nothing changes while a handler runs. The server makes requests pass the faults before and
    after a handler, and stream messages pass them in `Session.push`; a protocol only names what it sends.
    """

    venue: ClassVar[str]
    hosts: ClassVar[tuple[str, ...]]
    markets: ClassVar[tuple[Market, ...]]
    habits: ClassVar[Habits]
    basis: ClassVar[tuple[Basis, ...]]

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.exchange, self.faults = exchange, faults
        self.sessions: list[Session] = []
        self._routes = [(route, _pattern(route.path)) for route in self.routes()]
        exchange.listeners.append(self.on_event)

    # -- REST ------------------------------------------------------------------------------------------------------

    def routes(self) -> list[Route]:
        """Every endpoint; the first that matches wins."""
        raise NotImplementedError

    def authenticate(self, call: Call) -> Account:
        """Whose request this is; raises Refusal when the signature, key or time is not right."""
        raise NotImplementedError

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        """The venue's words for an engine's Refused(code)."""
        raise NotImplementedError

    def find(self, call: Call) -> Route | None:
        for route, pattern in self._routes:
            if route.method == call.method and (match := pattern.fullmatch(call.path)):
                call.params = match.groupdict()
                return route
        return None

    def dress(self, call: Call, route: Route, answer: Answer) -> Answer:
        """Headers that the venue adds to every answer."""
        return answer

    def malformed(self, detail: str) -> Answer:
        """The answer to a request that could not be read."""
        return Answer({"error": f"malformed request: {detail}"}, 400)

    def unknown_route(self, call: Call) -> Answer:
        return Answer({"error": f"no route {call.method} {call.path}"}, 404)

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        """The rate limit's answer."""
        return Answer({"error": "too many requests"}, 429, {"Retry-After": str(max(1, round(retry_s)))})

    def broken(self, status: int) -> Answer:
        """What a load balancer answers when the venue's inside fails: no JSON."""
        return Answer("<html><body>Service Unavailable</body></html>", status, {"Content-Type": "text/html"})

    def lie(self) -> Answer:
        """A 400 that proves nothing: the order is taken later all the same."""
        return Answer({"error": "bad request"}, 400)

    # -- WebSocket -------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        """A connection was made; `session.host`, `.path` and `.query` say where."""

    def on_text(self, session: Session, text: str) -> None:
        """A message came. Answer with `session.push(...)`, or `session.request(...)` for what faults should meet."""

    def on_close(self, session: Session) -> None:
        """A connection ended, by whichever side."""

    def on_second(self, session: Session) -> None:
        """Called about once a second for each connection: heartbeats."""

    def on_event(self, event: Event) -> None:
        """The engine did something: tell the sessions that asked for it. Format now: orders go on changing."""

    def hears_orders(self, session: Session) -> bool:
        """Whether a session is subscribed to its account's orders and fills; tests wait for it."""
        return bool(session.state.get("user"))

    def encode(self, session: Session, message: Any) -> str | bytes:
        """A message as a frame: bytes are sent as a binary one."""
        return message if isinstance(message, str) else json.dumps(message, separators=(",", ":"))

    def spoil(self, message: Any) -> Any:
        """The book message with a wrong checksum; unchanged where the venue has none."""
        return message

    # -- what queries may see --------------------------------------------------------------------------------------

    def now_ms(self, account: str = "") -> int:
        """The venue's clock as it shows it to an account."""
        skew_ms = self.faults.standing(Fault.CLOCK_SKEW, self.venue, account or "*")
        return self.exchange.now_ns() // NS_PER_MS + round(skew_ms)

    def visible_orders(self, account: str) -> Iterator[Order]:
        """Orders of an account, oldest first, without those that queries do not show yet."""
        horizon = self._horizon_ns(account)
        return (order for order in self.exchange.orders_of(account) if order.created_ns <= horizon)

    def visible_fills(self, account: str) -> Iterator[Fill]:
        horizon = self._horizon_ns(account)
        return (fill for fill in self.exchange.fills_of(account) if fill.ts_ns <= horizon)

    def visible(self, order: Order | None) -> Order | None:
        """The order when queries show it already."""
        return order if order is not None and order.created_ns <= self._horizon_ns(order.account) else None

    def market_named(self, name: str, *kinds: str) -> Market | None:
        """The market that the venue calls `name` on the wire, of one of the kinds when given."""
        for market in self.exchange.markets.values():
            if market.name == name and (not kinds or market.kind in kinds):
                return market
        return None

    def _horizon_ns(self, account: str) -> int:
        hidden_s = self.faults.standing(Fault.HIDDEN, self.venue, account)
        return self.exchange.now_ns() - round(hidden_s * 1e9)


def stream_word(change: OrderChange) -> str:
    """The route by which faults find a message about an order: "fill" or "order"."""
    return "fill" if change.fill is not None else "order"


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
