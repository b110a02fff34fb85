"""Cycle search beside networkx on the same graphs, interleaved, in CPU microseconds; profits beside the times.

Graphs are those of a market: assets with prices, rates that disagree by a little, fees, and in half of them a few rates
that are off by enough to pay. networkx answers two questions for the one: whether there is a cycle (Bellman and Ford),
and which (its own search, which may fail); building its graph is not counted, building our arrays is.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import networkx as nx
import numpy as np

from app.kernels import jit
from app.routing.arbitrage import Conversions, best_cycle

SHAPES = ((10, 1.0), (30, 0.5), (60, 0.3), (120, 0.3))
N_GRAPHS = 6
Edge = tuple[int, int, float, float]


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph in the form that each side takes."""

    n_assets: int
    edges: tuple[Edge, ...]
    network: Any


def make_graph(seed: int, n_assets: int, share: float, *, is_paying: bool) -> Graph:
    """Rates follow prices within the fees, except a few where `is_paying`."""
    rng = Random(seed)
    price = [math.exp(rng.gauss(0, 4)) for _ in range(n_assets)]
    edges: list[Edge] = []
    network = nx.DiGraph()
    network.add_nodes_from(range(n_assets))
    for a in range(n_assets):
        for b in range(n_assets):
            if a == b or rng.random() >= share:
                continue
            off = rng.gauss(0, 0.0002) + (0.012 if is_paying and rng.random() < 4 / n_assets**2 / share else 0.0)
            rate, fee_bps = price[a] / price[b] * math.exp(off), rng.choice((10.0, 20.0, 30.0))
            edges.append((a, b, rate, fee_bps))
            network.add_edge(a, b, weight=-math.log(rate * (1 - fee_bps / 1e4)))
    return Graph(n_assets, tuple(edges), network)


def ours(graph: Graph) -> float:
    """Our best gain, 0 without any."""
    source, target, rate, fee_bps = zip(*graph.edges, strict=True)
    columns = np.array(source), np.array(target), np.array(rate), np.array(fee_bps) / 1e4
    found = best_cycle(Conversions(graph.n_assets, *columns))
    return 0.0 if found is None else found.gain_frac


def theirs(graph: Graph) -> float:
    """What networkx finds: 0 where it sees none, -1 where it sees one and cannot say which."""
    if not nx.negative_edge_cycle(graph.network):
        return 0.0
    try:
        nodes = nx.find_negative_cycle(graph.network, next(iter(graph.network)))
    except nx.NetworkXError:
        return -1.0
    return math.exp(-sum(graph.network[a][b]["weight"] for a, b in itertools.pairwise(nodes))) - 1


def cpu_us(search: Callable[[Graph], float], graph: Graph) -> float:
    started_ns = time.process_time_ns()
    search(graph)
    return (time.process_time_ns() - started_ns) / 1e3


def compare(n_assets: int, share: float, n_rounds: int) -> dict[str, object]:
    """Half of the graphs pay; medians over rounds, ratios within a round."""
    graphs = [make_graph(seed, n_assets, share, is_paying=seed % 2 == 0) for seed in range(N_GRAPHS)]
    gains = [(ours(graph), theirs(graph)) for graph in graphs]
    samples = [(cpu_us(ours, graph), cpu_us(theirs, graph)) for _ in range(n_rounds) for graph in graphs]
    found = [mine / other for mine, other in gains if other > 0]
    return {
        "assets": n_assets,
        "rates": round(statistics.mean(len(graph.edges) for graph in graphs)),
        "ours_us": round(statistics.median(mine for mine, _ in samples)),
        "networkx_us": round(statistics.median(other for _, other in samples)),
        "networkx_over_ours": round(statistics.median(other / mine for mine, other in samples), 2),
        "ours_found": sum(mine > 0 for mine, _ in gains),
        "networkx_found": len(found),
        "gain_over_networkx_mean": round(statistics.mean(found), 3) if found else None,
    }


def measure(*, is_quick: bool = False) -> list[dict[str, object]]:
    """One row a shape."""
    jit.warm()
    return [compare(*shape, 3 if is_quick else 9) for shape in SHAPES]


if __name__ == "__main__":
    for row in measure():
        print(row)
