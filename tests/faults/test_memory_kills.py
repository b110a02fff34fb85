"""kill -9 while closed orders leave memory, come back and are written to snapshots: nobody can tell that they left.

Orders stay a second after their end. Under load, beside it: names used again, questions and cancels about orders of any
age, venues that repeat what they said and fills that come after their order's end, snapshots that are killed too.
Four kills in every run; 120 in `make soak`, with a database that is crashed now and then.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from app.execution.ledger import Ledger, fold
from app.execution.settling import Settling
from app.store.chain import GENESIS
from app.store.journal import JournalReader
from app.store.migrate import upgrade
from app.store.refold import fold_on, refold
from app.store.reverify import note_path
from app.store.snapshot import read_snapshot, snapshot_path
from app.store.statehash import ledger_hash
from app.venues.faults import Faults
from app.workers.postgres import EmbeddedPostgres
from tests.faults.checker import check_all, read_log, read_venues
from tests.faults.harness import ROOT, Gateway, Venues, database_state
from tests.faults.memory_desk import KINDS, OldBusiness, Repeater
from tests.store.tampering import change_line, holder_of, later, put

KEEP_S = 1.0
KEEP_NS = int(KEEP_S * 1e9)
LATE_NS = 1_500_000_000
LATE_AT = ("sim_alpha", "sim_bravo")  # elsewhere all is told in time: a venue that differs gets nothing new


@dataclass
class Campaign:
    """One gateway's life with many deaths. `postgres`: the database that may be crashed, if any."""

    gateway: Gateway
    desk: OldBusiness
    repeater: Repeater
    postgres: EmbeddedPostgres | None = None
    may_repeat: bool = True  # else venues say everything once, and what is lost then is lost
    n_snapshots: int = 0
    n_snapshots_killed: int = 0
    n_outages: int = 0
    ready_s: list[float] = field(default_factory=list)

    async def run(self, n_kills: int, rng: random.Random) -> None:
        snapshots: list[asyncio.Task[None]] = []
        for _ in range(n_kills):
            self.gateway.start()
            self.ready_s.append(await self.gateway.ready())
            async with self._storm():
                if not snapshots or snapshots[-1].done():  # one may be under way when the next life begins
                    snapshots.append(asyncio.create_task(self._snapshot(rng)))
                outage = asyncio.create_task(self._outage(rng))
                await asyncio.sleep(rng.uniform(0.3, 1.6))
                self.gateway.kill()
            await outage
        self.gateway.start()
        self.ready_s.append(await self.gateway.ready())
        async with self._storm():
            await asyncio.sleep(1)
        await asyncio.gather(*snapshots)

    @asynccontextmanager
    async def _storm(self) -> AsyncIterator[None]:
        """Load, old business and repeated words, until the end of the block."""
        stop = asyncio.Event()
        looking = [self.desk.look_back(30, stop, n) for n in range(3)]
        repeating = [self.repeater.repeat(40, stop)] if self.may_repeat else []
        work = (self.desk.load(40, stop), *repeating, *looking)
        tasks = [asyncio.create_task(each) for each in work]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _snapshot(self, rng: random.Random) -> None:
        """The gateway's own helper, sooner than it would start it; every second time it is killed too."""
        await asyncio.sleep(rng.uniform(0, 0.5))
        helper = await begin_snapshot(self.gateway)
        if rng.random() < 0.5:
            await asyncio.sleep(rng.uniform(0.3, 1.2))
            if helper.returncode is None:
                helper.kill()
                self.n_snapshots_killed += 1
        self.n_snapshots += await helper.wait() == 0

    async def _outage(self, rng: random.Random) -> None:
        if self.postgres is None or rng.random() > 0.3:
            return
        await asyncio.sleep(rng.uniform(0, 0.5))
        await asyncio.to_thread(self.postgres.crash)
        await asyncio.sleep(rng.uniform(0.2, 2))
        await asyncio.to_thread(self.postgres.start)
        self.n_outages += 1

    async def settle(self, timeout_s: float = 40) -> list[str]:
        """Until nothing is open and every late fill is told; gives what a client then misses."""
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        async with httpx.AsyncClient(base_url=self.gateway.url, headers=headers, timeout=10) as client:
            for name in list(self.desk.unsure):
                await self.desk.post(client, name)
            for _ in range(int(timeout_s / 0.1)):
                if not (await client.get("/v1/orders", params={"status": "open", "limit": 5})).json()["data"]:
                    break
                await asyncio.sleep(0.1)
            await asyncio.sleep(LATE_NS * 1e-9 + 0.2)
            if self.may_repeat:
                await self.repeater.repeat_all()
            await asyncio.sleep(1.5)
            await self.desk.look_once_more(client, 10)
            return [*await self._missed_orders(client), *await self._missed_fills(client)]

    async def _missed_orders(self, client: httpx.AsyncClient) -> list[str]:
        listed = [row["client_order_id"] for row in await self._all_pages(client, "/v1/orders")]
        breaches = [f"listed twice: {name}" for name in {n for n in listed if listed.count(n) > 1}]
        return breaches + [f"not listed: {name}" for name in self.desk.acks.keys() - set(listed)]

    async def _missed_fills(self, client: httpx.AsyncClient) -> list[str]:
        told = [row["exec_id"] for row in await self._all_pages(client, "/v1/executions")]
        log = read_log(self.gateway.home / "journal.db")
        ours = [event["exec_id"] for _, event in log.of("child_filled")]
        return [] if sorted(told) == sorted(ours) else [f"{len(told)} fills listed, the log has {len(ours)}"]

    async def _all_pages(self, client: httpx.AsyncClient, path: str) -> list[dict[str, str]]:
        rows, cursor = [], ""
        while True:
            answer = await client.get(path, params={"limit": 100} | ({"cursor": cursor} if cursor else {}))
            assert answer.status_code == 200, answer.text
            page = answer.json()
            rows += page["data"]
            cursor = page["next_cursor"] or ""
            if not cursor:
                return rows


def same_without_snapshot(journal: Path) -> bool:
    """Whether a start from the snapshot gives what the whole log gives, once every closed order has left both."""
    reader = JournalReader(journal)
    try:
        short, whole = refold(reader, journal, KEEP_NS), Ledger()
        fold_on(reader, whole, GENESIS, KEEP_NS)
    finally:
        reader.close()
    for ledger in (short.ledger, whole):  # when each order left depends on when was looked: now all of them have
        settling = Settling(0)
        settling.begin(ledger)
        settling.let_go(ledger, ledger.ts_ns, ledger.seq, len(settling))
    return short.snapshot_seq > 0 and short.ledger == whole


async def campaign_of(
    tmp_path: Path, url: str, postgres: EmbeddedPostgres | None, n_kills: int, seed: int, *, may_repeat: bool = True
) -> Campaign:
    venues = Venues(tmp_path / "venues")
    environment = {"BESTEX_KEEP_CLOSED_S": str(KEEP_S)}
    gateway = Gateway(tmp_path / "home", venues, url, environment=environment)
    desk, repeater = OldBusiness(gateway, seed=seed), Repeater(gateway, venues)
    campaign = Campaign(gateway, desk, repeater, postgres, may_repeat)
    try:
        venues.start("--may-fail")
        await venues.set_faults(Faults(late_fill_ns=LATE_NS), LATE_AT)
        await repeater.open()
        await campaign.run(n_kills, random.Random(seed))
        missed = await campaign.settle()
        await repeater.close()
        gateway.stop()
        if postgres is not None:
            await a_broken_link_is_the_end(gateway)
    finally:
        gateway.close()
        venues.stop()
    log = read_log(gateway.home / "journal.db")
    summary = {
        "kills": n_kills,
        "acked": len(desk.acks),
        "fills": len(log.of("child_filled")),
        "late_fills": sum(event["is_late"] for _, event in log.of("child_filled")),
        "asked": dict(desk.asked),
        "told_to_wait": desk.n_away,
        "repeated": repeater.n_asked,
        "snapshots": campaign.n_snapshots,
        "snapshots_killed": campaign.n_snapshots_killed,
        "outages": campaign.n_outages,
        "ready_s_max": max(campaign.ready_s),
    }
    print(json.dumps(summary))
    assert missed == []
    assert desk.breaches == []
    assert check_all(log, read_venues(tmp_path / "venues"), desk.acks) == []
    assert summary["late_fills"], "fills must have come after their orders' end"
    assert desk.asked.keys() == set(KINDS)
    assert read_snapshot(snapshot_path(gateway.home / "journal.db")) is not None
    assert same_without_snapshot(gateway.home / "journal.db")
    reader = JournalReader(gateway.home / "journal.db")
    ledger = fold(reader.replay())
    reader.close()
    assert await database_state(url) == ledger_hash(ledger)
    return campaign


async def begin_snapshot(gateway: Gateway) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "app.workers.snapshot", str(gateway.home / "journal.db"), str(KEEP_NS)]
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=subprocess.DEVNULL)


async def a_broken_link_is_the_end(gateway: Gateway) -> None:
    """Before the snapshot, where a start folds nothing: no start gets past it, and one does where it is mended."""
    await (await begin_snapshot(gateway)).wait()
    journal = gateway.home / "journal.db"
    note_path(journal).unlink(missing_ok=True)  # a round under way may be past the record, and find it the next day
    row = holder_of(journal, 7)
    change_line(journal, 7, later)
    for _ in range(2):
        gateway.start()
        await asyncio.to_thread(gateway.reap)  # it ends by itself
    put(journal, row, row)
    gateway.start()
    await gateway.ready()
    async with httpx.AsyncClient(base_url=gateway.url, timeout=20) as client:
        for _ in range(1_500):  # it yields to whatever the machine does
            state = (await client.get("/readyz")).json()
            if state["verified_seq"] == state["durable_seq"]:
                break
            await asyncio.sleep(0.1)
    assert state["verified_seq"] == state["durable_seq"] > 7
    gateway.stop()


@pytest.mark.timeout(300)
async def test_orders_that_left_memory_outlive_kills(tmp_path: Path, database_url: str) -> None:
    campaign = await campaign_of(tmp_path, database_url, None, n_kills=4, seed=5)
    n_away, n_answered = campaign.desk.n_away, campaign.desk.asked.total()
    assert 20 * n_away <= n_answered, "with a database there, one waits at most while a start makes the rows of before"


@pytest.mark.soak
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize(("seed", "may_repeat"), [(31, True), (32, True), (33, False)])
async def test_orders_that_left_memory_outlive_many_kills_and_outages(
    tmp_path: Path, seed: int, may_repeat: bool
) -> None:
    postgres = EmbeddedPostgres(tmp_path / "pg")
    url = await asyncio.to_thread(postgres.start)
    try:
        await asyncio.to_thread(upgrade, url)
        campaign = await campaign_of(tmp_path, url, postgres, n_kills=40, seed=seed, may_repeat=may_repeat)
    finally:
        await asyncio.to_thread(postgres.stop)
    assert campaign.n_outages
