"""A thousand random lives of scheduled parents in every run, ten thousand in `make soak`: the laws hold in each."""

from __future__ import annotations

import pytest

from tests.execution.schedule_campaign import run


@pytest.mark.parametrize(("n_lives", "seed"), [(1_000, 1), pytest.param(10_000, 2, marks=pytest.mark.soak)])
def test_children_sum_to_the_parent_whatever_happens(n_lives: int, seed: int) -> None:
    happened = run(n_lives, seed)
    print("\n".join(f"{name}: {n}" for name, n in sorted(happened.items())))
    for name in ("amend taken", "amend refused", "pause", "resume", "restart", "kill", "late fills", "posts", "pulls"):
        assert happened[name] > n_lives // 20, name
    assert happened["fills while canceling"] > n_lives // 50
    assert happened["splits"] > n_lives // 10
    assert happened["bends"] > n_lives // 5
    assert happened["discretion"] > n_lives // 10
    n_done = sum(n for name, n in happened.items() if name.startswith("done "))
    n_filled = happened["done filled "]
    assert n_done == n_lives
    assert n_filled > n_lives // 3
