"""A whole decision in one call: posed, contested, the best plan picked, proven and said."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.answer import write_answer
from app.kernels.decide import BEST, FOUND, IS_HELD, N_BROKEN, N_PACKED, decide_steps
from app.kernels.jit import kernel
from app.kernels.prove import IS_PROVEN

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
UInt8 = npt.NDArray[np.uint8]

# The step behind those of kernels/decide.py: what the plan says, in a table and in its receipt's columns.
ANSWER: Final = 8


@kernel(
    "int64(int64[:,:,::1], int64[:,:,::1], int64[:,::1], int64[::1], int64[::1], boolean[::1], int64[::1],"
    " int64[::1], float64[::1], uint8[::1], int64, int64, int64, int64, int64, int64, int64, boolean)"
)
def decide_plan(
    price_units: Int64,
    qty_units: Int64,
    n_levels: Int64,
    book_seq: Int64,
    received_ts_ns: Int64,
    is_gapped: Bool,
    solvers: Int64,
    ints_inplace: Int64,
    floats_inplace: Float64,
    out_bytes: UInt8,
    step_i: int,
    now_ns: int,
    cap_units: int,
    wanted_units: int,
    notional_nano: int,
    max_venues: int,
    mid_half_units: int,
    is_sweep: bool,
) -> int:
    """The steps of `step_i` in one decision on these books, in a workspace's buffers: see decide_steps.

    ANSWER, which needs all the steps before it: where a plan was picked and proven, and no child breaks a law, table
    and bytes of write_answer, N_PACKED of them; else N_PACKED is 0. mid_half_units: twice the benchmark, below
    pose.NARROW. Returns the venues admitted. Source: docs/kernels.md#pose.
    """
    ints = ints_inplace
    n_admitted = decide_steps(
        price_units,
        qty_units,
        n_levels,
        book_seq,
        received_ts_ns,
        is_gapped,
        solvers,
        ints_inplace,
        floats_inplace,
        step_i,
        now_ns,
        cap_units,
        wanted_units,
        notional_nano,
        max_venues,
        is_sweep,
    )
    is_said = step_i & ANSWER and n_admitted > 0 and ints[IS_HELD] != 0 and ints[BEST] >= 0
    if is_said and ints[N_BROKEN] == 0 and ints[FOUND + IS_PROVEN] != 0:
        ints_inplace[N_PACKED] = write_answer(
            ints_inplace, floats_inplace, solvers.size, mid_half_units, max_venues, out_bytes
        )
    return int(n_admitted)
