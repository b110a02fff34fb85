"""All worlds of a campaign, in as many processes as asked; what is finished can be kept and read back."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from loadtests.arms.beliefs import Beliefs, learn
from loadtests.arms.campaign import Excluded, Row, run_world
from loadtests.arms.protocol import Protocol, load_protocol
from loadtests.arms.report import Campaign

Done = tuple[list[Row | Excluded], float]


def work(keep: Path | None, beliefs: Mapping[str, Beliefs], task: tuple[str, int]) -> Done:
    """One world, in any process: its rows and its CPU seconds."""
    protocol = load_protocol()
    kept = keep / f"{task[0]}-{task[1]}-{protocol.sha256[:12]}.json" if keep is not None else None
    if kept is not None and kept.exists():
        told = json.loads(kept.read_text())
        return [Row(**one) if "arm" in one else Excluded(**one) for one in told["rows"]], float(told["cpu_s"])
    started_s = time.process_time()
    found = list(run_world(*task, protocol, beliefs[task[0]]))
    cpu_s = time.process_time() - started_s
    if kept is not None:
        kept.write_text(json.dumps({"rows": [asdict(one) for one in found], "cpu_s": cpu_s}))
    return found, cpu_s


def run(
    protocol: Protocol, n_worlds: int, processes: int, families: Sequence[str], keep: Path | None = None
) -> Campaign:
    """All families on worlds first_seed, first_seed + 1, ...; how many processes changes no figure."""
    first = protocol.worlds["first_seed"]
    tasks = [(family, first + i) for i in range(n_worlds) for family in families]
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        beliefs = dict(zip(families, pool.map(partial(learn, protocol=protocol), families), strict=True))
        done = list(pool.map(partial(work, keep, beliefs), tasks))
    found = [one for rows, _ in done for one in rows]
    return Campaign(
        protocol,
        [one for one in found if isinstance(one, Row)],
        [one for one in found if isinstance(one, Excluded)],
        beliefs,
        n_worlds,
        sum(cpu_s for _, cpu_s in done),
    )
