"""What a careful FastAPI service costs that does what our door does, in the usual way: the fair yardstick of the door.

The same steps for the same body: parse, prove who asks, risk, a fee-aware split over the same books, order and children
in SQLite with a synced commit, a JSON answer once that is durable. Pydantic, dependencies, decimals, a heap, one
transaction an order on a worker thread. Left out, in its favour: certificate, receipt and rivals of the plan,
estimates, hash chain, credit, throttle, live state, streams, everything after the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

Level = tuple[Decimal, Decimal]
PPM = Decimal(1_000_000)
MAX_QTY, MAX_NOTIONAL = Decimal(100), Decimal(10_000_000)
SCHEMA = """
create table orders (order_id text primary key, account text, client_order_id text, symbol text, side text, qty text,
    status text, unique (account, client_order_id));
create table children (order_id text, venue text, qty text, limit_price text);
"""


class Order(BaseModel):
    client_order_id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    symbol: str
    side: Literal["buy", "sell"]
    type: Literal["market", "limit"]
    qty: Decimal = Field(gt=0, max_digits=38)
    limit_price: Decimal | None = None
    time_in_force: Literal["gtc", "ioc", "fok", "gtd"] = "gtc"
    max_slippage_bps: Decimal | None = None


class Child(BaseModel):
    venue: str
    qty: Decimal
    limit_price: Decimal


class Placed(Order):
    order_id: str
    account: str
    status: str
    children: list[Child]


@dataclass(slots=True)
class Venue:
    """One venue as the route sees it: its two sides, best level first, its fee, its lot, the account's money there."""

    bids: list[Level]
    asks: list[Level]
    taker_fee_ppm: Decimal
    lot: Decimal
    quote: Decimal
    base: Decimal


@dataclass(slots=True)
class Desk:
    """The service's state. `keys`: SHA-256 of a key -> account."""

    database: sqlite3.Connection
    keys: Mapping[str, str]
    venues: dict[str, Venue] = field(default_factory=dict)
    killed: set[str] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


def open_database(path: Path) -> sqlite3.Connection:
    """A database whose commits are synced, as the journal's are."""
    database = sqlite3.connect(path, check_same_thread=False)
    database.execute("pragma journal_mode=wal")
    database.execute("pragma synchronous=full")
    database.executescript(SCHEMA)
    return database


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def account_of(authorization: Annotated[str, Header()], desk: Annotated[Desk, Depends(desk_of)]) -> str:
    digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
    account = desk.keys.get(digest)
    if account is None:
        raise HTTPException(401, "unknown key")
    return account


def _offers(desk: Desk, side: str) -> Iterator[tuple[Decimal, str, Decimal, Decimal]]:
    """(all-in price signed as cost, venue, price, quantity) over every venue, cheapest first."""

    def of_venue(name: str, venue: Venue) -> Iterator[tuple[Decimal, str, Decimal, Decimal]]:
        sign = 1 if side == "buy" else -1
        for price, qty in venue.asks if side == "buy" else venue.bids:
            yield sign * price * (1 + sign * venue.taker_fee_ppm / PPM), name, price, qty

    return heapq.merge(*(of_venue(name, venue) for name, venue in desk.venues.items()))


def split(desk: Desk, order: Order) -> list[Child]:
    """The children of the cheapest split within the slippage cap, whole lots, one a venue; raises HTTPException."""
    mids = sorted((v.bids[0][0] + v.asks[0][0]) / 2 for v in desk.venues.values() if v.bids and v.asks)
    if not mids:
        raise HTTPException(422, "no book")
    mid, sign = mids[len(mids) // 2], 1 if order.side == "buy" else -1
    cap = mid * (1 + sign * (order.max_slippage_bps or Decimal(50)) / 10_000)
    if order.qty > MAX_QTY or order.qty * mid > MAX_NOTIONAL:
        raise HTTPException(422, "over a limit")
    left, parts = order.qty, dict[str, tuple[Decimal, Decimal]]()
    for _, name, price, displayed in _offers(desk, order.side):
        if left <= 0 or sign * (price - cap) > 0:
            break
        venue = desk.venues[name]
        take = min(left, displayed) // venue.lot * venue.lot
        had = parts.get(name, (Decimal(0), price))[0]
        needed = (had + take) * (price if order.side == "buy" else 1)
        if take and needed <= (venue.quote if order.side == "buy" else venue.base):
            parts[name] = had + take, cap
            left -= take
    return [Child(venue=name, qty=qty, limit_price=limit) for name, (qty, limit) in parts.items()]


def _store(desk: Desk, placed: Placed) -> None:
    row = placed.order_id, placed.account, placed.client_order_id, placed.symbol, placed.side, str(placed.qty)
    children = [(placed.order_id, c.venue, str(c.qty), str(c.limit_price)) for c in placed.children]
    with desk.database as database:
        database.execute("insert into orders values (?, ?, ?, ?, ?, ?, ?)", (*row, placed.status))
        database.executemany("insert into children values (?, ?, ?, ?)", children)


app = FastAPI()


@app.post("/v1/orders", status_code=201)
async def place(
    order: Order, account: Annotated[str, Depends(account_of)], desk: Annotated[Desk, Depends(desk_of)]
) -> Placed:
    if desk.killed:
        raise HTTPException(422, "halted")
    order_id = f"ord_{secrets.token_hex(13)}"
    placed = Placed(**order.model_dump(), order_id=order_id, account=account, status="new", children=split(desk, order))
    async with desk.turn:  # one writer
        try:
            await run_in_threadpool(_store, desk, placed)
        except sqlite3.IntegrityError:
            raise HTTPException(409, "client_order_id names another order") from None
    return placed
