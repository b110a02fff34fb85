"""What closed orders cost a service that runs for months: `python -m loadtests.memory FOLDER [N_ORDERS]`.

Writes a log of N_ORDERS filled orders, ten a second, then measures in a process each: the fold of the whole log with
everything kept, as starts were before; the same fold with what has closed let go after 15 minutes, or one second; the
writing of a snapshot, and the start from it. Of each the CPU, the memory, and a sweep of all objects
(services/garbage.py). Orders are copies of one that the core made, with names of their own: what is measured is size.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from app.domain.events import Fact
from app.domain.ids import ulid
from app.store.chain import GENESIS
from app.store.codec import encode
from app.store.encoder import Records
from app.store.journal import JournalReader, store_turn
from app.store.journal_schema import open_writer
from app.store.places import Places
from app.store.turns import make_turn

KEEP_NS: Final = 900_000_000_000
SHORT_NS: Final = 1_000_000_000
MAX_KEPT_ORDERS: Final = 400_000  # of which everything is kept once, at some 12 KB each
EVERY_NS: Final = 100_000_000
SPARSE_NS: Final = 1_000_000_000  # so that the window is a small part of a log that is quickly made
ROWS: Final = 1_000
_ULID: Final = re.compile(rb"[0-9A-HJKMNP-TV-Z]{26}")
_MANNERS: Final = ("kept", "left", "left_1s", "snapshot", "from_snapshot")


def pattern() -> tuple[list[Fact], list[Fact]]:
    """What a desk's log begins with, and the facts of one filled order."""
    from tests.worlds import make_desk, make_order

    desk = make_desk()
    n_before = len(desk.facts)
    _, children = desk.accepted(make_order(qty_units=1_000, client_order_id="CLIENT-ID"))
    for child in children:
        desk.fill(child, trade_id="TRADE-ID")
    return desk.facts[:n_before], desk.facts[n_before:]


def rows(n_orders: int, every_ns: int = EVERY_NS) -> Iterator[tuple[object, ...]]:
    """The log's rows, in order, without the chain's hash."""
    before, order = pattern()
    for fact in before:
        event = fact.event
        yield fact.seq, event.account, fact.account_seq, fact.ts_ns, event.KIND, event.V, encode(event)
    bodies = [encode(fact.event) for fact in order]
    names = sorted({name for body in bodies for name in _ULID.findall(body)})
    parts = [re.split(b"(" + b"|".join([*names, b"CLIENT-ID", b"TRADE-ID"]) + b")", body) for body in bodies]
    seq, ts_ns = before[-1].seq, before[-1].ts_ns
    account_seq = max(fact.account_seq for fact in before)
    for n in range(n_orders):
        ts_ns += every_ns
        own = {name: ulid(ts_ns, n << 20 | i).encode() for i, name in enumerate(names)}
        own |= {b"CLIENT-ID": b"c%d" % n, b"TRADE-ID": b"t%d" % n}
        for fact, split in zip(order, parts, strict=True):
            seq += 1
            account_seq += bool(fact.account)
            body = b"".join([own.get(part, part) for part in split])
            number = account_seq if fact.account else 0
            yield seq, fact.account, number, ts_ns, fact.event.KIND, fact.event.V, body


def generate(path: Path, n_orders: int, every_ns: int = EVERY_NS) -> None:
    """Writes the log, chained as the journal chains."""
    connection = open_writer(path)
    connection.execute("pragma synchronous=off")
    places, chain_hash = Places(connection), GENESIS
    each = rows(n_orders, every_ns)
    while group := list(islice(each, ROWS)):
        turn = make_turn(chain_hash, Records.of_rows(group), [])
        store_turn(connection, turn, places.note(turn))
        chain_hash = turn.chain_hash
    connection.execute("pragma wal_checkpoint(truncate)").fetchone()
    connection.close()


def measure(path: Path, manner: str) -> dict[str, object]:
    """One manner of beginning, in this process: nothing but it is in its memory."""
    from app.services.garbage import sweep
    from app.services.recover import recover
    from app.store.refold import refold, write_on
    from app.store.snapshot import snapshot_path

    reader = JournalReader(path)
    base_mb, began_s = _rss_mb(), time.process_time()
    if manner == "kept":
        ledger = recover(reader.replay())
    elif manner == "snapshot":
        ledger = write_on(reader, path, KEEP_NS).ledger
    else:
        ledger = refold(reader, path, SHORT_NS if manner == "left_1s" else KEEP_NS).ledger
    took_s = time.process_time() - began_s
    now_mb = _rss_mb()
    began_s = time.process_time()
    sweep()
    swept_s = time.process_time() - began_s
    snapshot = snapshot_path(path)
    return {
        "manner": manner,
        "facts": ledger.seq,
        "orders_in_memory": len(ledger.parents),
        "cpu_s": round(took_s, 2),
        "rss_mb": round(now_mb - base_mb, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024 - base_mb, 1),
        "sweep_cpu_s": round(swept_s, 3),
        "marks": len(ledger.closed) if ledger.closed is not None else 0,
        "marks_mb": round(ledger.closed.n_bytes / 2**20, 1) if ledger.closed is not None else 0,
        "snapshot_mb": round(snapshot.stat().st_size / 2**20, 1) if snapshot.exists() else 0,
    }


def _rss_mb() -> float:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def part(*, is_quick: bool = False) -> list[dict[str, object]]:
    """A row a manner, and what it is of the fold that keeps everything."""
    n_orders = 6_000 if is_quick else 20_000
    with tempfile.TemporaryDirectory(prefix="bestex-memory-") as folder:
        generate(Path(folder) / "journal.db", n_orders, SPARSE_NS)
        found = [_apart(Path(folder), n_orders, manner) for manner in _MANNERS]
    kept = found[0]
    for row in found:
        for name in ("cpu_s", "rss_mb", "sweep_cpu_s"):
            row[f"{name.partition('_')[0]}_over_kept"] = round(row[name] / kept[name], 3)
    return found


def _apart(folder: Path, n_orders: int, manner: str) -> dict[str, Any]:
    """Measured in a process of its own."""
    command = [sys.executable, "-m", "loadtests.memory", str(folder), str(n_orders), manner]
    row: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return row


def main() -> None:
    folder, n_orders = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    if len(sys.argv) > 3:
        print(json.dumps(measure(folder / "journal.db", sys.argv[3])), flush=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "journal.db"
    if not path.exists():
        began_s = time.process_time()
        generate(path, n_orders)
        size_mb = round(path.stat().st_size / 2**20)
        print(json.dumps({"orders": n_orders, "log_mb": size_mb, "cpu_s": round(time.process_time() - began_s, 1)}))
    for manner in _MANNERS if n_orders <= MAX_KEPT_ORDERS else _MANNERS[1:]:
        print(json.dumps(_apart(folder, n_orders, manner)), flush=True)


if __name__ == "__main__":
    main()
