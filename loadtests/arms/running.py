"""All worlds of a campaign, in as many processes as asked; what is finished can be kept and read back."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from loadtests.arms.beliefs import Beliefs, learn
from loadtests.arms.campaign import BASE, SCHEDULE, TAKER, Excluded, Part, Row, run_world
from loadtests.arms.protocol import Protocol, load_protocol
from loadtests.arms.report import TIERED, Campaign

Done = tuple[list[Row | Excluded], float]
Task = tuple[str, int]  # family, how manieth world


def parts_of(family: str, i: int, n_worlds: int, protocol: Protocol) -> list[Part]:
    """What is run in the i-th world: every arm in all, single terms and other fee tiers in some, evenly spread."""
    worlds = protocol.worlds
    stride = max(1, n_worlds // worlds["n_terms"])
    has_terms = i % stride == 0 and i // stride < worlds["n_terms"]
    found = [Part(kind, with_terms=has_terms) for kind in (TAKER, SCHEDULE)]
    stride = max(1, n_worlds // worlds["n_tiers"])
    if i % stride == 0 and i // stride < worlds["n_tiers"]:
        tiers = [tier for tier in protocol.tiers if tier != BASE]
        found += [Part(kind, tier, with_terms=False, only=TIERED) for tier in tiers for kind in (TAKER, SCHEDULE)]
    return found


def planned(protocol: Protocol, families: Sequence[str], per_family: Mapping[str, int]) -> list[Task]:
    """All worlds, in an order of which any beginning has about the same part of every family."""
    tasks = [(family, i) for family in families for i in range(per_family[family])]
    return sorted(tasks, key=lambda task: ((task[1] + 0.5) / per_family[task[0]], families.index(task[0])))


def work(keep: Path | None, beliefs: Mapping[str, Beliefs], per_family: Mapping[str, int], task: Task) -> Done:
    """One world, in any process: its rows and its CPU seconds."""
    protocol, (family, i) = load_protocol(), task
    parts, seed = parts_of(family, i, per_family[family], protocol), protocol.worlds["first_seed"] + i
    name = f"{family}-{seed}-{len(parts)}{int(parts[0].with_terms)}-{protocol.sha256[:12]}.json"
    kept = keep / name if keep is not None else None
    if kept is not None and kept.exists():
        told = json.loads(kept.read_text())
        return [Row(**one) if "arm" in one else Excluded(**one) for one in told["rows"]], float(told["cpu_s"])
    started_s = time.process_time()
    found = [one for part in parts for one in run_world(family, seed, protocol, beliefs[family], part)]
    cpu_s = time.process_time() - started_s
    if kept is not None:
        kept.write_text(json.dumps({"rows": [asdict(one) for one in found], "cpu_s": cpu_s}))
    return found, cpu_s


def run(
    protocol: Protocol,
    per_family: Mapping[str, int],
    processes: int = 1,
    keep: Path | None = None,
    stop_after_s: float = float("inf"),
) -> Campaign:
    """Worlds first_seed, first_seed + 1, ... of each family; how many processes changes no figure.

    No world is begun `stop_after_s` after the start: the page then says how many of how many there are.
    """
    families, began_s = list(per_family), time.monotonic()
    tasks, done = planned(protocol, families, per_family), dict[Task, Done]()
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        learned = pool.map(partial(learn, protocol=protocol), families)
        beliefs = dict(zip(families, learned, strict=True))
        for first in range(0, len(tasks), 2 * processes):
            some = tasks[first : first + 2 * processes]
            if time.monotonic() - began_s > stop_after_s:
                break
            found = pool.map(partial(work, keep, beliefs, per_family), some)
            done.update(zip(some, found, strict=True))
    rows = [one for found, _ in done.values() for one in found]
    return Campaign(
        protocol,
        [one for one in rows if isinstance(one, Row)],
        [one for one in rows if isinstance(one, Excluded)],
        beliefs,
        {family: Counter(name for name, _ in done)[family] for family in families},
        dict(per_family),
        sum(cpu_s for _, cpu_s in done.values()),
    )
