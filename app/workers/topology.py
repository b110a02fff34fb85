"""Which processors there are and how they hang together, read from a folder laid out as /sys/devices/system is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYSTEM: Final = Path("/sys/devices/system")
_NUMBER: Final = re.compile(r"(\d+)$")


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of memory with the processors that are near to it. `cores`: hardware threads of each core, rising."""

    number: int
    cores: tuple[tuple[int, ...], ...]

    @property
    def cpus(self) -> tuple[int, ...]:
        return tuple(sorted(cpu for core in self.cores for cpu in core))


@dataclass(frozen=True, slots=True)
class Topology:
    """Nodes that have processors, by number."""

    nodes: tuple[Node, ...]

    @property
    def cpus(self) -> tuple[int, ...]:
        return tuple(sorted(cpu for node in self.nodes for cpu in node.cpus))


def read_topology(allowed: frozenset[int], system: Path = SYSTEM) -> Topology:
    """What `system` says of the processors in `allowed`.

    A machine that tells of no nodes is one node of all of them; one that tells of no cores has a core a processor.
    """
    found = []
    for folder in sorted((system / "node").glob("node[0-9]*"), key=_number_of):
        cpus = frozenset(parse_cpus(_text(folder / "cpulist"))) & allowed
        if cpus:
            found.append(Node(_number_of(folder), _cores(cpus, system)))
    # A processor that no node claims is near to none: it is left to the rest of the machine.
    return Topology(tuple(found or ([Node(0, _cores(allowed, system))] if allowed else [])))


def parse_cpus(text: str) -> list[int]:
    """Processor numbers of a list as the kernel writes it, `0-3,8,10-11`; empty for an empty list."""
    numbers: list[int] = []
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def place_workers(topology: Topology, n_workers: int) -> list[frozenset[int]]:
    """The processors each worker is pinned to: a core of its own, the engine's node first; empty sets where none is.

    The first core of the first node stays free for the engine. With fewer cores than workers all of them share what
    is left: two workers pinned to one core would wait for each other beside an idle one.
    """
    if not topology.nodes:
        return [frozenset()] * n_workers
    cores = [core for node in topology.nodes for core in node.cores][1:]
    if not cores:
        return [frozenset()] * n_workers
    if len(cores) >= n_workers:
        return [frozenset(core) for core in cores[:n_workers]]
    return [frozenset(cpu for core in cores for cpu in core)] * n_workers


def _cores(cpus: frozenset[int], system: Path) -> tuple[tuple[int, ...], ...]:
    return tuple(sorted(set(_siblings(cpus, system))))


def _siblings(cpus: frozenset[int], system: Path) -> Iterator[tuple[int, ...]]:
    for cpu in cpus:
        told = parse_cpus(_text(system / "cpu" / f"cpu{cpu}" / "topology" / "thread_siblings_list"))
        yield tuple(sorted(cpus.intersection(told))) or (cpu,)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _number_of(path: Path) -> int:
    found = _NUMBER.search(path.name)
    return int(found.group(1)) if found else 0
