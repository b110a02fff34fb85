"""What is printed: every arm and size, the flags that limit a claim, and figures that add up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from app.domain.enums import Side
from app.services.replay_lane import Outcome
from app.services.replay_report import bps, judge, render_run, table
from app.services.replay_run import GroupResult, RunResult
from tests.services.replay_scene import small_protocol

PROTOCOL = small_protocol()
PARTS = ("delay", "timing", "basis", "spread", "impact", "fee", "gas", "clean_up")
NOTIONAL = 10**13


def outcome(cost_ubps: int, instant_i: int = 0) -> Outcome:
    cost = NOTIONAL * cost_ubps // 10**10
    parts = dict.fromkeys(PARTS, 0) | {"impact": cost}
    return Outcome(instant_i, 100, 1000, 1000, NOTIONAL, cost, parts, 1, 2, 5, True)


def group(costs_ubps: dict[str, list[int]], bound_ubps: list[int], *, beyond: int = 0) -> GroupResult:
    n = len(bound_ubps)
    return GroupResult(
        tier="base",
        size_usd=50_000,
        side=Side.BUY,
        outcomes={arm: tuple(outcome(c, i) for i, c in enumerate(costs)) for arm, costs in costs_ubps.items()},
        bound_nano=tuple(NOTIONAL * c // 10**10 for c in bound_ubps),
        displayed_frac=(Decimal("0.05"),) * n,
        is_beyond=(True,) * beyond + (False,) * (n - beyond),
        n_excluded=0,
    )


def five_arms(n: int, a3_ubps: int, a5_ubps: int) -> dict[str, list[int]]:
    costs = {arm: [a5_ubps + 2_000_000] * n for arm in ("A0", "A1", "A2")}
    return costs | {"A3": [a3_ubps] * n, "A5": [a5_ubps] * n}


def result(*groups: GroupResult) -> RunResult:
    return RunResult("made up", groups, 20, 99, 7, "f" * 64)


def test_zero_has_no_sign_and_decimals_are_fixed() -> None:
    assert [bps(v) for v in (-0.0001, 0.0, 1.23456, -1.5)] == ["0.000", "0.000", "1.235", "-1.500"]
    assert table(["a", "b"], [["1", "2"]]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |", ""]


def test_all_arms_are_printed_losers_too() -> None:
    text = render_run(result(group(five_arms(20, 3_500_000, 3_000_000), [2_500_000] * 20)), PROTOCOL)
    for arm in ("A0", "A1", "A2", "A3", "A5", "A6"):
        assert f"| base | 50,000 | buy | {arm} |" in text
    assert "| base | 50,000 | buy | 20 | 0.500 [0.500, 0.500] |" in text
    assert "| 50 % |" in text  # half of what hindsight would have had


def test_a_row_beyond_the_reach_says_nothing_else() -> None:
    costs = five_arms(20, 3_000_000, 3_000_000)
    within, beyond = group(costs, [3_000_000] * 20, beyond=1), group(costs, [3_000_000] * 20, beyond=2)
    assert [item.is_extrapolated for item in judge(result(within, beyond), PROTOCOL)] == [False, True]
    text = render_run(result(beyond), PROTOCOL)
    assert "extrapolated" in text
    assert "equivalent" not in text


def test_equal_arms_are_identical_and_nothing_was_attainable() -> None:
    text = render_run(result(group(five_arms(20, 3_000_000, 3_000_000), [3_000_000] * 20)), PROTOCOL)
    assert "| 0, identical |" in text
    assert "none attainable" in text


def test_holm_counts_the_rows_of_a_tier() -> None:
    noisy = five_arms(20, 3_100_000, 3_000_000)
    noisy["A3"] = [3_000_000 + (i * 7919 % 13) * 20_000 for i in range(20)]
    one = judge(result(group(noisy, [2_900_000] * 20)), PROTOCOL)[0].p_holm
    other_tier = replace(group(noisy, [2_900_000] * 20), tier="top")
    two = judge(result(*[group(noisy, [2_900_000] * 20)] * 2, other_tier), PROTOCOL)
    assert two[0].p_holm == min(1.0, 2 * one)
    assert two[2].p_holm == one


def test_too_few_parents_claim_nothing() -> None:
    assert "nothing is claimed" in render_run(result(group(five_arms(1, 1, 1), [1])), PROTOCOL)
