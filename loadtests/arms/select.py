"""`python -m loadtests.arms.select`: which terms the own arms use, as tuning worlds say, for the protocol.

From the starting sets of the protocol each term is tried the other way, in worlds that judge nothing. It is turned
where that is cheaper by at least one standard error, by family and size. The tables are committed before the judging.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

import numpy as np

from loadtests.arms.beliefs import learn
from loadtests.arms.campaign import OWN, SCHEDULE, TAKER, Part, Row, arms_of, run_world
from loadtests.arms.figures import by_world, costs_of
from loadtests.arms.protocol import Protocol, load_protocol


def turned(gaps: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether a term is turned: `gaps` are worlds' costs as it is less costs the other way."""
    error = float(gaps.std(ddof=1)) / sqrt(gaps.size)
    return float(gaps.mean()) > error and bool(gaps.any())


def selected(rows: Sequence[Row], family: str, kind: str, protocol: Protocol) -> dict[str, list[str]]:
    """The terms by size; prints what each is worth."""
    costs, own = costs_of(rows, weight=protocol.control), OWN[kind]
    found = {}
    for size in protocol.parents["participation"]:
        uses = set(protocol.uses[own][family][size])
        for arm in arms_of(kind, family, size, protocol):
            if arm.code != own or arm.name == own:
                continue
            gaps = by_world(costs[family, size, own], costs[family, size, arm.name], protocol.parents["sides"])
            error = float(gaps.std(ddof=1)) / sqrt(gaps.size)
            is_turned = turned(gaps)
            print(f"# {family} {size} {arm.name}: {gaps.mean():+.3f} +- {error:.3f}{' turned' if is_turned else ''}")
            uses ^= {arm.name.split(" ")[-1]} if is_turned else set()
        found[size] = [one for one in protocol.terms[own] if one in uses]
    return found


def main() -> None:
    protocol = load_protocol()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--worlds", type=int, default=protocol.worlds["n_select"])
    parser.add_argument("--families", nargs="*", default=list(protocol.families))
    arguments = parser.parse_args()
    start = replace(protocol, uses={own: _everywhere(protocol, terms) for own, terms in protocol.start.items()})
    for family in arguments.families:
        beliefs = learn(family, protocol)
        for kind in (TAKER, SCHEDULE):
            own, rows = OWN[kind], []
            for i in range(arguments.worlds):
                seed = protocol.worlds["first_select_seed"] + i
                part = Part(kind, only=_tried(family, kind, start))
                rows += [row for row in run_world(family, seed, start, beliefs, part) if isinstance(row, Row)]
            told = selected(rows, family, kind, start)
            print(f"[uses.{own}] {family} = {told}".replace("'", '"').replace('":', '" ='), flush=True)


def _everywhere(protocol: Protocol, terms: list[str]) -> dict[str, dict[str, list[str]]]:
    return {family: dict.fromkeys(protocol.parents["participation"], terms) for family in protocol.families}


def _tried(family: str, kind: str, protocol: Protocol) -> tuple[str, ...]:
    size = next(iter(protocol.parents["participation"]))
    return tuple(arm.name for arm in arms_of(kind, family, size, protocol) if arm.code == OWN[kind])


if __name__ == "__main__":
    main()
