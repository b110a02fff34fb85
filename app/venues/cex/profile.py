"""What differs from exchange to exchange: a frozen profile each, read from `venues.toml`.

Laws: `proves_not_accepted` names only answers after which the order is certainly in no book; whatever it does not name
leaves an order unknown. A status word that is neither open nor an end is unknown too. A feature that the table does not
name is not used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

from app.domain.enums import ChildState, OrderType, TimeInForce

# What a request budget may name.
CALLS: Final = frozenset(
    {
        "place",
        "cancel",
        "cancel_all",
        "amend",
        "query",
        "open_orders",
        "closed_orders",
        "my_trades",
        "balance",
        "positions",
        "fees",
        "markets",
        "book",
        "time",
        "login",
    }
)


@unique
class MarketClass(StrEnum):
    """What a venue lists. Perpetuals are LINEAR or INVERSE; dated contracts of both are DATED."""

    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"
    DATED = "dated"
    OPTION = "option"


@unique
class EvidenceLevel(StrEnum):
    """L0 recordings and captured requests, L1 our local exchange, L2 the venue's testnet, L3 live and reconciled."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"


@unique
class IdForm(StrEnum):
    """How our 26-character ULID is written where a venue takes other ids. UINT is one-way: a hash of its low bits."""

    ULID = "ulid"
    UUID = "uuid"
    UINT = "uint"


@unique
class FeeCurrency(StrEnum):
    """What a fill's fee is taken in: what each fill states, what is received, the quote, or the settlement currency."""

    STATED = "stated"
    RECEIVED = "received"
    QUOTE = "quote"
    SETTLE = "settle"


@unique
class QueryRoute(StrEnum):
    """How an order is found by our own id: its own endpoint, the lists of open and closed orders, or not at all."""

    ORDER = "order"
    LISTS = "lists"
    NONE = "none"


@unique
class Scope(StrEnum):
    """Who shares a request budget: everything with one key, with one account, or behind one address."""

    KEY = "key"
    ACCOUNT = "account"
    ADDRESS = "address"


@unique
class BookSource(StrEnum):
    """Where a book begins: the stream's first message, a REST snapshot joined to the stream, or each message whole."""

    STREAM = "stream"
    REST = "rest"
    WHOLE = "whole"


@unique
class Continuity(StrEnum):
    """How a missed delta shows.

    PREVIOUS: each names the id before it. RANGE: first and last ids that must join. PLUS_ONE: ids rise by one.
    CHECKSUM: only the checksum tells. NONE: nothing tells, so the book is taken anew every few seconds.
    """

    PREVIOUS = "previous"
    RANGE = "range"
    PLUS_ONE = "plus_one"
    CHECKSUM = "checksum"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One request as ccxt's `sign` sees it: the words of its `api`, the method and the path template."""

    api: tuple[str, ...]
    method: str
    path: str

    def __str__(self) -> str:
        return f"{'.'.join(self.api)} {self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class ClientIdRule:
    """`param`: what ccxt's create_order takes; `wire`: the field the venue receives. `prefix` goes before our id.

    `alphabet` matches a whole id as sent. `bits` bounds a UINT, which create_order takes as an int.
    """

    param: str
    wire: str
    form: IdForm
    alphabet: str
    max_length: int
    prefix: str = ""
    bits: int = 0


@dataclass(frozen=True, slots=True)
class RateBudget:
    """`limit` units a window, shared within `scope`; `costs` by call. A call that is not named costs `default_cost`.

    `cancel_reserve`: units that only cancels and queries may spend.
    """

    name: str
    scope: Scope
    window_ms: int
    limit: int
    cancel_reserve: int
    default_cost: int = 1
    costs: Mapping[str, int] = field(default_factory=dict)

    def cost(self, call: str) -> int:
        """Units of `call`; 0 where this budget does not count it."""
        return self.costs.get(call, self.default_cost)


@dataclass(frozen=True, slots=True)
class DeadManSwitch:
    """The venue cancels everything unless it hears from us: ccxt's method and the seconds that it is armed for."""

    method: str
    timeout_s: int


@dataclass(frozen=True, slots=True)
class BookRule:
    """How a book is kept whole. Field names are the venue's; empty where it has none.

    `checksum` is the rule's name (see the adapter), over `checksum_levels` levels a side. `depth`: levels asked for.
    """

    source: BookSource
    continuity: Continuity
    channel: str
    depth: int
    first_field: str = ""
    last_field: str = ""
    previous_field: str = ""
    checksum: str = ""
    checksum_levels: int = 0


@dataclass(frozen=True, slots=True)
class Lookup:
    """How ccxt's cancel_order, fetch_order or list calls are told our own id: `{}` stands for it as sent.

    `id` is the id argument, None where it is empty; `params` the parameters.
    """

    id: str = ""
    params: Mapping[str, str] = field(default_factory=dict)

    def of(self, sent_id: str) -> tuple[str | None, dict[str, str]]:
        """The id argument and the parameters for an order that was sent with `sent_id`."""
        params = {key: text.replace("{}", sent_id) for key, text in self.params.items()}
        return self.id.replace("{}", sent_id) or None, params


@dataclass(frozen=True, slots=True)
class LoginRule:
    """What a stream's login may sign: all of it matches `preimage`. The rest are arguments of ccxt's `hmac`."""

    preimage: str
    algorithm: str
    digest: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is shown for this venue and when; `capture_year`: of the newest recording, 0 where there is none."""

    level: EvidenceLevel
    date: str
    capture_year: int


@dataclass(frozen=True, slots=True)
class ProofCode:
    """A vendor code or a whole message, or how one begins where it ends in `*`.

    `text`: what the message must hold where the code alone says too little.
    """

    code: str
    text: str = ""

    def matches(self, code: str, message: str) -> bool:
        if self.text not in message:
            return False
        if self.code.endswith("*"):
            return code.startswith(self.code[:-1])
        return self.code in (code, message)


@dataclass(frozen=True, slots=True)
class VenueProfile:
    """Everything the one adapter must know of a venue. Tables by our words; values are ccxt's or the vendor's.

    `time_in_force`: create_order parameters of each; what is absent is not offered. `tif_words`: what the wire says.
    `post_only_params`: what a post-only order adds; empty: no child rests there. `post_only_refusals`: how the venue
    refuses one that would take; elsewhere it is taken and canceled.
    `query_by`: for QueryRoute.LISTS what the list calls take; None there means that the whole lists are searched.
    `ends`: the vendor's order status words that are final, and what they mean; `open_words`: those that are not.
    `sources`: by group, where its values are from. At every venue a fill is keyed by ccxt's trade id.
    """

    venue_id: str
    ccxt_id: str
    title: str
    hosts: tuple[str, ...]
    sandbox_hosts: tuple[str, ...]
    kinds: tuple[MarketClass, ...]
    order_types: tuple[OrderType, ...]
    time_in_force: Mapping[TimeInForce, Mapping[str, object]]
    tif_words: Mapping[TimeInForce, str]
    client_id: ClientIdRule
    post_only: bool
    reduce_only: bool
    native_stop: bool
    native_oco: bool
    amend: bool
    cancel_all: bool
    dead_man_switch: DeadManSwitch | None
    self_trade_prevention: tuple[str, ...]
    budgets: tuple[RateBudget, ...]
    proves_not_accepted: tuple[ProofCode, ...]
    proves_not_found: tuple[ProofCode, ...]
    ends: Mapping[str, ChildState]
    open_words: tuple[str, ...]
    fee_currency: FeeCurrency
    book: BookRule
    query_route: QueryRoute
    query_by: Lookup | None
    cancel_by: Lookup | None
    private_api: tuple[str, ...]
    credentials: tuple[str, ...]
    login: LoginRule | None
    placement: tuple[Endpoint, ...]
    cancel: tuple[Endpoint, ...]
    read: tuple[Endpoint, ...]
    streams: tuple[str, ...]
    options: Mapping[str, object]
    evidence: Evidence
    sources: Mapping[str, str]
    notes: tuple[str, ...] = ()
    post_only_params: Mapping[str, object] = field(default_factory=dict)
    post_only_refusals: tuple[ProofCode, ...] = ()

    @property
    def rests(self) -> bool:
        """Whether children may rest there: it is shown what post-only is called and how one that would take ends."""
        return bool(self.post_only_params)

    def is_post_only_refusal(self, code: str, message: str) -> bool:
        """Whether a refusal says that a post-only order would have taken."""
        return any(proof.matches(code, message) for proof in self.post_only_refusals)

    @property
    def query_by_client_id(self) -> bool:
        return self.query_route is not QueryRoute.NONE

    @property
    def cancel_by_client_id(self) -> bool:
        """False: a cancel waits until the venue's own id is known."""
        return self.cancel_by is not None

    def is_proof_of_refusal(self, code: str, message: str = "") -> bool:
        """Whether this answer to a placement proves that the order is in no book. False means: nothing is proven."""
        return any(proof.matches(code, message) for proof in self.proves_not_accepted)

    def is_proof_of_absence(self, code: str, message: str = "") -> bool:
        """Whether this answer to a query or a cancel says that the venue knows no such open order."""
        return any(proof.matches(code, message) for proof in self.proves_not_found)

    def accepts_client_id(self, text: str) -> bool:
        rule = self.client_id
        return len(text) <= rule.max_length and re.fullmatch(rule.alphabet, text) is not None
