"""`python -m loadtests.run_locust`: desks and listeners against a real service, then the books are balanced.

Starts the embedded Postgres and `bestex up`, runs locust without its page, and fails unless the orders answered with
201, the orders in Postgres and the orders whose end each listener heard are the same set, with no gap in any stream.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from app.workers.postgres import EmbeddedPostgres
from loadtests import probe
from loadtests.running import Running, running_service

LOCUSTFILE = Path(__file__).parent / "locustfile.py"
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "load.md"
CATCH_UP_S = 20.0


@dataclass(slots=True)
class Outcome:
    """What was sent, stored and heard, and what locust counted."""

    seconds: int
    users: int
    sent: set[str]
    stored: set[str]
    heard: dict[str, set[str]]
    n_refused: int
    n_gaps: int
    requests: list[dict[str, Any]] = field(default_factory=list)
    probe_p50: float = 0.0

    def faults(self) -> list[str]:
        """Everything that does not balance, in words."""
        found = []
        if not self.sent:
            found.append("no order was placed")
        if self.sent != self.stored:
            missing, foreign = len(self.sent - self.stored), len(self.stored - self.sent)
            found.append(f"Postgres lacks {missing} sent orders and has {foreign} that nobody was told of")
        if not self.heard:
            found.append("no listener heard anything")
        for listener, ended in sorted(self.heard.items()):
            if ended != self.sent:
                found.append(f"listener {listener} heard {len(ended)} ends of {len(self.sent)} orders")
        if self.n_gaps:
            found.append(f"{self.n_gaps} gaps in streams")
        if self.n_refused:
            found.append(f"{self.n_refused} orders were refused")
        found += [f"{row['name']}: {row['num_failures']} failures" for row in self.requests if row["num_failures"]]
        return found


def notes(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The lines that the users of one run wrote."""
    lines = [line for path in folder.glob(f"{kind}-*.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def run_users(service: Running, folder: Path, users: int, seconds: int, rate: float) -> list[dict[str, Any]]:
    """Locust without its page; its own statistics, one dictionary a request name."""
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--host", service.url]
    command += ["-u", str(users), "-r", str(users), "-t", f"{seconds}s", "--stop-timeout", "30"]
    command += ["--json", "--only-summary", "--loglevel", "WARNING"]
    given = {"BESTEX_API_KEY": service.key, "BESTEX_LOAD_NOTES": str(folder), "BESTEX_LOAD_RATE": str(rate)}
    ran = subprocess.run(
        command,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=seconds + 120,
        check=False,
    )
    if not ran.stdout.strip():
        raise RuntimeError(f"locust said nothing:\n{ran.stderr[-4_000:]}")
    rows: list[dict[str, Any]] = json.loads(ran.stdout)
    return rows


async def stored_orders(url: str, wanted: int) -> set[str]:
    """The orders in Postgres that have ended, once as many are there as were sent (or time is up)."""
    connection = await asyncpg.connect(url)
    try:
        deadline = time.monotonic() + CATCH_UP_S
        while True:
            rows = await connection.fetch("select order_id from parent_orders where state = 'done'")
            if len(rows) >= wanted or time.monotonic() > deadline:
                return {row["order_id"] for row in rows}
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


def measure(users: int = 10, seconds: int = 20, rate: float = 4.0) -> Outcome:
    """One run, balanced."""
    with tempfile.TemporaryDirectory(prefix="bestex-load-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # as root, the database runs as somebody who must enter it
        notes_folder = folder / "notes"
        notes_folder.mkdir()
        database = EmbeddedPostgres(folder / "postgres")
        url = database.start()
        try:
            with running_service(folder / "home", {"BESTEX_DATABASE_URL": url}) as service:
                before = probe.look()
                requests = run_users(service, notes_folder, users, seconds, rate)
                sent = {line["order_id"] for line in notes(notes_folder, "sent")}
                stored = asyncio.run(stored_orders(url, len(sent)))
        finally:
            database.stop()
        heard: dict[str, set[str]] = defaultdict(set)
        for line in notes(notes_folder, "ended"):
            heard[line["listener"]].add(line["order_id"])
        return Outcome(
            seconds=seconds,
            users=users,
            sent=sent,
            stored=stored,
            heard=dict(heard),
            n_refused=len(notes(notes_folder, "refused")),
            n_gaps=len(notes(notes_folder, "gaps")),
            requests=requests,
            probe_p50=before.stretch_p50,
        )


def percentile_ms(row: Mapping[str, Any], fraction: float) -> float:
    """A quantile of locust's histogram (response time in ms -> count)."""
    counts = sorted((float(ms), n) for ms, n in row["response_times"].items())
    wanted, seen = fraction * sum(n for _, n in counts), 0
    for ms, n in counts:
        seen += n
        if seen >= wanted:
            return ms
    return 0.0


def markdown(outcome: Outcome) -> str:
    """The results file."""
    faults = outcome.faults()
    heard = ", ".join(str(len(ended)) for ended in outcome.heard.values())
    lines = [
        "# Load",
        "",
        f"Written by `python -m loadtests.run_locust --save`: {outcome.users} locust users for {outcome.seconds} s, "
        "four desks to one WebSocket listener, simulated venues, embedded Postgres, everything on one shared machine "
        f"(contention probe {outcome.probe_p50}; 1 is undisturbed). Latencies are closed-loop and only indicate; "
        "[bench.md](bench.md) has the open-loop ones.",
        "",
        f"**Orders sent {len(outcome.sent)} = orders in Postgres {len(outcome.stored)} = orders whose end each "
        f"listener heard ({heard}).** Gaps in streams: {outcome.n_gaps}. Refused: {outcome.n_refused}.",
        "",
        "| request | count | errors | p50 ms | p99 ms |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['method']} {row['name']} | {row['num_requests']} | {row['num_failures']} "
        f"| {percentile_ms(row, 0.5):.0f} | {percentile_ms(row, 0.99):.0f} |"
        for row in outcome.requests
        if row["method"] != "WS"
    ]
    streamed = sum(row["num_requests"] for row in outcome.requests if row["method"] == "WS")
    lines += ["", f"Stream messages received: {streamed}."]
    lines += ["", "Everything balances." if not faults else "**Does not balance:** " + "; ".join(faults) + "."]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=float, default=4.0, help="tasks per second and desk")
    parser.add_argument("--save", action="store_true", help="write docs/results/load.md")
    given = parser.parse_args()
    outcome = measure(given.users, given.seconds, given.rate)
    text = markdown(outcome)
    print(text)
    if given.save:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(text)
    return 1 if outcome.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
