"""The protocol is whole, and its hash names its bytes."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

from app.domain.enums import ContractKind
from app.services.replay_protocol import BOUND_ARM, OWN_ARM, PROTOCOL_PATH, RIVAL_ARM, load_protocol


def test_the_committed_protocol_is_whole() -> None:
    protocol = load_protocol()
    assert protocol.sha256 == hashlib.sha256(PROTOCOL_PATH.read_bytes()).hexdigest()
    assert sum(venue.share_ppm for venue in protocol.shared) == 1_000_000
    assert {RIVAL_ARM, OWN_ARM} <= set(protocol.arms)
    assert BOUND_ARM not in protocol.arms
    assert set(protocol.arm_titles) == {*protocol.arms, BOUND_ARM}
    assert [table.tier for table in protocol.tiers] == ["zero", "base", "top"]
    for table in protocol.tiers:
        assert set(table.taker_fee_ppm) == set(ContractKind)
        assert all(len(ppm) == len(protocol.shared) for ppm in table.taker_fee_ppm.values())
    assert protocol.clean_up_ns < protocol.every_ns  # a parent is over before the next one starts


def test_reach_and_errors_are_the_rules_of_evidence() -> None:
    protocol = load_protocol()
    assert protocol.reach.max_displayed_frac == Decimal("0.10")
    assert (protocol.reach.within_bps, protocol.reach.max_life_ns) == (5, 10**9)
    assert protocol.errors.min_block_iat >= 2
    assert protocol.errors.t_below_blocks == 30
    assert protocol.errors.equivalence_bps == 0.1


def test_the_hash_changes_with_a_byte(tmp_path: Path) -> None:
    path = tmp_path / "protocol.toml"
    path.write_bytes(PROTOCOL_PATH.read_bytes() + b"\n")
    assert load_protocol(path).sha256 != load_protocol().sha256
