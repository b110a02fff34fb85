"""Streams of the real service under load: orders by the clock, many listeners, some of them cut again and again.

`bestex up` runs as its own process. Orders leave at a fixed rate; steady listeners follow the chain of `orders`; cut
ones are reset at random frames and resume. Afterwards every received sequence is compared with the journal, and the
orders' own latency and the server's CPU are shown without and with listeners.

    python -m loadtests.stream_campaign [--rate 60] [--seconds 10] [--listeners 50] [--cut 5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
import websockets

from app.api.ws import wire
from app.api.ws.messages import Channel
from app.cli.cpu import cpu_s
from app.services.streams import StreamItem, Streams
from app.store.journal import JournalReader
from loadtests import probe
from loadtests.load import open_loop
from loadtests.running import Running, running_service
from tests.api.ws.test_campaign import Listener
from tests.services.fact_stories import FakeEngine, LogReader

ACCOUNT = "demo"


@dataclass
class Cut:
    """A listener of `executions` that is reset at random frames and resumes from its own last seq."""

    service: Running
    dice: random.Random
    last_seq: int
    seqs: list[int] = field(default_factory=list)
    n_cuts: int = 0
    n_gaps: int = 0

    async def listen(self, until: asyncio.Event) -> None:
        url = f"ws://{self.service.host}:{self.service.port}/v1/ws"
        while not until.is_set():
            connection = await websockets.connect(url, compression=None, max_queue=None, close_timeout=1)
            await connection.send(json.dumps({"op": "auth", "token": self.service.key}))
            await connection.send(json.dumps({"op": "subscribe", "channel": "executions", "after_seq": self.last_seq}))
            for _ in range(self.dice.randrange(2, 12)):
                self._take(json.loads(await connection.recv()))
                if until.is_set():
                    break
            await self._cut(connection)

    async def finish(self, last_seq: int) -> None:
        """Resumes once more and reads to the head."""
        url = f"ws://{self.service.host}:{self.service.port}/v1/ws"
        async with websockets.connect(url, compression=None, max_queue=None, close_timeout=1) as connection:
            await connection.send(json.dumps({"op": "auth", "token": self.service.key}))
            await connection.send(json.dumps({"op": "subscribe", "channel": "executions", "after_seq": self.last_seq}))
            while True:
                message = json.loads(await connection.recv())
                self._take(message)
                is_beat = message.get("channel") == "heartbeat"
                if is_beat and message["last_seq"] >= last_seq and not message["replaying"]:
                    return

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("channel") == "executions":
            self.n_gaps += message["prev_seq"] != self.last_seq
            self.last_seq = message["seq"]
            self.seqs.append(self.last_seq)

    async def _cut(self, connection: websockets.ClientConnection) -> None:
        self.n_cuts += 1
        raw = connection.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.transport.abort()
        await connection.wait_closed()


async def listen(port: int, key: str, n_listeners: int) -> None:
    """The steady listeners' process: says when all listen; tells what each heard once its input ends."""
    loop = asyncio.get_running_loop()
    listeners: list[Listener] = []
    for _ in range(n_listeners):
        _, listener = await loop.create_connection(lambda: Listener(key), "127.0.0.1", port)
        await listener.subscribed
        listeners.append(listener)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps([(listener.begin_seq, listener.seqs) for listener in listeners]), flush=True)


@dataclass
class Steady:
    """Steady listeners in a process of their own, so that they do not slow the one that sends orders."""

    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, service: Running, n_listeners: int) -> Steady:
        command = [sys.executable, "-m", "loadtests.stream_campaign", "--listen", str(service.port), service.key]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, "--listeners", str(n_listeners), stdin=pipe, stdout=pipe, limit=2**28
        )
        assert process.stdout is not None
        assert (await process.stdout.readline()).strip() == b"ready"
        return cls(process)

    async def heard(self) -> list[tuple[int, list[int]]]:
        """(where it began, what it heard) of each."""
        out, _ = await self.process.communicate(b"")
        rows: list[tuple[int, list[int]]] = json.loads(out)
        return rows


async def last_seq_of(service: Running) -> int:
    """The account's newest number, by a stream's own answer."""
    url = f"ws://{service.host}:{service.port}/v1/ws"
    async with websockets.connect(url, compression=None) as connection:
        await connection.send(json.dumps({"op": "auth", "token": service.key}))
        return int(json.loads(await connection.recv())["last_seq"])


async def load(service: Running, rate_per_s: int, seconds: float) -> dict[str, Any]:
    """Orders at a fixed rate: their latency, and the server's CPU meanwhile."""
    before_s = cpu_s(service.pid)
    result = await asyncio.to_thread(open_loop, service.host, service.port, service.key, rate_per_s, seconds)
    row = result.row()
    return {name: row[name] for name in ("n_orders", "n_errors", "p50_ms", "p99_ms", "generator_late_ms_p99")} | {
        "server_cpu_share": round((cpu_s(service.pid) - before_s) / seconds, 2)
    }


async def campaign(service: Running, options: argparse.Namespace) -> dict[str, Any]:
    """Everything but the comparison with the journal, which needs the service's end."""
    alone = await load(service, options.rate, options.seconds)
    steady = await Steady.start(service, options.listeners)
    beside = await load(service, options.rate, options.seconds)
    cuts = [Cut(service, random.Random(i), await last_seq_of(service)) for i in range(options.cut)]
    cut_begin = [cut.last_seq for cut in cuts]
    until = asyncio.Event()
    cutting = [asyncio.create_task(cut.listen(until)) for cut in cuts]
    with_cuts = await load(service, options.rate, options.seconds)
    until.set()
    await asyncio.gather(*cutting)
    await asyncio.sleep(1.5)
    last_seq = await last_seq_of(service)
    await asyncio.gather(*(cut.finish(last_seq) for cut in cuts))
    await asyncio.sleep(0.5)
    return {
        "phases": {"alone": alone, "with listeners": beside, "with listeners and cuts": with_cuts},
        "last_seq": last_seq,
        "steady": await steady.heard(),
        "cut": [(begin, cut.seqs, cut.n_cuts, cut.n_gaps) for begin, cut in zip(cut_begin, cuts, strict=True)],
    }


def journal(home: Path) -> list[StreamItem]:
    """What the log holds of the account, folded."""
    reader = JournalReader(home / "journal.db")
    try:
        facts = list(reader.replay())
    finally:
        reader.close()
    engine = FakeEngine()
    streams = Streams(engine, LogReader([]), ring_facts=10**9)
    items: list[StreamItem] = []
    streams.listen(items.extend, lambda fact: None)
    streams.begin_live(ACCOUNT)
    engine.commit(facts)
    streams.close()
    return [item for item in items if item.fact.account == ACCOUNT]


def compare(outcome: dict[str, Any], items: list[StreamItem]) -> dict[str, Any]:
    """Received against written: missing and doubled messages, per kind of listener."""
    told = {
        channel: [i.seq for i in items if i.seq <= outcome["last_seq"] and channel in wire.channels_of(i)]
        for channel in (Channel.ORDERS, Channel.EXECUTIONS)
    }
    differences = []
    for begin, seqs in outcome["steady"]:
        expected = [seq for seq in told[Channel.ORDERS] if seq > begin]
        if seqs != expected:
            missing, extra = sorted(set(expected) - set(seqs)), sorted(set(seqs) - set(expected))
            differences.append({"begin": begin, "missing": missing[:20], "extra": extra[:20]})
    cut_wrong = n_cuts = n_gaps = 0
    for begin, seqs, cuts, gaps in outcome["cut"]:
        cut_wrong += seqs != [seq for seq in told[Channel.EXECUTIONS] if seq > begin]
        n_cuts += cuts
        n_gaps += gaps
    return {
        "steady_listeners": len(outcome["steady"]),
        "messages_each": max(len(seqs) for _, seqs in outcome["steady"]),
        "steady_that_differ_from_the_journal": len(differences),
        "differences": differences[:5],
        "cuts": n_cuts,
        "gaps": n_gaps,
        "cut_listeners_that_differ_from_the_journal": cut_wrong,
    }


def main() -> int:
    """Prints the outcome as JSON; 1 if any listener's story differs from the journal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--listeners", type=int, default=50)
    parser.add_argument("--cut", type=int, default=5)
    parser.add_argument("--listen", nargs=2, metavar=("PORT", "KEY"))
    options = parser.parse_args()
    if options.listen:
        uvloop.run(listen(int(options.listen[0]), options.listen[1], options.listeners))
        return 0
    seen = probe.look()
    with tempfile.TemporaryDirectory(prefix="bestex-streams-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        with running_service(home, {"BESTEX_STREAMS_PER_KEY": "4096"}) as service:
            began_s = time.monotonic()
            outcome = uvloop.run(campaign(service, options))
            elapsed_s = time.monotonic() - began_s
        found = compare(outcome, journal(home))
    report = {"probe_p50": seen.stretch_p50, "probe_p99": seen.stretch_p99, "seconds": round(elapsed_s, 1)}
    print(json.dumps(report | {"phases": outcome["phases"]} | found, indent=1))
    is_whole = not (
        found["steady_that_differ_from_the_journal"]
        or found["cut_listeners_that_differ_from_the_journal"]
        or found["gaps"]
    )
    return 0 if is_whole else 1


if __name__ == "__main__":
    raise SystemExit(main())
