"""The oracle of exchange campaigns: journal file, the exchange's own ledger, Postgres and client acks, held together.

Like checker.py it shares no code with the product nor with the local exchange: plain values in, breaches out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from tests.faults.checker import Log, check_acks, check_evidence, check_kill, check_quantities, check_sequences

ENDS = {"child_canceled", "child_expired", "child_rejected", "child_resolved"}
UNIT = Decimal(10) ** 9
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass
class Venue:
    """What the exchange's ledger says of our account at one venue."""

    orders: list[dict[str, str]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    fills: list[dict[str, str]] = field(default_factory=list)
    balances: dict[str, str] = field(default_factory=dict)


@dataclass
class Child:
    """A child order as the journal tells it, folded here."""

    sent: dict[str, Any]
    leaves: int
    fills: list[dict[str, Any]] = field(default_factory=list)
    end: str = ""
    evidence: str = ""
    ended_lots: int = -1  # the total that its end counted; -1: none
    venue_order_id: str = ""
    is_unknown: bool = False

    @property
    def is_live(self) -> bool:
        return not self.end and self.leaves > 0


@dataclass(frozen=True)
class Allowed:
    """The account's limits: what one child may be worth and a venue's credit, in nano, and how many orders are open."""

    child: int
    venue: int
    n_open: int


def children_of(log: Log) -> dict[str, Child]:
    """By child id."""
    found: dict[str, Child] = {}
    for _, _, _, kind, event in log.rows:
        if kind == "child_sending":
            child = event["child"]
            found[child["child_id"]] = Child(child, child["qty_lots"] * child["lot_units"])
        elif kind == "child_filled":
            child = found[event["child_id"]]
            child.fills.append(event)
            child.leaves -= event["qty_units"]
        elif kind == "child_acked":
            found[event["child_id"]].venue_order_id = event["venue_order_id"]
        elif kind == "child_unknown":
            found[event["child_id"]].is_unknown = True
        elif kind in ENDS:
            child = found[event["child_id"]]
            child.end, child.evidence, child.ended_lots = kind, event["evidence"], event.get("cum_qty_lots", -1)
    return found


def wire_id(venue: str, client_id: str) -> str:
    """The child's id as the venue was to be given it."""
    if venue == "kraken":
        value = 0
        for letter in client_id:
            value = value * 32 + CROCKFORD.index(letter)
        digits = f"{value:032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return f"t-{client_id}" if venue == "gate" else client_id


def by_wire_id(children: Mapping[str, Child]) -> dict[tuple[str, str], Child]:
    return {(c.sent["venue"], wire_id(c.sent["venue"], c.sent["client_id"])): c for c in children.values()}


def check_orders(children: Mapping[str, Child], venues: Mapping[str, Venue]) -> list[str]:
    """Every order at a venue is one child's, once, with its side, price and quantity; none was tried a second time."""
    breaches, ours = [], by_wire_id(children)
    for venue, told in venues.items():
        tries = Counter(row["client_id"] for row in [*told.orders, *told.refused])
        breaches += [f"{venue}: {client_id} reached the engine {n} times" for client_id, n in tries.items() if n > 1]
        for order in told.orders:
            child = ours.get((venue, order["client_id"]))
            if child is None:
                breaches.append(f"{venue}: order {order['client_id']} is no child's")
                continue
            sent = child.sent
            asked = (sent["side"], sent["price_ticks"] * sent["tick_units"], sent["qty_lots"] * sent["lot_units"])
            given = (order["side"], _units(order["price"], 2), _units(order["qty"], 6))
            if asked != given:
                breaches.append(f"{venue}: {order['client_id']} was {asked}, the venue has {given}")
    return breaches


def check_ends(children: Mapping[str, Child], venues: Mapping[str, Venue]) -> list[str]:
    """No child ended but as its venue's ledger says: refused means no order there, an order there is over, and its end
    counted all that filled.
    """
    orders = {(venue, order["client_id"]): order for venue, told in venues.items() for order in told.orders}
    breaches = []
    for key, child in by_wire_id(children).items():
        order = orders.get(key)
        if child.end == "child_rejected" and order is not None and not _was_refused(order):
            breaches.append(f"{key} was called rejected; the venue took it: {order}")
        elif child.end in {"child_canceled", "child_expired"} and order is None:
            breaches.append(f"{key} was called {child.end}; the venue never had it")
        elif order is not None and order["state"] == "open" and (child.end or child.leaves <= 0):
            breaches.append(f"{key} is over here ({child.end or 'filled'}) and open there")
        elif order is not None and order["state"] != "open" and child.is_live:
            breaches.append(f"{key} is {order['state']} there and live here")
        elif order is not None and child.ended_lots >= 0:
            counted, filled = child.ended_lots * child.sent["lot_units"], _units(order["filled"], 6)
            if counted != filled:
                breaches.append(f"{key} was {child.end} with {counted} by {child.evidence}; {filled} filled there")
    return breaches


def _was_refused(order: Mapping[str, str]) -> bool:
    """Some venues take a post-only or fill-or-kill order and end it unfilled in one act."""
    return order["state"] == "canceled" and Decimal(order["filled"]) == 0 and order["reason"] in {"post_only", "fok"}


def unresolved(children: Mapping[str, Child], venues: Mapping[str, Venue]) -> list[str]:
    """Live children of which the venue has no order: lost on their way, and not yet proven so. They are no breach."""
    there = {(venue, order["client_id"]) for venue, told in venues.items() for order in told.orders}
    return [key[0] for key, child in by_wire_id(children).items() if child.is_live and key not in there]


def check_fills(children: Mapping[str, Child], venues: Mapping[str, Venue]) -> list[str]:
    """Each fill of the exchange's ledger is booked once, with its price, quantity, fee and fee currency."""
    theirs = Counter(
        (venue, f["client_id"], _units(f["price"], 2), _units(f["qty"], 6), _nano(f["fee"]), f["fee_currency"])
        for venue, told in venues.items()
        for f in told.fills
    )
    ours = Counter(
        (*key, f["price_units"], f["qty_units"], f["fee_nano"], f["fee_currency"] if f["fee_nano"] else "")
        for key, child in by_wire_id(children).items()
        for f in child.fills
    )
    theirs = Counter({(*row[:5], row[5] if row[4] else ""): n for row, n in theirs.items()})
    ends = {key: f"{child.end or 'no end'} {child.evidence}" for key, child in by_wire_id(children).items()}
    breaches = [
        f"venue fill is missing here: {row} x{n}; {ends.get(row[:2], 'no child')}" for row, n in (theirs - ours).items()
    ]
    return breaches + [f"fill is a phantom or differs: {row} x{n}" for row, n in (ours - theirs).items()]


def balances_of(log: Log) -> dict[tuple[str, str], int]:
    """(venue, currency) -> nano, folded from the journal."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    for _, _, _, kind, event in log.rows:
        if kind == "balance_set":
            held[event["venue"], event["currency"]] = event["amount_nano"]
        elif kind == "child_filled":
            for currency, change in event["moves"]:
                held[event["venue"], currency] += change
    return dict(held)


def check_balances(log: Log, venues: Mapping[str, Venue]) -> list[str]:
    """Equal to the unit of 1e-9. Where a venue charges fees finer than that, each such fee is rounded by itself."""
    breaches, held = [], balances_of(log)
    for venue, told in venues.items():
        off: dict[str, Decimal] = defaultdict(Decimal)  # by how much our rounding of fees must differ
        for fill in told.fills:
            off[fill["fee_currency"]] += Decimal(fill["fee"]) * UNIT - _nano(fill["fee"])
        for currency, text in told.balances.items():
            exact = Decimal(text) * UNIT + off[currency]
            if exact != held.get((venue, currency), 0):
                breaches.append(f"{venue}: {currency} is {exact} there, {held.get((venue, currency), 0)} here")
    return breaches


def check_limits(log: Log, allowed: Allowed) -> list[str]:
    """At every send: the child within its cap, its venue within the credit, the account within its open orders.

    At stake at a venue (docs/venue-credit.md): the larger of what the account would be long there if every live buy
    filled and no sale did, and of what it would be short if every live sale filled and no buy did.
    """
    breaches: list[str] = []
    cost: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)  # venue, side -> live child -> worst case in nano
    position: dict[str, int] = defaultdict(int)
    n_open = 0
    for seq, _, _, kind, event in log.rows:
        if kind == "order_accepted":
            n_open += 1
        elif kind == "order_done":
            n_open -= 1
        elif kind == "child_sending":
            child = event["child"]
            price = child["price_ticks"] * child["tick_units"]
            worth = price * child["qty_lots"] * child["lot_units"] * 10  # 2 + 6 decimals, in nano
            venue = child["venue"]
            cost[venue, child["side"]][child["child_id"]] = worth
            held = max(
                sign * position[venue] * price * 10 + sum(cost[venue, side].values())
                for side, sign in (("buy", 1), ("sell", -1))
            )
            if worth > allowed.child:
                breaches.append(f"seq {seq}: a child of {worth / 1e9:.2f}")
            if held > allowed.venue:
                breaches.append(f"seq {seq}: {held / 1e9:.2f} at stake at {venue}")
            if n_open > allowed.n_open:
                breaches.append(f"seq {seq}: {n_open} orders open")
        elif kind == "child_filled":
            live = cost[event["venue"], "buy" if event["signed_qty_units"] > 0 else "sell"]
            if event["child_id"] in live:
                live[event["child_id"]] = max(
                    0, live[event["child_id"]] - event["price_units"] * event["qty_units"] * 10
                )
            position[event["venue"]] += event["signed_qty_units"]
        elif kind in ENDS:
            for live in cost.values():
                live.pop(event["child_id"], None)
    return breaches


def check_database(log: Log, children: Mapping[str, Child], rows: Rows) -> list[str]:
    """Postgres holds the journal's fills, children and balances, each once."""
    breaches = []
    booked = Counter(
        (f["exec_id"], f["child_id"], f["price_units"], f["qty_units"], f["fee_nano"], f["fee_currency"])
        for child in children.values()
        for f in child.fills
    )
    stored = Counter(
        (f["exec_id"], f["child_id"], f["price_units"], f["qty_units"], int(f["fee_nano"]), f["fee_currency"])
        for f in rows["fills"]
    )
    breaches += [f"fill is not in Postgres: {row}" for row in booked - stored]
    breaches += [f"Postgres alone has the fill {row}" for row in stored - booked]
    held = balances_of(log)
    kept = {(row["venue"], row["currency"]): int(row["amount_nano"]) for row in rows["balances"]}
    breaches += [f"balance {k}: {held.get(k)} and {kept.get(k)} in Postgres" for k in _differing(held, kept)]
    ends = {c.sent["child_id"]: bool(c.end) or c.leaves <= 0 for c in children.values()}
    over = {row["child_id"]: row["state"] in {"filled", "canceled", "expired", "rejected"} for row in rows["children"]}
    breaches += [f"child {k}: over is {ends.get(k)}, in Postgres {over.get(k)}" for k in _differing(ends, over)]
    return breaches


def check_exchange_campaign(
    log: Log,
    venues: Mapping[str, Venue],
    acks: dict[str, str],
    allowed: Allowed,
    rows: Rows | None,
) -> list[str]:
    """Everything; [] when all four agree. `rows`: of Postgres, None where there is none."""
    children = children_of(log)
    return [
        *check_sequences(log),
        *check_acks(log, acks),
        *check_quantities(log),
        *check_evidence(log),
        *check_kill(log),
        *check_orders(children, venues),
        *check_ends(children, venues),
        *check_fills(children, venues),
        *check_balances(log, venues),
        *check_limits(log, allowed),
        *(check_database(log, children, rows) if rows is not None else ()),
    ]


def _differing(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> Iterable[Any]:
    return (key for key in one.keys() | other.keys() if one.get(key, 0) != other.get(key, 0))


def _units(text: str, places: int) -> int:
    scaled = Decimal(text).scaleb(places)
    if scaled != int(scaled):
        raise ValueError(f"{text} is finer than {places} decimals")
    return int(scaled)


def _nano(text: str) -> int:
    return int((Decimal(text) * UNIT).to_integral_value(ROUND_HALF_EVEN))
