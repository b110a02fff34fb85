"""Logs for the store's tests: lawful random stories with receipts, cut into turns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from app.domain import events as ev
from app.domain.enums import ParentState
from app.domain.events import Fact, RoutePlanned
from app.domain.markouts import IntervalStats, MidPath, PathKind, StillPath
from tests.services.fact_stories import Story


class FullStory(Story):
    """A story in which everything happens that a log can hold."""

    def finish(self, order_id: str) -> None:
        super().finish(order_id)
        parent = self.ledger.parents[order_id]
        amounts = [self.random.randrange(-(10**22), 10**22) for _ in range(11)]
        prices = [self.random.randrange(1, 2**60) for _ in range(6)]
        self.tell(
            ev.TcaReported(
                parent.account, order_id, "arrival", *prices, parent.cum_qty_units, *amounts, (("BNB", -1), ("GT", 5))
            )
        )

    def measure(self, order_id: str) -> None:
        """What the market did after an order, with numbers of any size."""
        parent = self.ledger.parents[order_id]
        number = self.random.randrange
        after = (number(2**60), 0, number(2**60), number(2**60))
        paths = tuple(
            MidPath(
                PathKind.FILL, fill.fill.exec_id, fill.fill.venue, fill.fill.symbol, fill.ts_ns, number(2**60), after, 7
            )
            for fill in parent.fills
        )
        strip = ((-5_000, number(2**60)), (60_000, number(2**60)))
        interval = IntervalStats(parent.created_ts_ns, self.ts_ns, 2, 9, number(2**60), 0, 0, strip)
        self.tell(ev.MarkoutsMeasured(parent.account, order_id, paths, interval if number(2) else None))
        self.tell(ev.StillMeasured("", number(2**60), (StillPath("BTC/USDT", self.ts_ns, 5, (("alpha", 1, after),)),)))

    def side_note(self) -> None:
        done = [p for p in self.ledger.parents.values() if p.state is ParentState.DONE and p.children]
        choice = self.random.randrange(5)
        if choice == 0 and done:
            self.late_fill(self.random.choice(done).order_id)
        elif choice == 1 and done:
            parent = self.random.choice(done)
            self.tell(ev.OverfillRecorded(parent.account, parent.order_id, next(iter(parent.children)), 7))
        elif choice == 2 and self.ledger.keys:
            key = self.random.choice(list(self.ledger.keys.values()))
            self.tell(ev.KeyRevoked(key.account, key.prefix))
        elif choice == 3 and done:
            self.measure(self.random.choice(done).order_id)
        else:
            super().side_note()


Turn = tuple[list[Fact], list[tuple[str, bytes]]]


def story_facts(n_facts: int, seed: int = 0) -> tuple[list[Fact], dict[str, bytes]]:
    """At least `n_facts` lawful facts and the receipts that their routes name."""
    story = FullStory(seed=seed)
    story.grow(n_facts)
    receipts: dict[str, bytes] = {}
    facts = []
    for fact in story.facts:
        event = fact.event
        if isinstance(event, RoutePlanned):
            body = Random(fact.seq).randbytes(1 + fact.seq % 3_000)
            sha256 = hashlib.sha256(body).hexdigest()
            receipts[sha256] = body
            certificate = replace(event.plan.certificate, receipt_sha256=sha256)
            event = replace(event, plan=replace(event.plan, certificate=certificate))
        facts.append(replace(fact, event=event))
    return facts, receipts


def turns(facts: Sequence[Fact], receipts: dict[str, bytes], seed: int = 0) -> Iterator[Turn]:
    """`facts` in turns of random length, each with the receipts that it names."""
    random, start = Random(seed), 0
    while start < len(facts):
        some = list(facts[start : start + random.randint(1, 12)])
        start += len(some)
        named = [f.event.plan.certificate.receipt_sha256 for f in some if isinstance(f.event, RoutePlanned)]
        yield some, [(sha256, receipts[sha256]) for sha256 in named]


def named_at(facts: Sequence[Fact]) -> dict[str, int]:
    """Receipts that `facts` name: SHA-256 -> the seq of the first that does."""
    routes = [fact for fact in reversed(facts) if isinstance(fact.event, RoutePlanned)]
    return {fact.event.plan.certificate.receipt_sha256: fact.seq for fact in routes}
