"""Folders laid out as /sys/devices/system is, for machines that we do not have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def machine(folder: Path, nodes: Sequence[Sequence[Sequence[int]]], *, has_nodes: bool = True) -> Path:
    """`nodes`: for each node its cores, for each core its hardware threads."""
    for number, cores in enumerate(nodes):
        cpus = sorted(cpu for core in cores for cpu in core)
        if has_nodes:
            node = folder / "node" / f"node{number}"
            node.mkdir(parents=True)
            (node / "cpulist").write_text(as_ranges(cpus) + "\n")
        for core in cores:
            for cpu in core:
                place = folder / "cpu" / f"cpu{cpu}" / "topology"
                place.mkdir(parents=True)
                (place / "thread_siblings_list").write_text(as_ranges(sorted(core)) + "\n")
                (place / "physical_package_id").write_text(f"{number}\n")
    return folder


def as_ranges(cpus: Sequence[int]) -> str:
    """`0-3,8`, as the kernel writes it."""
    parts: list[list[int]] = []
    for cpu in cpus:
        if parts and parts[-1][-1] == cpu - 1:
            parts[-1].append(cpu)
        else:
            parts.append([cpu])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)
