"""Ours beside @sushiswap/tines on the solved cases of the family `dex`, in one interleaved run.

Both sides answer the same case in turn; CPU is that of the process that answers (node's own accounting, Python's
`process_time`), and a ratio is the median of the rounds' own ratios, so that a noisy spell meets both. Outputs are
re-simulated by the cases' neutral simulator; what a router says of itself is not used.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
CASES = REPOSITORY.parent / "shared" / "cases"
SCRIPT = Path(__file__).parent / "npm_sushi" / "tines.js"
# An answer is compared after this many queries, so that both compilers have settled.
N_WARM, N_ROUNDS, N_QUERIES = 30, 7, 5

Case = Mapping[str, Any]
Route = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Compared:
    """One case: outputs as fractions of the optimum, CPU per query, the rounds' median ratio of it."""

    case_id: str
    subfamily: str
    ours_of_optimum: float
    theirs_of_optimum: float
    ours_cpu_ms: float
    theirs_cpu_ms: float
    cpu_ratio: float

    @property
    def output_ratio(self) -> float:
        return self.ours_of_optimum / self.theirs_of_optimum


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A case that the peer does not know how to read."""

    case_id: str
    reason: str


class Peer:
    """A node process that answers a case by its id."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def answer(self, case_id: str) -> dict[str, Any]:
        """Its route: legs and what it says of them, or an error."""
        return self._ask(case_id, 0)

    def cpu_ms(self, case_id: str, n_queries: int) -> float:
        """CPU ms of the process per query."""
        return float(self._ask(case_id, n_queries)["cpu_ms"])

    def _ask(self, case_id: str, n_queries: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{case_id} {n_queries}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended with {self._process.wait(timeout=10)} at {case_id}")
        reply: dict[str, Any] = json.loads(line)
        return reply


def is_installed(script: Path = SCRIPT) -> bool:
    """Whether node and the peer's packages are here."""
    return shutil.which("node") is not None and (script.parent / "node_modules" / "@sushiswap" / "tines").is_dir()


@contextmanager
def serving(cases: Path, script: Path = SCRIPT) -> Iterator[Peer]:
    """The peer, holding every case of the file."""
    command = ["node", str(script), "--serve", str(cases)]
    process = subprocess.Popen(command, cwd=script.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Peer(process)
    finally:
        process.terminate()
        process.communicate(timeout=10)


def simulator(folder: Path = CASES) -> ModuleType:
    """The cases' own simulator, loaded by path."""
    spec = importlib.util.spec_from_file_location("cases_sim", folder / "sim.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(folder: Path, family: str) -> tuple[list[Case], dict[str, Any]]:
    """(cases, reference answers by id)."""
    cases = json.loads((folder / "cases" / f"{family}.json").read_text())["cases"]
    return cases, json.loads((folder / "reference" / f"{family}.json").read_text())["answers"]


def compare(route: Route, folder: Path = CASES) -> Iterator[Compared | LeftOut]:
    """Each case in turn: answers first, then rounds of queries, ours and theirs by turns."""
    sim = simulator(folder)
    cases, answers = load(folder, "dex")
    with serving(folder / "cases" / "dex.json") as peer:
        for case in cases:
            theirs = peer.answer(case["id"])
            if "error" in theirs:
                yield LeftOut(case["id"], theirs["error"])
                continue
            optimum = answers[case["id"]]["optimum"]["out"]
            outputs = [sim.simulate_dex(case, legs)[0] / optimum for legs in (route(case)["legs"], theirs["legs"])]
            yield _timed(case, route, peer, outputs)


def _timed(case: Case, route: Route, peer: Peer, outputs: list[float]) -> Compared:
    for _ in range(N_WARM):
        route(case)
    peer.cpu_ms(case["id"], N_WARM)
    ours, theirs = [], []
    for _ in range(N_ROUNDS):
        started_ns = time.process_time_ns()
        for _ in range(N_QUERIES):
            route(case)
        ours.append((time.process_time_ns() - started_ns) / 1e6 / N_QUERIES)
        theirs.append(peer.cpu_ms(case["id"], N_QUERIES))
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    medians = statistics.median(ours), statistics.median(theirs)
    return Compared(case["id"], case["subfamily"], outputs[0], outputs[1], *medians, ratio)


def against_recorded(route: Route, folder: Path = CASES, family: str = "dex") -> dict[str, list[float]]:
    """Our re-simulated output over that of every peer that was recorded, by peer."""
    sim = simulator(folder)
    cases, answers = load(folder, family)
    ratios: dict[str, list[float]] = {}
    for case in cases:
        ours = sim.simulate_dex(case, route(case)["legs"])[0]
        for peer, answer in answers[case["id"]]["peers"].items():
            if answer.get("out"):
                ratios.setdefault(peer, []).append(ours / answer["out"])
    return ratios


def lines(found: list[Compared | LeftOut]) -> Iterator[str]:
    """The table, its summary, and what was left out."""
    rows = [row for row in found if isinstance(row, Compared)]
    yield "| case | kind | ours / optimum | tines / optimum | ours / tines | our CPU ms | tines CPU ms | CPU ratio |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for row in rows:
        yield (
            f"| {row.case_id} | {row.subfamily} | {row.ours_of_optimum:.9f} | {row.theirs_of_optimum:.9f} |"
            f" {row.output_ratio:.9f} | {row.ours_cpu_ms:.3f} | {row.theirs_cpu_ms:.3f} | {row.cpu_ratio:.3f} |"
        )
    if rows:
        outputs, costs = [row.output_ratio for row in rows], [row.cpu_ratio for row in rows]
        yield ""
        yield f"output ours / tines: mean {statistics.mean(outputs):.9f}, least {min(outputs):.9f}, {len(rows)} cases"
        yield f"CPU ours / tines: median {statistics.median(costs):.3f}, most {max(costs):.3f}"
    for left in (row for row in found if isinstance(row, LeftOut)):
        yield f"left out: {left.case_id}, {left.reason}"
