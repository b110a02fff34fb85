"""Chance by address: a draw is a hash of (seed, agent, event, lane), so that nobody's draws depend on who drew before.

Two runs of one seed that differ in our orders give every agent the same draws for its first, second, ... event.
Source: docs/simulated-markets.md#noise.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from app.kernels.jit import CALL, kernel

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_S30: Final = np.uint64(30)
_S27: Final = np.uint64(27)
_S31: Final = np.uint64(31)
_S11: Final = np.uint64(11)
_TO_UNIT: Final = 1.0 / 9007199254740992.0
_HALF_STEP: Final = 0.5 / 9007199254740992.0


@kernel("")
def _mix(bits: Any) -> Any:
    """The finaliser of splitmix64."""
    bits = (bits ^ (bits >> _S30)) * _FIRST
    bits = (bits ^ (bits >> _S27)) * _SECOND
    return bits ^ (bits >> _S31)


@kernel("")
def _address(seed: int, agent: int, event: int, lane: int) -> Any:
    bits = _mix(np.uint64(seed) + _GOLDEN)
    bits = _mix(bits ^ (np.uint64(agent) + _GOLDEN))
    bits = _mix(bits ^ (np.uint64(event) + _GOLDEN))
    return _mix(bits ^ (np.uint64(lane) + _GOLDEN))


@kernel("")
def uniform(seed_number: int, agent_number: int, event_number: int, lane_i: int) -> float:
    """A number strictly between 0 and 1."""
    return float(_address(seed_number, agent_number, event_number, lane_i) >> _S11) * _TO_UNIT + _HALF_STEP


@kernel("")
def exponential(seed_number: int, agent_number: int, event_number: int, lane_i: int) -> float:
    """A waiting time of rate one."""
    return -math.log(uniform(seed_number, agent_number, event_number, lane_i))


@kernel("")
def normal(seed_number: int, agent_number: int, event_number: int, lane_i: int) -> float:
    """A standard normal number; takes the lanes `lane_i` and `lane_i` + 1 (Box and Muller)."""
    radius = math.sqrt(-2.0 * math.log(uniform(seed_number, agent_number, event_number, lane_i)))
    return radius * math.cos(2.0 * math.pi * uniform(seed_number, agent_number, event_number, lane_i + 1))


@kernel("int64(int64, int64, int64, float64[::1], float64[::1], float64[::1])", CALL)
def fill_noise(
    seed_number: int, agent_number: int, first_event_number: int, out_uniform: Any, out_wait: Any, out_normal: Any
) -> int:
    """The three kinds of draws of consecutive events of one agent, lane 0. out_*: float64[n]. Returns n.

    Twin: tests/reference/sim_noise.py.
    """
    for i in range(out_uniform.size):
        out_uniform[i] = uniform(seed_number, agent_number, first_event_number + i, 0)
        out_wait[i] = exponential(seed_number, agent_number, first_event_number + i, 0)
        out_normal[i] = normal(seed_number, agent_number, first_event_number + i, 0)
    return int(out_uniform.size)
