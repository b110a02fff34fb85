"""`make bench`: kernels, whole decision, HTTP: one table, one JSON, budgets that are ratios.

Every figure is CPU time of the process that does the work, except the latencies at fixed rates, which are wall time and
stand beside a contention probe. Fails where a ratio leaves its budget (budgets.toml).
"""

from __future__ import annotations

import json
import os
import platform
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from loadtests import decision, http, kernels, probe

BUDGETS = Path(__file__).parent / "budgets.toml"
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "bench.md"


def run(*, is_quick: bool = False) -> dict[str, Any]:
    """Every measurement, in about a minute; quick halves the time at each rate."""
    before = probe.look()
    measured: dict[str, Any] = {
        "machine": machine(),
        "kernels": kernels.measure(),
        "decision": decision.measure(),
        "http": http.measure(seconds=2.5 if is_quick else 5.0),
        "probe": {"before": asdict(before), "after": asdict(probe.look())},
    }
    measured["broken_budgets"] = list(broken(measured, tomllib.loads(BUDGETS.read_text())))
    return measured


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


def broken(measured: Mapping[str, Any], budgets: Mapping[str, Any]) -> Iterator[str]:
    """Each ratio that is outside its budget, in words."""
    for row in measured["kernels"]:
        shape = row["shape"]
        if row.get("numba_over_c", 0.0) > budgets["kernels"]["numba_over_c_max"]:
            yield f"kernels {shape}: {row['numba_over_c']} x C, budget {budgets['kernels']['numba_over_c_max']}"
        if row["heapq_over_numba"] < budgets["kernels"]["heapq_over_numba_min"]:
            least = budgets["kernels"]["heapq_over_numba_min"]
            yield f"kernels {shape}: heapq only {row['heapq_over_numba']} x slower, budget {least}"
    for row in measured["decision"]:
        most = budgets["decision"]["over_heapq_split_max"][row["shape"]]
        if row["over_heapq_split"] > most:
            yield f"decision {row['shape']}: {row['over_heapq_split']} x the heapq split, budget {most}"
    ratio, most = measured["http"]["cpu"]["order_over_idiomatic"], budgets["http"]["order_over_idiomatic_max"]
    if ratio > most:
        yield f"http: an order costs {ratio} x an idle idiomatic service, budget {most}"


def tables(measured: Mapping[str, Any]) -> list[tuple[str, str, Sequence[Mapping[str, Any]]]]:
    """(title, what the columns mean, rows) of each part."""
    probes = [{"when": when, **values} for when, values in measured["probe"].items()]
    return [
        (
            "Kernels",
            "CPU ns of one decision's kernels: all-in unit costs laid flat, then merged to a quarter of the depth. "
            "The same split by heapq, and by C (cc -O3 -march=native).",
            measured["kernels"],
        ),
        (
            "Whole decision",
            "CPU us: books read, problem, solver, three rivals, whole lots, certificate, receipt. "
            "The heapq split beside it only splits.",
            measured["decision"],
        ),
        (
            "HTTP",
            "CPU us of the server per order: parse, risk, route, journal, answer, simulated venues, fills, streams, "
            "projection. A small market order (8 connections, as fast as they go), a FastAPI service that only parses "
            "the same body and answers, and a large order (1 BTC, split, several waves, 5 a second).",
            [measured["http"]["cpu"]],
        ),
        (
            "Latency at fixed rates",
            "Open loop, wall ms from the instant an order was due to its durable answer; not gated.",
            measured["http"]["rates"],
        ),
        ("Contention probe", "A fixed loop's wall time over its best: 1 means that the machine was ours.", probes),
        (
            "Goals",
            "What the design aims at beside what this run reached; neighbours share caches and cores.",
            goals(measured, tomllib.loads(BUDGETS.read_text())["goals"]),
        ),
    ]


def goals(measured: Mapping[str, Any], aimed: Mapping[str, float]) -> list[dict[str, Any]]:
    """Each goal of the design beside what this run reached."""
    whole = next(row for row in measured["decision"] if row["shape"] == "32x20")
    reached = {
        "numba_over_c": max((row.get("numba_over_c", 0.0) for row in measured["kernels"]), default=0.0),
        "decision_32x20_cpu_us": whole["cpu_us"],
        "decision_32x20_wall_us_p99": whole["wall_us_p99"],
        "order_cpu_us": measured["http"]["cpu"]["order_us"],
    }
    return [
        {"goal": name, "aim": aim, "reached": reached[name], "is_met": "yes" if reached[name] <= aim else "no"}
        for name, aim in aimed.items()
    ]


def markdown(measured: Mapping[str, Any], command: str = "make bench") -> str:
    """The results file: every figure, its meaning, the machine, the command."""
    about = measured["machine"]
    lines = [
        "# Benchmarks",
        "",
        f"Written by `{command}`. {about['cpu']}, {about['cores']} cores, Python {about['python']}. Shared and noisy:",
        "CPU time and ratios of interleaved runs are the basis; wall times only with the probe at the end.",
        "",
    ]
    for title, meaning, rows in tables(measured):
        names = list(rows[0])
        lines += [f"## {title}", "", meaning, "", f"| {' | '.join(name.replace('_', ' ') for name in names)} |"]
        lines += ["|" + " ---: |" * len(names)]
        lines += [f"| {' | '.join(str(row.get(name, '')) for name in names)} |" for row in rows]
        lines.append("")
    budgets = measured["broken_budgets"]
    lines.append("All ratio budgets hold." if not budgets else "Broken budgets: " + "; ".join(budgets) + ".")
    return "\n".join(lines) + "\n"


def save(measured: Mapping[str, Any]) -> Path:
    """Writes the results file."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(markdown(measured))
    return RESULTS


def as_json(measured: Mapping[str, Any]) -> str:
    return json.dumps(measured, indent=2)
