"""Shared memory under stress: no torn read, no loss, no reorder; no problem lost or answered twice by kills of workers.

A tenth in every run; the whole in `make soak`, whose figures are docs/results/shm.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.faults.worker_kills import KillCampaign

REPOSITORY = Path(__file__).resolve().parents[2]


def stress(what: str, count: int) -> dict[str, int]:
    """One stress in processes of its own."""
    command = [sys.executable, "-m", "tests.faults.shm_stress", what, str(count), "7"]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, check=True, timeout=3_000)
    found: dict[str, int] = json.loads(done.stdout)
    report(what, found)
    return found


def report(what: str, found: dict) -> None:
    print(what, json.dumps(found))
    if folder := os.environ.get("BESTEX_SHM_REPORT"):
        (Path(folder) / f"{what}.json").write_text(json.dumps(found))


def a_tenth_and_all(tenth: int):
    return pytest.mark.parametrize("count", [tenth, pytest.param(10 * tenth, marks=pytest.mark.soak)])


@a_tenth_and_all(10_000_000)
def test_a_ring_loses_and_reorders_no_message(count: int) -> None:
    found = stress("ring", count)
    assert found["messages"] == count
    assert found["out_of_order"] == found["broken"] == found["left"] == found["producer_status"] == 0


@a_tenth_and_all(1_000_000)
def test_no_read_beside_a_writer_at_full_speed_is_torn(count: int) -> None:
    found = stress("books", count)
    assert found["reads"] == count
    assert found["torn"] == found["went_back"] == 0
    assert found["new_turns"] > 1_000, "the writer must have been met"


@a_tenth_and_all(100)
def test_a_writer_that_dies_leaves_no_half_book(count: int) -> None:
    found = stress("writers", count)
    assert found["torn"] == found["went_back"] == 0
    assert found["inside_a_write"] > count // 20, "the kills must hit writes"
    assert found["healed"] == 1


@pytest.mark.timeout(3_000)
@a_tenth_and_all(100)
def test_no_problem_is_lost_or_answered_twice_by_kills(count: int) -> None:
    found = KillCampaign(Random(count)).run(count, hang_every=20)
    report("kills", found)
    assert found["kills"] == count <= found["deaths"]
    assert found["answered"] == found["problems"] > count
    assert found["answered_twice"] == found["wrong"] == found["damaged"] == found["slots_not_free"] == 0
    assert found["hangs_found"] >= count // 20
    assert found["mid_problem"] > count // 2, "the kills must hit searches"
    assert found["given_again"] > 0
