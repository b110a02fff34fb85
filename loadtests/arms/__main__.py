"""`python -m loadtests.arms`: every arm on every family's unseen worlds; writes docs/results/arms.md.

The soak runs the same protocol on more worlds: `--worlds 250`. With `--keep DIR` each finished world's rows are kept
there, and a run that begins again reads them back.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

from loadtests.arms.campaign import Excluded, Row, beliefs_of, run_world
from loadtests.arms.protocol import Protocol, load_protocol
from loadtests.arms.report import Campaign, render

OUT = Path("docs/results/arms.md")


def _work(keep: Path | None, task: tuple[str, int]) -> tuple[list[Row | Excluded], float]:
    """One world, in any process; beliefs are learned once in each. Returns its rows and its CPU seconds."""
    protocol = load_protocol()
    kept = keep / f"{task[0]}-{task[1]}-{protocol.sha256[:12]}.json" if keep is not None else None
    if kept is not None and kept.exists():
        told = json.loads(kept.read_text())
        return [Row(**one) if "arm" in one else Excluded(**one) for one in told["rows"]], told["cpu_s"]
    started_s = time.process_time()
    found = list(run_world(*task, protocol, beliefs_of(task[0])))
    cpu_s = time.process_time() - started_s
    if kept is not None:
        kept.write_text(json.dumps({"rows": [asdict(one) for one in found], "cpu_s": cpu_s}))
    return found, cpu_s


def run(
    protocol: Protocol, n_worlds: int, processes: int, families: Sequence[str], keep: Path | None = None
) -> Campaign:
    """All families on worlds first_seed, first_seed + 1, ...; how many processes changes no figure."""
    first = protocol.worlds["first_seed"]
    tasks = [(family, first + i) for family in families for i in range(n_worlds)]
    # Neighbours go to one process, because each learns a family's beliefs once.
    chunk = -(-len(tasks) // max(processes, len(families)))
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        done = list(pool.map(partial(_work, keep), tasks, chunksize=chunk))
    found = [one for rows, _ in done for one in rows]
    return Campaign(
        protocol,
        [one for one in found if isinstance(one, Row)],
        [one for one in found if isinstance(one, Excluded)],
        {family: beliefs_of(family) for family in families},
        n_worlds,
        sum(cpu_s for _, cpu_s in done),
    )


def main() -> None:
    protocol = load_protocol()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--worlds", type=int, default=protocol.worlds["n"])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    campaign = run(protocol, arguments.worlds, arguments.processes, protocol.families, arguments.keep)
    arguments.out.write_text(render(campaign), encoding="utf-8")


if __name__ == "__main__":
    main()
