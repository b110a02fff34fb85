"""Old business while new orders come: whatever may be asked of an order that left memory, and what venues repeat."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import httpx

from app.domain.events import ChildSending
from app.domain.orders import ChildOrder
from app.domain.ports import VenuePort
from app.store.journal import JournalReader
from app.venues.clock import SystemClock
from app.venues.registry import load_universe
from app.venues.remote import connect_venues
from tests.faults.harness import Desk, Gateway, Venues, order_body

KINDS: Final = ("again", "changed", "by_id", "by_name", "cancel", "list")
AWAY = 503  # starting, stopping, or without the database: nothing was placed and nothing told


@dataclass
class OldBusiness(Desk):
    """Beside its load, asks about orders that it was acknowledged. `breaches`: answers that no caller should get.

    New orders are of one wave: a fill that comes after its order's end is then late, and not too much.
    """

    asked: Counter[str] = field(default_factory=Counter)
    n_away: int = 0
    breaches: list[str] = field(default_factory=list)
    filled: dict[str, str] = field(default_factory=dict)  # by order id, as it was told last

    def body(self, client_order_id: str, rng: random.Random) -> dict[str, object]:
        return order_body(client_order_id, rng) | {"type": "market", "time_in_force": "ioc", "strategy": "sweep"}

    async def look_back(self, rate_per_s: float, stop: asyncio.Event, looker: int) -> None:
        """One question after the other about orders of any age, until `stop`."""
        rng = random.Random(self.seed * 7 + self.n_sent * 3 + looker)
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        async with httpx.AsyncClient(base_url=self.gateway.url, headers=headers, timeout=20) as client:
            while not stop.is_set():
                await asyncio.sleep(rng.expovariate(rate_per_s))
                if self.acks:
                    await self._ask(client, rng.choice(list(self.acks)), rng.choice(KINDS))

    async def look_once_more(self, client: httpx.AsyncClient, n_orders: int) -> None:
        """Everything about some of the orders, the oldest among them."""
        names = list(self.acks)
        for name in names[:: max(1, len(names) // n_orders)]:
            for what in KINDS:
                await self._ask(client, name, what)

    async def _ask(self, client: httpx.AsyncClient, name: str, what: str) -> None:
        before = self.filled.get(self.acks[name], "0")
        try:
            answer = await self._sent(client, what, name)
        except httpx.HTTPError:
            return  # killed meanwhile
        if answer.status_code == AWAY:
            self.n_away += 1
            return
        self.asked[what] += 1
        wrong = self._judged(what, name, before, answer)
        if wrong:
            self.breaches.append(f"{what} of {name}: {wrong}: {answer.status_code} {answer.text[:200]}")

    async def _sent(self, client: httpx.AsyncClient, what: str, name: str) -> httpx.Response:
        order_id, body = self.acks[name], self.bodies[name]
        match what:
            case "again":
                return await client.post("/v1/orders", json=body)
            case "changed":
                return await client.post("/v1/orders", json=body | {"qty": "3.33"})
            case "by_id":
                return await client.get(f"/v1/orders/{order_id}")
            case "by_name":
                return await client.get(f"/v1/orders/client:{name}")
            case "cancel":
                return await client.delete(f"/v1/orders/{order_id}")
            case _:
                return await client.get("/v1/orders", params={"limit": 20})

    def _judged(self, what: str, name: str, before: str, answer: httpx.Response) -> str:
        """What is wrong with an answer, empty where nothing is."""
        if what == "changed":
            return "" if answer.status_code == 409 else "a name used twice"
        if answer.status_code != (202 if what == "cancel" else 200):
            return "not found, or placed once more"
        if what == "list":
            return ""
        told = answer.json()
        if told["order_id"] != self.acks[name]:
            return "another order"
        return self._less(told, before) if what != "again" else ""

    def _less(self, told: dict[str, object], before: str) -> str:
        """What an order has filled is never told less than `before`, which was told before it was asked."""
        order_id, filled = str(told["order_id"]), str(told["cum_qty"])
        self.filled[order_id] = filled
        return "" if float(filled) >= float(before) else f"filled {before} before"


@dataclass
class Repeater:
    """A second client of the venues: what they answer it, everybody hears. So a gateway is told again of any order."""

    gateway: Gateway
    venues: Venues
    n_asked: int = 0
    _ports: dict[str, VenuePort] = field(default_factory=dict)
    _children: list[ChildOrder] = field(default_factory=list)
    _read_seq: int = 0

    async def open(self) -> None:
        self._ports = dict(connect_venues(load_universe(), SystemClock(), "127.0.0.1", self.venues.port))
        for venue in self._ports.values():
            await venue.start(lambda report: None, lambda book: None)

    async def close(self) -> None:
        for venue in self._ports.values():
            await venue.stop()

    async def repeat(self, rate_per_s: float, stop: asyncio.Event) -> None:
        """Has venues say again what became of children of any age, until `stop`."""
        rng = random.Random(self.n_asked)
        while not stop.is_set():
            children = self.children()
            if children:
                await self._ask(rng.choice(children))
            await asyncio.sleep(rng.expovariate(rate_per_s))

    async def repeat_all(self) -> None:
        """Everything that ever was, once more: nothing that a venue knows stays untold."""
        for n, child in enumerate(self.children(), 1):
            await self._ask(child)
            if n % 50 == 0:
                await asyncio.sleep(0.05)

    async def _ask(self, child: ChildOrder) -> None:
        self.n_asked += 1
        await self._ports[child.venue].query(child)

    def children(self) -> list[ChildOrder]:
        """Every child that was ever meant to be sent, as the log has it."""
        path = self.gateway.home / "journal.db"
        if path.exists():
            reader = JournalReader(path)
            try:
                facts = reader.read(self._read_seq, 1_000_000)
            finally:
                reader.close()
            self._children += [fact.event.child for fact in facts if isinstance(fact.event, ChildSending)]
            self._read_seq = facts[-1].seq if facts else self._read_seq
        return self._children
