"""Random faults over the ten protocols at once, under orders, with processes killed among them.

    python -m tests.faults.exchange_campaign --faults 10000 --seed 1 --write

The exchange counts what really happened: a switch that nothing met is no fault. `--write` writes the page of results.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx

from app.domain.errors import BestexError
from app.shm.books import BookBoard
from app.shm.layout import Kind
from app.shm.segment import attach
from app.store.migrate import plain_url, upgrade
from app.workers.postgres import EmbeddedPostgres
from app.workers.venue_host import BOARD_DEPTH
from tests.faults.checker import read_log
from tests.faults.exchange_checker import check_exchange_campaign, children_of
from tests.faults.harness import ROOT, Desk, Gateway, Venues
from tests.faults.settling import Settled, settle
from tests.faults.ten_venues import (
    ALLOWED,
    MARKETS,
    SYMBOL,
    Books,
    environment_of,
    first_facts,
    open_accounts,
    settings_of,
    ten_venues,
    told,
)
from tests.venues.exchange.faults import Rule
from tests.venues.exchange.server import LocalExchange

RESULTS: Final = ROOT / "docs" / "results" / "exchange_faults.md"
# (fault, routes, probability, value from, value to, how often, weight). Routes as in faults.Rule.
FAULTS: Final[tuple[tuple[str, tuple[str, ...], float, float, float, int | None, int], ...]] = (
    ("lost_request", ("place", "query", "cancel", "account"), 0.4, 0, 0, None, 3),
    ("lost_ack", ("place",), 0.5, 0, 0, None, 4),
    ("lost_but_taken", ("place",), 0.4, 0.05, 0.8, None, 3),
    ("refused_but_taken", ("place",), 0.4, 0.05, 0.8, None, 3),
    ("rate_limit", ("place", "query", "public"), 0.5, 1, 1, 2, 2),
    ("banned", ("place", "query"), 0.5, 1, 2, 1, 1),
    ("error_before", ("place", "query", "account"), 0.4, 500, 504, None, 3),
    ("error_after", ("place",), 0.5, 500, 504, None, 4),
    ("slow_request", ("place", "query"), 0.5, 0.1, 1.5, None, 3),
    ("slow_answer", ("place", "query"), 0.5, 0.1, 1.5, None, 3),
    ("duplicate_fill", ("*",), 0.6, 0, 0, None, 4),
    ("late_fill", ("*",), 0.6, 0.1, 1.0, None, 4),
    ("missing_fill", ("*",), 0.6, 0, 0, None, 4),
    ("missing_order", ("*",), 0.5, 0, 0, None, 4),
    ("book_gap", ("*",), 0.2, 0, 0, 4, 3),
    ("bad_checksum", ("*",), 0.2, 0, 0, 4, 3),
    ("silence", ("public", "private"), 0.2, 0, 0, 1, 1),
    ("disconnect", ("public", "private"), 0.2, 0, 0, 2, 2),
    ("refuse_connection", ("*",), 1.0, 0, 0, 2, 1),
    ("clock_skew", ("*",), 1.0, -1500, 1500, None, 1),
    ("hidden", ("*",), 1.0, 0.2, 0.9, None, 2),
)
STATES: Final = frozenset({"clock_skew", "hidden"})  # they stand instead of striking: one each time they are on
N_RULES: Final = 30
_WEIGHTS: Final = {"kraken": 0.5, "deribit": 2}  # of few requests a minute; the others have 3


@dataclass
class Weather:
    """Switches that go on and off by a seed; what has hit so far."""

    exchange: LocalExchange
    rng: random.Random
    rules: list[tuple[float, Rule]] = field(default_factory=list)
    past: Counter[tuple[str, str]] = field(default_factory=Counter)  # (venue, fault)

    @property
    def hits(self) -> Counter[tuple[str, str]]:
        standing = Counter({(rule.venue, rule.fault.value): rule.hits for _, rule in self.rules})
        return self.past + standing

    @property
    def n_hits(self) -> int:
        return sum(self.hits.values())

    async def blow(self) -> None:
        """Until canceled."""
        while True:
            now_s = time.monotonic()
            for until_s, rule in [r for r in self.rules if r[0] <= now_s]:
                self._end(until_s, rule)
            while len(self.rules) < N_RULES:
                self._begin(now_s)
            await asyncio.sleep(0.1)

    def _begin(self, now_s: float) -> None:
        fault, routes, chance, low, high, times, _ = self.rng.choices(FAULTS, [row[-1] for row in FAULTS])[0]
        value = self.rng.uniform(low, high)
        where: dict[str, Any] = {"venue": self.rng.choice(list(MARKETS)), "route": self.rng.choice(routes)}
        where |= {"probability": chance, "times": times, "value": round(value) if high > 2 else value or None}
        rule = self.exchange.call(lambda: self.exchange.faults.switch(fault, **where))
        rule.hits = 1 if fault in STATES else 0
        self.rules.append((now_s + self.rng.uniform(0.5, 3.0), rule))

    def _end(self, until_s: float, rule: Rule) -> None:
        self.exchange.control.clear(rule.id)
        self.rules.remove((until_s, rule))
        self.past[rule.venue, rule.fault.value] += rule.hits

    def clear(self) -> None:
        for until_s, rule in list(self.rules):
            self._end(until_s, rule)


@dataclass
class BookWatch:
    """Holds the shared board against the exchange's own books at sampled instants."""

    books: Books
    gateway: Gateway
    shard: str
    listings: list[tuple[str, str]]
    n_samples: int = 0
    n_gapped: int = 0
    breaches: list[str] = field(default_factory=list)
    seqs: dict[str, int] = field(default_factory=dict)
    _pid: int = 0
    _board: BookBoard | None = None

    async def watch(self) -> None:
        """Until canceled."""
        while True:
            await asyncio.sleep(0.2)
            board = self._attached()
            if board is not None:
                self._look(board)

    def _attached(self) -> BookBoard | None:
        if self.gateway.pid != self._pid:
            self._board = None
            try:
                segment = attach(f"{self.shard}-{self.gateway.pid}-books", Kind.BOOKS)
                self._board = BookBoard(self.listings, BOARD_DEPTH, segment.buffer)
            except BestexError:  # it is only just being started
                return None
            self._pid = self.gateway.pid
        return self._board

    def _look(self, board: BookBoard) -> None:
        books = board.read(SYMBOL)
        lately = self.books.lately()  # after the board was read: what it shows has happened by now
        for i, venue in enumerate(books.venues):
            if books.is_gapped[i] or not books.book_seq[i]:
                self.n_gapped += 1
                continue
            self.n_samples += 1
            shown = [
                list(zip(books.price_units[i, s, :n].tolist(), books.qty_units[i, s, :n].tolist(), strict=True))
                for s, n in enumerate(books.n_levels[i].tolist())
            ]
            self._compare(venue, shown, lately[venue])

    def _compare(self, venue: str, shown: list[Any], states: list[tuple[int, Any, Any]]) -> None:
        """The board's levels are those of one state, as far as both go, and never of an older one than before."""
        for state in reversed(states):
            if all(_agree(ours, theirs) for ours, theirs in zip(shown, self.books.in_units(venue, state), strict=True)):
                if state[0] < self.seqs.get(venue, 0):
                    self.breaches.append(f"{venue}: the book went back to {state[0]} from {self.seqs[venue]}")
                self.seqs[venue] = state[0]
                return
        if states and self.seqs.get(venue, 0) >= states[0][0]:
            self.breaches.append(
                f"{venue}: no state of its book was the board's; {self._nearest(venue, shown, states)}"
            )

    def _nearest(self, venue: str, shown: list[Any], states: list[tuple[int, Any, Any]]) -> str:
        """The state that differs least: its number, and the levels (price, quantity) of each that the other lacks."""

        def lacks(state: tuple[int, Any, Any]) -> tuple[list[Any], list[Any]]:
            ours, theirs = set(), set()
            for mine, its in zip(shown, self.books.in_units(venue, state), strict=True):
                n = min(len(mine), len(its))
                ours |= set(mine[:n])
                theirs |= set(its[:n])
            return sorted(ours - theirs), sorted(theirs - ours)

        differences = [(state[0], *lacks(state)) for state in states]
        seq, more, less = min(differences, key=lambda row: len(row[1]) + len(row[2]))
        return f"{seq} of {states[-1][0]} is nearest: only here {more}, only there {less}"


def _agree(ours: list[tuple[int, int]], theirs: Any) -> bool:
    n = min(len(ours), len(theirs))
    return n >= min(5, len(theirs)) and tuple(ours[:n]) == tuple(theirs[:n])


@dataclass
class Trader(Desk):
    """Random small orders over random venues."""

    def body(self, client_order_id: str, rng: random.Random) -> dict[str, object]:
        venues = [venue for venue in MARKETS if rng.random() < 0.1 * _WEIGHTS.get(venue, 3)]
        if rng.random() < 0.3:  # the dear ones would hardly ever be chosen among others
            venues = [rng.choice(list(MARKETS))]
        body: dict[str, object] = {
            "client_order_id": client_order_id,
            "symbol": SYMBOL,
            "side": rng.choice(["buy", "sell"]),
            "type": "market",
            "time_in_force": "ioc",
            "qty": f"{rng.randint(10, 500) / 10_000:.4f}",
            "venues": {"include": venues or ["binance", "okx"]},
        }
        if rng.random() < 0.2:
            body["time_in_force"] = "gtc"
        return body


@dataclass
class Report:
    """What a campaign was and what it found."""

    seed: int
    wanted: int
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    n_process_kills: int = 0
    n_engine_kills: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    breaches: list[str] = field(default_factory=list)

    @property
    def n_faults(self) -> int:
        return sum(self.faults.values()) + self.n_process_kills + self.n_engine_kills


@dataclass
class Campaign:
    """One service over ten venues. `database_url` empty: no Postgres. `waits_s`: at most, for the last unknowns."""

    home: Path
    seed: int
    wanted: int
    database_url: str = ""
    rate_per_s: float = 12.0
    waits_s: float = 60.0
    kill_every_s: float = 15.0
    n_engine_kills: int = 1

    async def run(self) -> Report:
        began_s = time.monotonic()
        with ten_venues(self.seed, beat_s=1.0) as (exchange, books):
            open_accounts(exchange, self.home)
            settings = settings_of(self.home, exchange)
            universe = await first_facts(settings)
            gateway = Gateway(self.home, Venues(self.home / "none"), self.database_url)
            gateway.environment = environment_of(exchange)
            report = Report(self.seed, self.wanted)
            watch = BookWatch(books, gateway, settings.shard, list(universe.instruments))
            trader = Trader(gateway, self.seed)
            try:
                gateway.start()
                await gateway.ready()
                report.figures["s until ready"] = round(time.monotonic() - began_s, 1)
                await self._storm(exchange, gateway, trader, watch, report)
                report.figures["s until calm"] = round(time.monotonic() - began_s, 1)
                settled = await self._settle(exchange, gateway, trader)
                report.figures |= {"open at the end": settled.n_lost, "settled": settled.words}
                gateway.stop()
            finally:
                gateway.close()
            await self._judge(exchange, trader, watch, report)
        report.figures["wall s"] = round(time.monotonic() - began_s)
        return report

    async def _storm(
        self, exchange: LocalExchange, gateway: Gateway, trader: Trader, watch: BookWatch, report: Report
    ) -> None:
        rng = random.Random(self.seed)
        weather = Weather(exchange, random.Random(self.seed + 1))
        watching = asyncio.create_task(watch.watch())
        blowing = asyncio.create_task(weather.blow())
        stop = asyncio.Event()
        loading = asyncio.create_task(trader.load(self.rate_per_s, stop))
        next_kill_s, kill_engine_at = time.monotonic() + self.kill_every_s, self._engine_kills()
        while weather.n_hits + report.n_process_kills + report.n_engine_kills < self.wanted:
            await asyncio.sleep(0.2)
            for task in (watching, blowing, loading):
                if task.done():
                    task.result()
            if kill_engine_at and weather.n_hits >= kill_engine_at[0]:
                kill_engine_at.pop(0)
                gateway.kill()
                stop.set()
                await loading
                report.n_engine_kills += 1
                gateway.start()
                await gateway.ready()
                stop = asyncio.Event()
                loading = asyncio.create_task(trader.load(self.rate_per_s, stop))
            elif time.monotonic() >= next_kill_s:
                next_kill_s = time.monotonic() + self.kill_every_s * rng.uniform(0.5, 1.5)
                report.n_process_kills += kill_one(gateway.pid, rng)
        weather.clear()
        stop.set()
        await loading
        report.faults = weather.past
        blowing.cancel()
        await asyncio.gather(blowing, return_exceptions=True)
        exchange.control.clear()
        await asyncio.sleep(3)  # books recover, and are looked at
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    def _engine_kills(self) -> list[int]:
        return [self.wanted * (n + 1) // (self.n_engine_kills + 1) for n in range(self.n_engine_kills)]

    async def _settle(self, exchange: LocalExchange, gateway: Gateway, trader: Trader) -> Settled:
        headers = {"Authorization": f"Bearer {gateway.key}"}
        async with httpx.AsyncClient(base_url=gateway.url, headers=headers, timeout=20) as client:
            for client_order_id in trader.unsure:
                await trader.post(client, client_order_id)
            journal, is_long = self.home / "journal.db", self.wanted > 2_000
            return await settle(client, journal, lambda: told(exchange), self.waits_s, waits_for_lost=is_long)

    async def _judge(self, exchange: LocalExchange, trader: Trader, watch: BookWatch, report: Report) -> None:
        log, venues = read_log(self.home / "journal.db"), told(exchange)
        rows = await database_rows(self.database_url) if self.database_url else None
        report.breaches = check_exchange_campaign(log, venues, trader.acks, ALLOWED, rows)
        report.breaches += watch.breaches
        report.breaches += [f"the exchange's own double entry is off: {off}" for off in exchange.control.imbalance()]
        report.breaches += [f"malformed: {row}" for row in exchange.control.ledger("malformed")]
        if watch.n_samples < 100:
            report.breaches.append(f"only {watch.n_samples} books were looked at")
        children = children_of(log)
        report.figures |= {
            "orders acknowledged": len(trader.acks),
            "orders refused": len(trader.refused),
            "children sent": len(children),
            "venue orders": sum(len(v.orders) for v in venues.values()),
            "fills": sum(len(v.fills) for v in venues.values()),
            "children that were unknown": sum(c.is_unknown for c in children.values()),
            "ends": dict(Counter(c.end or ("live" if c.is_live else "filled") for c in children.values())),
            "orders by venue": {venue: len(v.orders) for venue, v in venues.items()},
            "breaks found": len(log.of("break_found")),
            "books compared": watch.n_samples,
            "books gapped when looked at": watch.n_gapped,
        }


def kill_one(engine_pid: int, rng: random.Random) -> int:
    """kill -9 of one venue process of this engine; 1 where one was there."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == engine_pid and b"app.workers.venue_worker" in words:
                    found.append(int(folder.name))
    if not found:
        return 0
    with contextlib.suppress(ProcessLookupError):
        os.kill(rng.choice(sorted(found)), signal.SIGKILL)
    return 1


async def database_rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """The projection's fills, children and balances."""
    connection = await asyncpg.connect(plain_url(url))
    tables = {"fills": "fills", "children": "child_orders", "balances": "balances"}
    try:
        return {name: [dict(row) for row in await connection.fetch(f"select * from {t}")] for name, t in tables.items()}
    finally:
        await connection.close()


def summary(report: Report) -> dict[str, Any]:
    by_fault: Counter[str] = Counter()
    for (_, fault), n in report.faults.items():
        by_fault[fault] += n
    kills = {"venue process killed": report.n_process_kills, "engine killed": report.n_engine_kills}
    return {
        "seed": report.seed,
        "faults": report.n_faults,
        "by_fault": dict(by_fault.most_common()) | kills,
        **report.figures,
        "breaches": len(report.breaches),
    }


def page(report: Report) -> str:
    """docs/results/exchange_faults.md."""
    by_fault, by_venue = Counter[str](), Counter[str]()
    for (venue, fault), n in report.faults.items():
        by_fault[fault] += n
        by_venue[venue] += n
    rows = [
        *by_fault.most_common(),
        ("venue process killed", report.n_process_kills),
        ("engine killed", report.n_engine_kills),
    ]
    figures = "".join(f"| {name} | {_told(value)} |\n" for name, value in report.figures.items())
    return f"""# Faults at ten exchanges

Written by `python -m tests.faults.exchange_campaign --faults {report.wanted} --seed {report.seed} --write`.

**{report.n_faults} faults happened, {len(report.breaches)} breaches were found.** This is the longest run that was
written here; `make soak` runs 10,000 (tests/faults/test_exchange_campaign.py), `make test` 1,000.

Random orders, three of ten at one named venue, went to the local exchange (docs/local-exchange.md) through engine,
venue processes, signer and watchdog while switches went on and off; processes were killed with -9. Afterwards
tests/faults/exchange_checker.py, which shares no code with the product, held together the journal's file, the
exchange's ledger, Postgres and what clients were told over HTTP; the board's books were held against the exchange's
own, by sequence, five times a second. A fault is counted when it struck, by the exchange; once for each time that a
clock was off or orders were hidden.

What a run does not show: the crowd quotes in lots of 0.000001, for what a trade leaves below a lot of ours is told with
the next trade of its order or not at all; all orders are immediate (nothing rests at a venue); one symbol, spot. A lost
request is proven lost only once the venue would not take it any more (up to 300 s at HTX): such children are unknown at
the end, hold their whole exposure, and are counted below as live; `--wait 330` waits for them.

[What earlier runs found](exchange_breaches.md), and what was wrong.

| fault | times |
|---|---|
{"".join(f"| {name} | {n} |" + chr(10) for name, n in rows)}
| venue | faults |
|---|---|
{"".join(f"| {name} | {n} |" + chr(10) for name, n in by_venue.most_common())}
| what | figure |
|---|---|
{figures}"""


def _told(value: Any) -> str:
    return ", ".join(f"{name} {n}" for name, n in value.items()) if isinstance(value, dict) else str(value)


@contextlib.contextmanager
def own_postgres() -> Iterator[str]:
    """A migrated database for this campaign alone."""
    folder = Path(tempfile.mkdtemp(prefix="bestex-campaign-pg-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder, {"fsync": "off"})
    try:
        url = server.start()
        upgrade(url)
        yield url
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="a new folder that is kept, to look into")
    parser.add_argument("--wait", type=float, default=60.0, help="s at most for what is unknown when the storm is over")
    parser.add_argument("--write", action="store_true", help="renew docs/results/exchange_faults.md")
    options = parser.parse_args()
    n_kills = max(1, options.faults // 1_000)
    with tempfile.TemporaryDirectory(prefix="bestex-campaign-") as temporary, own_postgres() as url:
        home = options.home or Path(temporary)
        campaign = Campaign(home, options.seed, options.faults, url, waits_s=options.wait, n_engine_kills=n_kills)
        report = asyncio.run(campaign.run())
    print(json.dumps(summary(report), indent=1))
    for breach in report.breaches[:40]:
        print("BREACH", breach)
    if options.write:
        RESULTS.write_text(page(report), encoding="utf-8")


if __name__ == "__main__":
    main()
