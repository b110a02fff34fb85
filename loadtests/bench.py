"""`make bench`: every part in one table, one JSON, and budgets that are ratios.

A part is a module of this folder with a function that gives rows. Every figure is CPU time of the process that does the
work, except latencies, which are wall time and stand beside a contention probe. Fails where a ratio leaves its budget
(budgets.toml); goals are shown beside what was reached and fail nothing.
"""

from __future__ import annotations

import json
import os
import platform
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from loadtests import probe

BUDGETS = Path(__file__).parent / "budgets.toml"
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "bench.md"
Row = Mapping[str, Any]
Measured = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """One table. `measure` names `module:function` of this folder; it takes `is_quick` and gives rows."""

    name: str
    title: str
    meaning: str
    measure: str

    def rows(self, *, is_quick: bool) -> list[Row]:
        module, _, function = self.measure.partition(":")
        found: list[Row] = getattr(import_module(f"loadtests.{module}"), function)(is_quick=is_quick)
        return found


PARTS = (
    Part(
        "kernels",
        "Kernels",
        "CPU ns of one decision's kernels: all-in unit costs laid flat, then merged to a quarter of the depth. The "
        "same split by heapq, and by C (cc -O3 -march=native).",
        "kernels:measure",
    ),
    Part(
        "decision",
        "Whole decision",
        "CPU us, then wall us. Decision: books read under their locks, costs, solver, whole lots, every law of every "
        "child, bound. Plan: the same with three rivals, reasons, cost split, certificate and receipt. The heapq split "
        "beside them only splits.",
        "decision:measure",
    ),
    Part(
        "impact",
        "Impact and slippage",
        "CPU us a call from Python: the square-root law of n quantities, a power-law propagator over a schedule, and a "
        "whole slippage prediction (book features, quantiles, named result) beside the same in NumPy.",
        "impact:measure",
    ),
    Part(
        "simulated",
        "Simulated markets",
        "Simulated seconds a CPU second of one core, by family: the committed world of six venues, the same with all "
        "six as books, and with us in it (20 orders a second, a cancel each, all reports, books and trades read).",
        "simulated:measure",
    ),
    Part(
        "paths",
        "Cycles",
        "CPU us of a search for a cycle of conversions that gains, half of the graphs with one: the best of up to six "
        "hops, our arrays built from rows, beside networkx's first found, its graph already built.",
        "paths:measure",
    ),
    Part(
        "exact",
        "Exact split",
        "CPU of a whole solve from Python, fixed costs, minimums and mixed lots, beside scipy's HiGHS on the same "
        "problem; excess over it and gap to the own bound in bps.",
        "exact:measure",
    ),
    Part(
        "pools",
        "Pools",
        "CPU us a solve of one swap split over constant-product pools, by the split at one marginal rate, by dual "
        "decomposition, by Clarabel called directly and through cvxpy (its building of the problem included).",
        "pools:measure",
    ),
    Part(
        "feed",
        "Book event to child bytes",
        "Wall ms on a recorded feed at ten times its speed, real sockets and journal: from a book event that reaches a "
        "waiting order's limit until the kernel has its first child's bytes, by its own stamp, and until our write of "
        "them came back; and from the first to the last child of one spray. Append: a wave's facts until they are "
        "durable, or queued where that is not prompt; bare sync: as many bytes written and synced by nothing else on "
        "the same disk, below which no child leaves.",
        "feed:measure",
    ),
    Part(
        "feeds",
        "Depth updates from the socket's bytes to the board",
        "CPU us of the reading process for an update of the recorded BTC depth, one a millisecond over a real socket: "
        "our path beside ccxt.pro's, in turns. Flooded: as fast as it reads, whence level rows a second of one core. "
        "Then the burst over 40 books, an engine deciding on them: the oldest book that a plan used, wall ms.",
        "feeds:measure",
    ),
    Part(
        "rings",
        "Round trips to another process",
        "Wall us of single trips (p10: as far as neighbours let it, p50: as it was), and this process's CPU us. Ratios "
        "are of each round's own p10. `compiled`: no Python between push and pop.",
        "rings:round_trips",
    ),
    Part(
        "workers",
        "Searches sent away",
        "CPU us of a decision made here, CPU us of the engine for sending it to a route worker, taking the answer back "
        "and proving it, wall us until that is done.",
        "rings:worker_trips",
    ),
    Part(
        "signing",
        "Signatures",
        "CPU us of a placement that the signer process signs: what asker and signer spend in all, beside ccxt's own "
        "`sign` in one process; two of the parts; wall us until the answer.",
        "signing:measure",
    ),
    Part(
        "door",
        "The hot door",
        "CPU us an order in process: parse, auth, risk, route, journal, answer, by orders in flight; venues answer "
        "later, what follows is apart. Under the same driver: an idiomatic route that only parses and answers, and a "
        "whole one, which also proves who asks, checks, splits over the same books and stores, synced, an order each.",
        "door:rows",
    ),
    Part(
        "commit",
        "Group commits",
        "CPU us an order of the thread that commits a group of orders' first turns, alone on its machine: our row a "
        "group; a row a fact with three indexes, as before, in the cheaper of its two ways; and the same bytes written "
        "and synced with no log around them.",
        "commit:rows",
    ),
    Part(
        "http",
        "HTTP",
        "CPU us of the service per order, its projector included: parse, risk, route, journal, answer, simulated "
        "venues, fills, streams, rows. A small market order (8 connections, as fast as they go): all but the database, "
        "the gateway's process alone, Postgres alone. A FastAPI service that only parses the same body and answers, "
        "and a large order (1 BTC, split, several waves, 5 a second).",
        "http:measure_cpu",
    ),
    Part(
        "streams",
        "WebSocket fan-out",
        "CPU us of the server per delivered message and messages a second, by number of readers; naive encodes every "
        "message for every reader.",
        "streams:bench_rows",
    ),
    Part(
        "memory",
        "Closed orders",
        "A log of filled orders, one a second, folded in a process of its own: everything kept, as starts were; what "
        "has closed let go after 15 minutes or a second; a snapshot written, and a start from it. CPU s, MiB of the "
        "ledger, CPU s of a sweep of all objects, and each over the fold that keeps everything.",
        "memory:part",
    ),
    Part(
        "rates",
        "Latency at fixed rates",
        "Open loop, wall ms from the instant an order was due to its durable answer; not gated. Bare sync: the "
        "longest of those written beside it on the same disk, by nothing of the service; the probe ran before it. The "
        "last row is all orders at that rate, its probe the median of the runs' medians and the worst of their p99s.",
        "http:measure_rates",
    ),
    Part(
        "lasting",
        "A rate that lasts",
        "Orders at one rate for over a minute: CPU us an order of the gateway, of what stands beside it (the projector)"
        " and of Postgres, at the beginning and once every new order has an old one beside it whose minute of markouts "
        "is over.",
        "http:measure_lasting",
    ),
)


def run(*, is_quick: bool = False, only: Sequence[str] = ()) -> Measured:
    """Every part (or those named), a contention probe before and after; quick takes fewer samples."""
    before = probe.look()
    parts = {part.name: part.rows(is_quick=is_quick) for part in PARTS if not only or part.name in only}
    probes = [{"when": "before", **asdict(before)}, {"when": "after", **asdict(probe.look())}]
    command = 'make bench ARGS="--quick --save"' if is_quick else "make bench ARGS=--save"
    measured: Measured = {"command": command, "machine": machine(), "parts": parts, "probe": probes}
    limits = tomllib.loads(BUDGETS.read_text())
    return measured | {"broken_budgets": list(broken(parts, limits["budget"])), "goals": goals(parts, limits["goal"])}


def machine() -> dict[str, object]:
    """What the figures belong to: no name, no path."""
    model = "unknown"
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def values(parts: Mapping[str, Sequence[Row]], limit: Row) -> list[tuple[str, float]]:
    """(row in words, value) of each measured row that a budget or goal speaks of."""
    where = limit.get("where", {})
    found = []
    for row in parts.get(limit["part"], ()):
        is_meant = all(str(row.get(name)) == str(value) for name, value in where.items())
        if is_meant and limit["column"] in row:
            label = " ".join(str(row[name]) for name in list(row)[:1])
            found.append((f"{limit['part']} {label}", float(row[limit["column"]])))
    return found


def broken(parts: Mapping[str, Sequence[Row]], budgets: Sequence[Row]) -> Iterator[str]:
    """Each ratio outside its budget, and each budget that nothing was measured for, in words."""
    for budget in budgets:
        if budget["part"] not in parts:
            continue
        found = values(parts, budget)
        if not found and not budget.get("is_optional", False):
            yield f"{budget['part']} {budget['column']}: not measured"
        for label, value in found:
            if "max" in budget and not value <= budget["max"]:
                yield f"{label}: {budget['column']} {value}, budget at most {budget['max']}"
            if "min" in budget and not value >= budget["min"]:
                yield f"{label}: {budget['column']} {value}, budget at least {budget['min']}"


def goals(parts: Mapping[str, Sequence[Row]], aimed: Sequence[Row]) -> list[dict[str, Any]]:
    """Each goal of the design beside what this run reached."""
    found = []
    for goal in aimed:
        for label, value in values(parts, goal):
            bound, is_met = ("max", value <= goal["max"]) if "max" in goal else ("min", value >= goal["min"])
            found.append(
                {
                    "goal": f"{label}: {goal['column']}",
                    "aim": f"{'at most' if bound == 'max' else 'at least'} {goal[bound]}",
                    "reached": value,
                    "is_met": "yes" if is_met else "no",
                }
            )
    return found


def tables(measured: Measured) -> list[tuple[str, str, Sequence[Row]]]:
    """(title, what the columns mean, rows) of each part."""
    found = [(p.title, p.meaning, measured["parts"][p.name]) for p in PARTS if measured["parts"].get(p.name)]
    found.append(
        (
            "Contention probe",
            "A fixed loop's wall time over its best: 1 means that the core was ours. Far ns: a step of a random walk "
            "through 8 MiB, the more the less neighbours have left us of the cache that cores share.",
            measured["probe"],
        )
    )
    if measured["goals"]:
        meaning = "What the design aims at beside what this run reached; neighbours share caches and cores."
        found.append(("Goals", meaning, measured["goals"]))
    return found


def columns(rows: Sequence[Row]) -> list[str]:
    """Every column of the rows, in the order they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row))


def markdown(measured: Measured) -> str:
    """The results file: every figure, its meaning, the machine, the command."""
    about = measured["machine"]
    lines = [
        "# Benchmarks",
        "",
        f"Written by `{measured['command']}`. {about['cpu']}, {about['cores']} cores, Python {about['python']}.",
        "Shared and noisy: CPU time and ratios of interleaved runs are the basis; wall times only with the probe.",
        "",
    ]
    for title, meaning, rows in tables(measured):
        names = columns(rows)
        lines += [f"## {title}", "", meaning, "", f"| {' | '.join(name.replace('_', ' ') for name in names)} |"]
        lines += ["|" + " ---: |" * len(names)]
        lines += [f"| {' | '.join(str(row.get(name, '')) for name in names)} |" for row in rows]
        lines.append("")
    budgets = measured["broken_budgets"]
    lines.append("All ratio budgets hold." if not budgets else "Broken budgets: " + "; ".join(budgets) + ".")
    return "\n".join(lines) + "\n"


def save(measured: Measured) -> Path:
    """Writes the results file."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(markdown(measured))
    return RESULTS


def as_json(measured: Measured) -> str:
    return json.dumps(measured, indent=2)
