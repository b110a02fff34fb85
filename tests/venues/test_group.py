"""A group travels as text and gives the same ports on the other side."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.venues.clock import SystemClock
from app.venues.group import GroupKind, GroupSpec, exchange_behind, make_group, universe_of


def test_a_group_makes_just_its_venues_on_its_own_folder(tmp_path: Path) -> None:
    sent = GroupSpec(GroupKind.SIMULATED, ("sim_bravo", "sim_alpha"), str(tmp_path), seed=3, max_book_age_ms=1_000)
    spec = msgspec.json.decode(msgspec.json.encode(sent), type=GroupSpec)
    assert spec == sent
    universe = universe_of(spec)
    assert universe.venues["sim_alpha"].max_book_age_ns <= 1_000_000_000
    ports = make_group(spec, universe, SystemClock()).ports
    assert list(ports) == ["sim_bravo", "sim_alpha"]
    paper = exchange_behind(ports["sim_bravo"])
    assert paper is not None
    assert (paper.exchange.spec.ledger_path.parent, paper.exchange.spec.seed) == (tmp_path, 3)
